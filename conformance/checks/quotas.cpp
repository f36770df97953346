#include "conformance/checks/quotas.hpp"

#include <algorithm>

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::Error;
using model::Phase;
using model::What;

namespace {

// What a hub did so long before it crashed is on its disk.
constexpr std::int64_t surely_stored = 60 * second;

// The place of its limit in the terms; none: no such.
std::size_t limit_of(const Seen& seen) { return std::size_t{seen.event.code} - 1; }

constexpr std::array<const char*, model::limit_count> names{"connection", "telemetry message", "command",
                                                            "receive", "registry operation"};

std::string request(const Seen& seen) {
  std::string text = "a " + std::string{names[limit_of(seen)]};
  if (seen.event.device != model::NodeIndex::none) text += " of " + device(seen);
  return text;
}

bool hub_began(const Seen& seen) {
  return seen.event.what == What::started && seen.facts.who(seen.event.observer) == Facts::Who::hub;
}
bool hub_fell(const Seen& seen) {
  return seen.event.what == What::crashed && seen.facts.who(seen.event.observer) == Facts::Who::hub;
}

}  // namespace

// Figures beyond it are no hub's, and would be too large to reckon with.
constexpr std::uint32_t most_reckoned = 10'000'000;

void AllowanceBounds::full(const model::LimitTerms& limit, std::int64_t at) {
  least_ = most_ = whole * std::clamp(limit.burst, 1u, most_reckoned);
  at_ = at;
  known_ = true;
}

// A clock is right within one in a hundred.
void AllowanceBounds::pass(const model::LimitTerms& limit, std::int64_t at) {
  if (!known_) return full(limit, at);
  const std::int64_t room = whole * std::clamp(limit.burst, 1u, most_reckoned);
  const std::int64_t rate = std::clamp(limit.per_minute, 1u, most_reckoned);
  const std::int64_t passed = std::min(at - at_, 2 * (room / rate + 1));
  least_ = std::min(least_ + rate * (passed / 100 * 99), room);
  most_ = std::min(most_ + rate * (passed + passed / 100 + 1), room);
  at_ = at;
}

void AllowanceBounds::take() {
  least_ = std::max<std::int64_t>(least_ - whole, 0);
  most_ = std::max<std::int64_t>(most_ - whole, 0);
}

// ---- INV-22.

const About PhasesInOrder::about{
    "INV-22", Level::must,
    "A request is served at once while there is allowance, waits while there is room in the queue, and is refused only then.",
    {"QUO-10"}};

void PhasesInOrder::saw(const Seen& seen) {
  const model::Event& event = seen.event;
  if (hub_began(seen)) lines_ = {};
  if (event.what != What::throttle || limit_of(seen) >= model::limit_count) return;
  const model::LimitTerms& limit = seen.facts.terms.limits[limit_of(seen)];
  Line& line = lines_[limit_of(seen)];
  const bool waited = event.token != 0;
  if (event.phase == Phase::fail && event.error != Error::throttled) {  // the quota knows no phases
    if (waited && line.waiting > 0) --line.waiting;
    return;
  }
  if (limit.per_minute == 0) {
    if (event.phase != Phase::ok) fail(seen, request(seen) + " was not served at once, and there is no limit");
    return;
  }
  line.allowance.pass(limit, event.at);
  const bool idle = line.waiting == 0 && line.allowance.surely_some();
  const bool some = line.allowance.perhaps_some();
  const std::string queue = std::to_string(line.waiting) + " of " + std::to_string(limit.queue) + " places";
  switch (event.phase) {
    case Phase::ok:
      if (!waited && line.waiting > 0) fail(seen, request(seen) + " was served at once while others waited");
      else if (!waited && !some && !line.lost)
        fail(seen, request(seen) + " was served at once though the allowance was used up");
      else pass();
      if (waited && !some) line.lost = true;  // which is for QUO-09 to say
      if (waited && line.waiting > 0) --line.waiting;
      line.allowance.take();
      return;
    case Phase::invoke:
      if (idle) fail(seen, request(seen) + " had to wait though there was allowance");
      else if (line.waiting >= limit.queue) fail(seen, request(seen) + " waits with " + queue + " of the queue taken");
      else pass();
      ++line.waiting;
      return;
    case Phase::fail:
      if (idle) fail(seen, request(seen) + " was refused though there was allowance");
      else if (line.waiting < limit.queue)
        fail(seen, request(seen) + " was refused with " + queue + " of the queue taken");
      else pass();
      return;
    case Phase::info:
      if (line.waiting > 0) --line.waiting;
      return;
  }
}

// ---- QUO-09.

const About RateIsKept::about{
    "QUO-09", Level::must, "What waited is served at the rate of its limit, which is the hub's.", {"QUO-10"}};

void RateIsKept::saw(const Seen& seen) {
  const model::Event& event = seen.event;
  if (hub_began(seen)) lines_ = {};
  if (event.what != What::throttle || limit_of(seen) >= model::limit_count || event.phase != Phase::ok) return;
  const model::LimitTerms& limit = seen.facts.terms.limits[limit_of(seen)];
  if (limit.per_minute == 0) return;
  Line& line = lines_[limit_of(seen)];
  line.allowance.pass(limit, event.at);
  const bool some = line.allowance.perhaps_some();
  line.allowance.take();
  if (event.token == 0) line.lost = line.lost || !some;  // which is for INV-22 to say
  if (event.token == 0 || line.lost) return;
  if (some) return pass();
  fail(seen, request(seen) + " that waited was served before the rate of " + std::to_string(limit.per_minute) +
                 " a minute allowed it");
}

// ---- QUO-03.

const About QuotaIsKept::about{
    "QUO-03", Level::must, "Messages are refused when the day's quota is used up, until the next day of UTC, and only then.",
    {"QUO-01", "QUO-02", "QUO-13"}};

void QuotaIsKept::crash(std::int64_t at) {
  for (const auto& [key, one] : unsure_)
    if (one.at > at - surely_stored) least_ -= std::min(least_, one.chunks);
  unsure_.clear();
}

void QuotaIsKept::saw(const Seen& seen) {
  const model::Event& event = seen.event;
  const model::Terms& terms = seen.facts.terms;
  if (hub_fell(seen)) crash(event.at);
  if (event.what != What::throttle && event.phase == Phase::ok) {
    const auto found = unsure_.find(event.message);
    if (found != unsure_.end() && found->second.times == 1) unsure_.erase(found);
    return;
  }
  if (event.what != What::throttle || event.count == model::unknown_count || terms.quota_per_day == 0) return;
  constexpr std::int64_t day = 86'400 * second;
  const std::int64_t today = event.local / day - (event.local % day < 0 ? 1 : 0);
  if (today > day_) {  // a clock that is set back does not begin a day anew
    day_ = today;
    least_ = most_ = 0;
    unsure_.clear();
  }
  const std::uint64_t size = event.count;
  const std::uint64_t chunk = std::max(terms.quota_chunk, 1u);
  const std::uint64_t chunks = size == 0 ? 1 : (size + chunk - 1) / chunk;
  const auto used = [&](std::uint64_t much) {
    return std::to_string(much) + " of " + std::to_string(terms.quota_per_day) + " used, and it counts as " +
           std::to_string(chunks);
  };
  if (event.phase == Phase::fail && event.error == Error::quota_exceeded) {
    if (most_ + chunks > terms.quota_per_day) pass();
    else fail(seen, "a message was refused with " + used(most_));
  } else if (event.phase == Phase::ok) {
    if (least_ + chunks > terms.quota_per_day) fail(seen, "a message was taken with " + used(least_));
    least_ += chunks;
    most_ += chunks;
    Unsure& one = unsure_[event.message];
    one.at = event.at;
    one.chunks += chunks;
    ++one.times;
  }
}

// ---- QUO-13.

const About RefusedLeavesNoTrace::about{
    "QUO-13", Level::must, "A refused request has no effect: no event, and no entry in a queue.", {"ERR-37", "INV-22"}};

void RefusedLeavesNoTrace::take(const model::Event& event) {
  if (event.count == model::unknown_count) return;  // it is no message
  if (event.message == model::MessageKey::none) {
    if (event.phase == Phase::ok) batchers_.insert(event.device);
    return;
  }
  if (event.phase == Phase::ok) ++messages_[event.message].served;
  if (event.phase == Phase::fail) ++messages_[event.message].refused;
}

void RefusedLeavesNoTrace::saw(const Seen& seen) {
  const model::Event& event = seen.event;
  if (event.what == What::throttle) return take(event);
  if (event.what == What::finished) {
    for (const auto& [key, asked] : messages_)
      if (asked.refused > 0 && finding_.verdict != Verdict::fail) return pass();
    return;
  }
  const auto found = messages_.find(event.message);
  if (found == messages_.end()) return;
  Asked& asked = found->second;
  if (event.what == What::telemetry) {  // it will not be sent again
    if (event.phase == Phase::ok && asked.refused == 0) messages_.erase(found);
  } else if (event.what == What::read) {
    if (event.phase == Phase::ok) read(seen, asked);
  } else if (asked.refused > 0 && asked.served == 0) {
    fail(seen, "command " + id(event.message) + " was refused, and then handed over");
  }
}

// Each sending that was not refused may be an event, and no more.
void RefusedLeavesNoTrace::read(const Seen& seen, Asked& asked) {
  const model::Event& event = seen.event;
  if (seen.facts.routed || batchers_.contains(event.device)) return;
  const Place place{event.partition, event.sequence};
  if (std::ranges::find(asked.read, place) == asked.read.end()) asked.read.push_back(place);
  if (asked.refused == 0 || asked.read.size() <= asked.served) return;
  fail(seen, id(event.message) + " of " + device(seen) + " was refused " + std::to_string(asked.refused) +
                 " times and served " + std::to_string(asked.served) + " times, and " +
                 std::to_string(asked.read.size()) + " events have it");
}

}  // namespace hubproof::conformance
