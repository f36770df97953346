// Every case of MQTT can fail: among some wrong servers each case finds one that it fails. They are small
// routers that check nothing and close nothing, each with one or two habits more.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>

#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"
#include "model/mqtt/codec.hpp"

namespace hubproof::conformance::cases {
namespace {

struct Habits {
  const char* name;
  std::set<Type> closes_at{};      // ends a connection that sends one of these
  bool delivers = true;
  bool to_all = false;             // whatever they subscribed to
  bool twice = false;
  bool copies_flags = false;       // DUP and RETAIN go on as they came
  bool retains = false;            // all, and for ever; given to each SUBSCRIBE
  bool remembers = false;          // whoever was subscribed stays so; Session Present 1
  bool reverses = false;           // every second message is held back until the next
  bool wills = false;              // published whenever a connection ends
  bool refuses = false;
  bool refuses_wrong = false;      // a CONNECT of another level, or without an id, and acts on what stands behind it
  bool collects = false;           // for whoever is away
  int id_shift = 0;                // of acknowledgements
  int qos_shift = 0;               // of deliveries
  std::string spoils = {};         // in front of payloads
  bool mute = false;               // but for CONNACK
  bool late_connack = false;       // behind the next answer
  bool resends = false;            // to whoever comes back, all that was ever sent to it, without DUP
  bool no_pubrel = false;
  enum class Suback : std::uint8_t { right, one_code, code_3, all_2 } suback = Suback::right;
  bool unsubscribes_all = false;
  bool ends = false;               // connections as it should: for a wrong type, a takeover, silence
  bool wills_for_all = false;      // at every end a message to every subscription
};

class WrongServer {
 public:
  WrongServer(const Habits& habits, Stage& stage) : habits_{habits}, stage_{stage} {}

  void run() {
    stage_.begin(now_, effects_);
    for (int step = 0; step < 20'000 && !stage_.over(); ++step) {
      perform();
      if (!todo_.empty()) {
        const auto next = std::move(todo_.front());
        todo_.pop_front();
        now_ += 100us;
        next();
        continue;
      }
      const auto deadline = stage_.deadline();
      if (!deadline) break;
      now_ = std::max(now_, *deadline);
      stage_.woken(now_, effects_);
    }
  }

 private:
  using Id = model::ConnectionId;
  struct Peer {
    Bytes in;
    std::string id;
    std::string will_topic, will;
    std::uint16_t next = 100;
    std::uint16_t keep_alive = 0;
    bool open = true;
  };

  void perform() {
    Effects asked;
    std::swap(asked, effects_);
    for (const model::Effect& effect : asked.list()) {
      const Id id = effect.connection;
      if (effect.kind == model::Effect::Kind::connect) {
        peers_[id] = {};
        todo_.push_back([this, id] { stage_.connected(now_, id, effects_); });
      } else if (effect.kind == model::Effect::Kind::send) {
        const View bytes = asked.bytes(effect);
        Bytes& in = peers_[id].in;
        in.insert(in.end(), bytes.begin(), bytes.end());
        todo_.push_back([this, id] { hear(id); });
      } else {
        leave(id);
      }
    }
  }

  void hear(Id id) {
    Peer& peer = peers_[id];
    while (peer.open && !peer.in.empty()) {
      const std::size_t size = packet_size(peer.in);
      if (size == no_length || size == 0 || size > peer.in.size()) return;
      const Bytes packet(peer.in.begin(), peer.in.begin() + static_cast<std::ptrdiff_t>(size));
      peer.in.erase(peer.in.begin(), peer.in.begin() + static_cast<std::ptrdiff_t>(size));
      packet_came(id, peer, packet);
      if (static_cast<Type>(packet[0] >> 4) != Type::connect && late_.contains(id)) {
        say(id, late_[id]);
        late_.erase(id);
      }
    }
  }

  void say(Id id, const Bytes& bytes) {
    todo_.push_back([this, id, bytes] {
      if (peers_[id].open) stage_.received(now_, id, bytes, effects_);
    });
  }
  void leave(Id id) {
    Peer& peer = peers_[id];
    if (!peer.open) return;
    peer.open = false;
    if (habits_.wills && !peer.will_topic.empty()) pass_on(peer.will_topic, model::view(peer.will), 1, 0);
    if (habits_.wills_for_all && !peer.id.starts_with("tP"))
      for (const auto& [client, list] : std::map{subscriptions_})
        for (const auto& [filter, qos] : list) pass_on(filter, model::view("gone"), 1, 0);
  }
  void end(Id id) {
    leave(id);
    todo_.push_back([this, id] { stage_.ended(now_, id, model::EndedBy::peer, effects_); });
  }

  void packet_came(Id id, Peer& peer, const Bytes& packet) {
    const auto type = static_cast<Type>(packet[0] >> 4);
    std::size_t at = 1;
    while ((packet[at] & 0x80) != 0) ++at;
    model::Reader reader{View{packet}.subspan(at + 1)};
    if (type == Type::connect) return connect_came(id, peer, reader);
    if (habits_.closes_at.contains(type) || (habits_.ends && packet[0] >> 4 == 15)) return end(id);
    if (habits_.mute) return;
    const auto shifted = [&](std::uint16_t asked) { return static_cast<std::uint16_t>(asked + habits_.id_shift); };
    switch (type) {
      case Type::publish: {
        const std::string topic{reader.string16()};
        const std::uint8_t qos = packet[0] >> 1 & 3;
        const std::uint16_t number = qos > 0 ? reader.u16() : std::uint16_t{0};
        if (qos == 1) say(id, acknowledgement(Type::puback, shifted(number)));
        if (qos == 2) say(id, acknowledgement(Type::pubrec, shifted(number)));
        if (habits_.retains) retained_[topic] = Bytes(reader.rest().begin(), reader.rest().end());
        pass_on(topic, reader.rest(), qos, packet[0] & 9);
        break;
      }
      case Type::pubrec:
        if (!habits_.no_pubrel) say(id, acknowledgement(Type::pubrel, shifted(reader.u16())));
        break;
      case Type::pubrel: say(id, acknowledgement(Type::pubcomp, shifted(reader.u16()))); break;
      case Type::pingreq:
        say(id, Raw{Type::pingresp}.packet());
        if (habits_.ends && peer.keep_alive == 1) todo_.push_back([this, id] { end(id); });
        break;
      case Type::subscribe: {
        Raw suback{Type::suback};
        suback.u16(shifted(reader.u16()));
        std::vector<std::string> filters;
        do {
          filters.emplace_back(reader.string16());
          const std::uint8_t qos = reader.u8();
          using enum Habits::Suback;
          if (habits_.suback != one_code || filters.size() == 1)
            suback.u8(habits_.suback == code_3 && filters.size() > 1 ? 3 : habits_.suback == all_2 && filters.size() > 1 ? 2 : qos > 2 ? 2 : qos);
          subscriptions_[peer.id].push_back({filters.back(), qos});
        } while (reader.left() > 0);
        say(id, suback.packet());
        for (const auto& [topic, payload] : retained_)
          for (const std::string& filter : filters)
            if (habits_.to_all || model::mqtt::matches(filter, topic)) say(id, publish_packet(topic, payload, 1, ++peer.next, false, true));
        break;
      }
      case Type::unsubscribe:
        if (habits_.unsubscribes_all && !subscriptions_[peer.id].empty()) {
          auto& list = subscriptions_[peer.id];
          std::erase_if(list, [](const auto& one) { return one.first.find("/a/") != std::string::npos || one.first.find("/+/") != std::string::npos; });
        }
        say(id, acknowledgement(Type::unsuback, shifted(reader.u16()))); break;
      default: break;
    }
  }

  void connect_came(Id id, Peer& peer, model::Reader reader) {
    reader.string16();
    const unsigned level = reader.u8();
    const unsigned flags = reader.u8();
    peer.keep_alive = reader.u16();
    peer.id = reader.string16();
    if (flags & 4) peer.will_topic = reader.string16(), peer.will = reader.string16();
    if (!habits_.remembers) subscriptions_.erase(peer.id);
    const bool probe = peer.id.starts_with("tP");
    Raw connack{Type::connack};
    const bool wrong = level != 4 || (peer.id.empty() && (flags & 2) == 0);
    connack.u8(habits_.remembers || habits_.refuses ? 1 : 0)
        .u8(habits_.refuses && !probe ? 5 : habits_.refuses_wrong && wrong ? 1 : 0);
    if (habits_.ends)
      for (auto& [other, older] : peers_)
        if (other != id && older.open && older.id == peer.id) end(other);
    if (habits_.late_connack && !probe)
      late_[id] = connack.packet();
    else
      say(id, connack.packet());
    if (habits_.resends)
      for (const Bytes& bytes : sent_[peer.id]) say(id, bytes);
    for (const Bytes& bytes : std::exchange(missed_[peer.id], {})) say(id, bytes);
  }

  void pass_on(const std::string& topic, View payload, std::uint8_t qos, std::uint8_t flags) {
    if (!habits_.delivers) return;
    Bytes whole(habits_.spoils.begin(), habits_.spoils.end());
    whole.insert(whole.end(), payload.begin(), payload.end());
    const auto send = [this, topic, whole, qos, flags] {
      if (habits_.collects)
        for (const auto& [client, list] : subscriptions_) {
          const auto is_here = [&, id = client](const auto& one) { return one.second.open && one.second.id == id; };
          if (std::ranges::any_of(peers_, is_here)) continue;
          for (const auto& [filter, asked] : list)
            if (model::mqtt::matches(filter, topic))
              missed_[client].push_back(publish_packet(
                  topic, whole, static_cast<std::uint8_t>((std::min(qos, asked) + habits_.qos_shift) % 3), ++collected_));
        }
      for (auto& [id, peer] : peers_) {
        if (!peer.open || peer.id.empty()) continue;
        int granted = habits_.to_all ? 2 : -1;
        for (const auto& [filter, asked] : subscriptions_[peer.id])
          if (model::mqtt::matches(filter, topic)) granted = std::max<int>(granted, asked);
        if (granted < 0) continue;
        const auto level = static_cast<std::uint8_t>((std::min<int>(qos, granted) + habits_.qos_shift) % 3);
        for (int copies = habits_.twice ? 2 : 1; copies > 0; --copies) {
          sent_[peer.id].push_back(publish_packet(topic, whole, level, ++peer.next, habits_.copies_flags && (flags & 8) != 0,
                                                  habits_.copies_flags && (flags & 1) != 0));
          say(id, sent_[peer.id].back());
        }
      }
    };
    if (habits_.reverses && !held_) {
      held_ = send;
      return;
    }
    send();
    if (held_) std::exchange(held_, nullptr)();
  }

  const Habits& habits_;
  Stage& stage_;
  Effects effects_;
  Instant now_{};
  std::deque<std::function<void()>> todo_;
  std::map<Id, Peer> peers_;
  std::map<std::string, std::vector<std::pair<std::string, std::uint8_t>>> subscriptions_;
  std::map<std::string, Bytes> retained_;
  std::map<std::string, std::vector<Bytes>> sent_;
  std::map<std::string, std::vector<Bytes>> missed_;
  std::uint16_t collected_ = 100;
  std::map<Id, Bytes> late_;
  std::function<void()> held_;
};

const std::vector<Habits>& wrong_servers() {
  static const std::vector<Habits> all{
      {.name = "checks nothing"},
      {.name = "says CONNACK and no more", .mute = true},
      {.name = "delivers nothing", .delivers = false},
      {.name = "refuses everybody and stays", .refuses = true},
      {.name = "refuses and acts on what stands behind", .refuses_wrong = true},
      {.name = "collects and gives at another QoS", .remembers = true, .collects = true, .qos_shift = 1},
      {.name = "delivers all to all", .to_all = true},
      {.name = "delivers twice", .twice = true},
      {.name = "passes flags on", .copies_flags = true},
      {.name = "retains for ever", .retains = true},
      {.name = "retains for ever, for all", .to_all = true, .retains = true},
      {.name = "remembers everybody", .remembers = true},
      {.name = "reverses", .reverses = true},
      {.name = "wills at every end", .wills = true},
      {.name = "other ids", .id_shift = 1},
      {.name = "other QoS", .qos_shift = 1},
      {.name = "other QoS still", .qos_shift = 2},
      {.name = "spoils payloads", .spoils = "x"},
      {.name = "answers CONNECT late", .late_connack = true},
      {.name = "sends again what was acknowledged, and without DUP", .remembers = true, .resends = true},
      {.name = "sends no PUBREL", .no_pubrel = true},
      {.name = "gives one code", .suback = Habits::Suback::one_code},
      {.name = "gives code 3", .suback = Habits::Suback::code_3},
      {.name = "gives code 2", .suback = Habits::Suback::all_2},
      {.name = "removes all subscriptions", .unsubscribes_all = true},
      {.name = "ends connections and has no wills", .ends = true},
      {.name = "ends connections and no session", .remembers = true, .ends = true},
      {.name = "makes wills up", .ends = true, .wills_for_all = true},
      {.name = "closes at PUBLISH", .closes_at = {Type::publish}},
      {.name = "closes at PINGREQ", .closes_at = {Type::pingreq}},
      {.name = "closes at SUBSCRIBE", .closes_at = {Type::subscribe}},
      {.name = "closes at UNSUBSCRIBE", .closes_at = {Type::unsubscribe}},
      {.name = "closes at PUBREC and PUBREL", .closes_at = {Type::pubrec, Type::pubrel}},
      {.name = "closes at PUBCOMP", .closes_at = {Type::pubcomp}},
  };
  return all;
}

TEST(WrongServers, EveryCaseOfMqttFindsOne) {
  Target target;
  for (std::uint8_t at = 0; at < static_cast<std::uint8_t>(Capability::count); ++at) target.can.add(static_cast<Capability>(at));
  target.can.remove(Capability::restart);
  std::set<std::string> never_wrong;
  for (const Habits& habits : wrong_servers()) never_wrong.insert(habits.name);
  std::size_t seen = 0;
  for (const Case& one : cases()) {
    if (!one.name.starts_with("mqtt/") || !why_not(one, target).empty()) continue;
    ++seen;
    std::set<std::string> unproven(one.clauses.begin(), one.clauses.end());
    for (const Habits& habits : wrong_servers()) {
      Pace pace;
      Stage stage{target, pace, one, 3, "t", {}};
      WrongServer{habits, stage}.run();
      EXPECT_TRUE(stage.over()) << one.name << " does not end where a server " << habits.name;
      for (const Outcome& outcome : stage.outcomes())
        if (outcome.finding.verdict == Verdict::fail) {
          never_wrong.erase(habits.name);
          unproven.erase(outcome.clause);
        }
    }
    for (const std::string& clause : unproven) ADD_FAILURE() << one.name << " finds no server that breaks " << clause;
  }
  EXPECT_GT(seen, 300u);
  for (const std::string& name : never_wrong) ADD_FAILURE() << "no case fails at the server that " << name;
}

}  // namespace
}  // namespace hubproof::conformance::cases
