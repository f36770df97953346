#include "tools/search/state_coverage.hpp"

#include <algorithm>
#include <optional>

#include "model/bytes.hpp"

namespace hubproof::tools {
namespace {

using model::Packet;
using model::Phase;
using model::What;

constexpr std::uint8_t many = 3;
void more(std::uint8_t& count) { count = static_cast<std::uint8_t>(count < many ? count + 1 : many); }
void less(std::uint8_t& count) { count = static_cast<std::uint8_t>(count > 0 ? count - 1 : 0); }

// How soon after it, if it was soon: from a tenth of a millisecond to seven seconds.
std::optional<std::uint64_t> how_soon(std::int64_t after) {
  constexpr std::int64_t least = 100'000;
  constexpr int steps = 9;
  int step = 0;
  for (std::int64_t bound = least; after >= bound; bound *= 4)
    if (++step == steps) return std::nullopt;
  return static_cast<std::uint64_t>(step);
}

// What nobody in the run did.
bool of_the_stage(What what) {
  return what == What::clock || what == What::fault_begins || what == What::fault_ends || what == What::healed ||
         what == What::finished;
}

}  // namespace

StateCoverage::StateCoverage(const model::History& header) : devices_(header.participants.size()) {
  for (const model::Participant& one : header.participants) roles_.push_back(one.role);
}

void StateCoverage::saw(const model::Event& event) {
  const auto observer = static_cast<std::size_t>(event.observer);
  const auto about = static_cast<std::size_t>(event.device);
  const bool known = observer < roles_.size();
  const bool at_device = known && roles_[observer] == model::Role::device;
  const bool at_hub = known && roles_[observer] == model::Role::hub;
  const std::size_t concerned = about < devices_.size() ? about : observer;
  const std::size_t subject = at_device ? observer : concerned;

  if (subject < devices_.size() && !of_the_stage(event.what)) {
    DeviceState& state = devices_[subject];
    std::uint64_t hash = static_cast<std::uint64_t>(event.what) | static_cast<std::uint64_t>(event.phase) << 8 |
                         static_cast<std::uint64_t>(event.packet) << 12 |
                         static_cast<std::uint64_t>(event.flags & (model::flag_dup | model::flag_sent | model::flag_will)) << 20 |
                         static_cast<std::uint64_t>(event.error) << 40 | static_cast<std::uint64_t>(event.status) << 48 |
                         static_cast<std::uint64_t>(event.why) << 52 | static_cast<std::uint64_t>(at_hub) << 60;
    hash = model::mix(hash);
    const Moment moment{event.at, static_cast<std::uint32_t>(subject)};
    if (!healed_) keep(hash, moment);
    mark(hash ^ model::mix(state.last), moment);  // what follows what
    if (const auto soon = how_soon(event.at - state.last_at); soon && state.last != hash)
      mark(model::mix(hash ^ model::mix(state.last + 1 + *soon)), moment);
    if (const auto soon = how_soon(event.at - last_blow_at_); soon && last_blow_at_ >= 0)
      mark(model::mix(hash ^ model::mix(last_blow_ + 64 + *soon)), moment);
    const std::uint64_t states =
        state.link | std::uint64_t{state.subscribed} << 2 | std::uint64_t{state.up} << 3 |
        std::uint64_t{state.in_flight} << 4 | std::uint64_t{state.unsettled} << 6 |
        std::uint64_t{state.queued} << 8 | std::uint64_t{state.restarts} << 10 |
        std::uint64_t{hub_up_} << 12 | std::uint64_t{commands_open_} << 13 |
        std::uint64_t{batches_open_} << 15 | std::uint64_t{faults_on_} << 17;
    mark(model::mix(hash + states), moment);
    state.last = hash;
    state.last_at = event.at;
  }
  const bool blow = event.what == What::fault_begins || event.what == What::fault_ends || event.what == What::clock ||
                    (at_hub && (event.what == What::started || event.what == What::crashed));
  if (blow) {
    last_blow_ = model::mix(static_cast<std::uint64_t>(event.what) << 1 | static_cast<std::uint64_t>(at_hub));
    last_blow_at_ = event.at;
  }

  DeviceState nobody;
  DeviceState& state = subject < devices_.size() ? devices_[subject] : nobody;
  switch (event.what) {
    case What::telemetry:
      if (event.phase == Phase::invoke) more(state.in_flight); else less(state.in_flight);
      break;
    case What::delivery: more(state.unsettled); break;
    case What::complete:
    case What::reject:
    case What::abandon:
      if (event.phase == Phase::invoke) less(state.unsettled), less(state.queued);
      break;
    case What::command:
      if (event.phase == Phase::invoke) {
        more(commands_open_);
      } else {
        less(commands_open_);
        if (event.phase == Phase::ok) more(state.queued);
      }
      break;
    case What::feedback_batch: more(batches_open_); break;
    case What::feedback_complete:
    case What::feedback_abandon:
      if (event.phase != Phase::invoke) less(batches_open_);
      break;
    case What::purge:
    case What::delete_device: state.queued = 0; break;
    case What::opened:
      if (at_device) state.link = 1;
      break;
    case What::accepted:
      if (at_device) state.link = 2, state.restarts = 0;
      break;
    case What::ended:
    case What::refused:
      if (at_device) state.link = 0;
      break;
    case What::packet:
      if (event.packet == Packet::suback) state.subscribed = 1;
      if (event.packet == Packet::unsuback) state.subscribed = 0;
      break;
    case What::started:
      if (at_hub) {
        hub_up_ = 1;
        for (DeviceState& each : devices_) more(each.restarts);
      } else {
        state.up = 1;
      }
      break;
    case What::crashed:
      if (at_hub) hub_up_ = 0; else state = DeviceState{};
      break;
    case What::fault_begins: more(faults_on_); break;
    case What::fault_ends: less(faults_on_); break;
    case What::healed: faults_on_ = 0, healed_ = true; break;
    default: break;
  }
}

void StateCoverage::keep(std::uint64_t kind, const Moment& moment) {
  Kind& all = kinds_[kind % kinds];
  const std::uint32_t before = all.seen++;
  const std::uint64_t place = before < kept_of_kind ? before : model::mix(kind + before) % all.seen;
  if (place < kept_of_kind) all.kept[place] = moment;
}

std::vector<Moment> StateCoverage::moments() const {
  std::vector<Moment> all;
  for (const Kind& kind : kinds_)
    all.insert(all.end(), kind.kept.begin(),
               kind.kept.begin() + std::min<std::ptrdiff_t>(kind.seen, kept_of_kind));
  return all;
}

std::vector<StateCoverage::Found> StateCoverage::by_feature() const {
  std::vector<Found> all = found_;
  std::ranges::sort(all, {}, &Found::feature);
  return all;
}

std::vector<std::uint32_t> StateCoverage::reached() const {
  std::vector<std::uint32_t> all;
  for (const Found& one : by_feature()) all.push_back(one.feature);
  return all;
}

std::vector<Moment> StateCoverage::firsts() const {
  std::vector<Moment> all;
  for (const Found& one : by_feature()) all.push_back(one.first);
  return all;
}

}  // namespace hubproof::tools
