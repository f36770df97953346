#include "tools/conform/traffic.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "conformance/cases/stage.hpp"
#include "conformance/clause.hpp"
#include "model/observer/mqtt_observer.hpp"
#include "model/rules.hpp"

namespace hubproof::tools {
namespace {

namespace cases = conformance::cases;

bool binds_server(std::string_view id) {
  const conformance::Clause* clause = conformance::find_clause(id);
  return clause == nullptr || std::ranges::count(clause->side, "hub") > 0;
}

class Teller {
 public:
  explicit Teller(const cases::Stage& stage) : stage_{stage}, observer_{watching()} {
    model::History& header = traffic_.header;
    const model::Rules* rules = model::profile(stage.target().profile);
    header.terms = model::terms(rules != nullptr ? *rules : model::Rules{});
    header.terms.hub_observed = false;
    header.participants = {{"hub", model::Role::hub}};
  }

  Traffic tell() {
    if (!stage_.transcript_is_whole()) return {};
    for (const cases::Line& line : stage_.transcript()) {
      if (line.door != cases::Door::mqtt) continue;
      now_ = line.at;
      tell(line);
    }
    for (const model::ConnectionId connection : std::exchange(open_, {})) end(connection, model::EndedBy::local);
    model::Event finished;
    finished.what = model::What::finished;
    events_.push_back(finished);
    stamp();
    return two_alike_ ? Traffic{} : std::move(traffic_);
  }

 private:
  model::MqttObserver::Settings watching() {
    model::MqttObserver::Settings settings{[this](std::string_view id) {
      std::vector<model::Participant>& all = traffic_.header.participants;
      all.push_back({id.empty() ? "nameless " + std::to_string(all.size()) : std::string{id}, model::Role::device});
      return static_cast<model::NodeIndex>(all.size() - 1);
    }};
    if (!stage_.hub()) settings.note = [this](std::string_view text) { return note(std::string{text}); };
    return settings;
  }
  std::uint32_t note(const std::string& text) {
    std::vector<std::string>& all = traffic_.header.notes;
    const auto [found, is_new] = notes_.try_emplace(text, static_cast<std::uint32_t>(all.size()));
    if (is_new) all.push_back(text);
    return found->second;
  }

  void tell(const cases::Line& line) {
    using What = cases::Line::What;
    const auto connection = static_cast<model::ConnectionId>(line.client);
    switch (line.what) {
      case What::connecting:
        observer_.opened(connection);
        open_.push_back(connection);
        break;
      case What::sent: observer_.sent(connection, stage_.bytes(line), events_); break;
      case What::received: observer_.received(connection, stage_.bytes(line), events_); break;
      case What::refused:
      case What::ended: return end(connection, line.by);
      case What::closed: return end(connection, model::EndedBy::local);
      case What::connected:
      case What::note: break;
    }
    stamp();
  }
  void end(model::ConnectionId connection, model::EndedBy by) {
    std::erase(open_, connection);
    observer_.ended(connection, by, events_);
    stamp();
  }
  void stamp() {
    for (model::Event& event : events_) {
      event.at = (now_ - stage_.transcript().front().at).count();
      event.local = (stage_.date() - (stage_.now() - now_)).time_since_epoch().count();
      look_for_twins(event);
      if (too_early(event) || too_late(event)) continue;
      traffic_.events.push_back(event);
      if (event.what != model::What::accepted && event.what != model::What::refused && event.what != model::What::ended) continue;
      asking_.erase(event.connection);
      for (model::Event& early : early_[event.connection]) {
        early.at = event.at;
        early.local = event.local;
        traffic_.events.push_back(early);
      }
      early_.erase(event.connection);
    }
    events_.clear();
  }
  // To a hub's judge a session begins with CONNACK, and what it subscribes to comes behind that. A case may say all in one go;
  // the hub takes it in this order, too.
  bool too_early(const model::Event& event) {
    if (!stage_.hub() || event.what != model::What::packet || (event.flags & model::flag_sent) == 0) return false;
    if (event.packet == model::Packet::connect) asking_.insert(event.connection);
    if (event.packet != model::Packet::subscribe || !asking_.contains(event.connection)) return false;
    early_[event.connection].push_back(event);
    return true;
  }
  // To a hub's judge a packet comes in the session that its client has then. On a connection that another one has taken over
  // there may be one under way still, which left before.
  bool too_late(const model::Event& event) {
    if (!stage_.hub()) return false;
    if (event.what == model::What::accepted) {
      const auto [newest, is_first] = newest_.try_emplace(event.observer, event.connection);
      if (!is_first && newest->second != event.connection) taken_over_.insert(std::exchange(newest->second, event.connection));
    }
    return event.what == model::What::packet && (event.flags & model::flag_sent) == 0 && taken_over_.contains(event.connection);
  }
  // At a broker messages are known by their payload. Two that are alike cannot be told apart, unless the second
  // is the first, sent again.
  void look_for_twins(const model::Event& event) {
    using model::Packet;
    const auto has = [&](model::Flags flag) { return (event.flags & flag) != 0; };
    if (stage_.hub() || event.what != model::What::packet || !has(model::flag_sent)) return;
    const bool will = event.packet == Packet::connect && has(model::flag_has_will);
    if (event.packet != Packet::publish && !will) return;
    const std::pair whose{event.observer, will ? std::uint16_t{0} : event.packet_id};
    const auto [known, is_new] = sent_.try_emplace(event.message, whose);
    two_alike_ = two_alike_ || (!is_new && (!has(model::flag_dup) || will || known->second != whose));
  }

  const cases::Stage& stage_;
  Traffic traffic_;
  std::map<std::string, std::uint32_t> notes_;
  std::vector<model::Event> events_;
  std::vector<model::ConnectionId> open_;
  std::map<model::MessageKey, std::pair<model::NodeIndex, std::uint16_t>> sent_;  // by whom, with which packet id
  bool two_alike_ = false;
  std::set<std::uint32_t> asking_;                              // connections whose CONNECT has no answer yet
  std::map<std::uint32_t, std::vector<model::Event>> early_;    // SUBSCRIBEs on them
  std::map<model::NodeIndex, std::uint32_t> newest_;            // connection of each client
  std::set<std::uint32_t> taken_over_;
  model::Instant now_{};
  model::MqttObserver observer_;  // last: it asks for the rest
};

}  // namespace

Traffic traffic_of(const cases::Stage& stage) {
  if (stage.transcript().empty()) return {};
  return Teller{stage}.tell();
}

std::vector<conformance::Judged> judge_traffic(const Traffic& traffic) {
  if (traffic.events.empty()) return {};
  conformance::Judge judge{traffic.header.terms, traffic.header.participants, &traffic.header.notes};
  for (const model::Event& event : traffic.events) judge.saw(event);
  std::vector<conformance::Judged> judged = judge.finish().checks;
  std::erase_if(judged, [](const conformance::Judged& one) { return !binds_server(one.id); });
  return judged;
}

}  // namespace hubproof::tools
