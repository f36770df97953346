#include "conformance/checks/security.hpp"

#include "conformance/checks/words.hpp"
#include "model/bytes.hpp"

namespace hubproof::conformance {

using model::Event;
using model::What;
using model::Why;

namespace {

constexpr std::int64_t late_by = 5 * second;        // a loaded machine's timers
constexpr std::int64_t slowest_answer = 65 * second;  // of a hub that waits for its disk, twice

std::uint64_t own_scope(const Facts& facts, std::uint32_t device) {
  return model::hash(model::view("devices/" + facts.name(device)));
}

std::uint32_t whose(const Event& event) { return static_cast<std::uint32_t>(event.device); }

const std::vector<KnownKey>* keys_of(const Facts& facts, std::uint32_t device) {
  const auto found = facts.keys.find(device);
  return found == facts.keys.end() ? nullptr : &found->second;
}

}  // namespace

const Shown* AtTheDoor::answered(const Seen& seen, What what) const {
  const Facts& facts = seen.facts;
  if (!facts.terms.verifies || seen.event.what != what || facts.tokens.empty()) return nullptr;
  if (!facts.is(seen.event.observer, model::Role::device)) return nullptr;
  const auto found = facts.tokens.find(static_cast<std::uint32_t>(seen.event.observer));
  if (found == facts.tokens.end() || found->second.connection != seen.event.connection) return nullptr;
  return &found->second;
}

const About TokenIsInTime::about{
    "INV-20", Level::must,
    "No token opens a connection after its expiry and the grace; none is refused for its time before it.",
    {"SEC-03", "SEC-14", "SEC-15", "TIME-03", "TIME-04"}};

void TokenIsInTime::saw(const Seen& seen) {
  const Event& event = seen.event;
  if (const Shown* shown = answered(seen, What::accepted)) return accepted(seen, *shown);
  if (const Shown* shown = answered(seen, What::refused)) return refused(seen, *shown);
  if (!seen.facts.terms.verifies || event.what != What::accepted || event.expiry == model::no_date) return;
  // The hub's own word: it decided at most so long ago.
  accepted(seen, {event.connection, event.at - slowest_answer, event.expiry, 0, 0});
}

// The hub decided between the CONNECT and its answer, by a clock that must not have been set meanwhile.
void TokenIsInTime::accepted(const Seen& seen, const Shown& shown) {
  const Facts& facts = seen.facts;
  if (!facts.hub_clock.known || facts.hub_clock_changed_at > shown.at) return;
  if (!facts.hub_clock.surely_past(shown.expiry + facts.terms.sas_grace_ns + facts.terms.tick_ns, shown.at))
    return pass();
  fail(seen, device(seen) + " was let in with a token that had been over for " +
                 seconds(shown.at + facts.hub_clock.low - shown.expiry) + " by the hub's clock; its grace is " +
                 seconds(facts.terms.sas_grace_ns));
}

// Refused with everything right: only the time can be the reason.
void TokenIsInTime::refused(const Seen& seen, const Shown& shown) {
  const Facts& facts = seen.facts;
  const Event& event = seen.event;
  constexpr std::uint16_t bad_credentials = 4, not_authorized = 5;
  if (event.code != bad_credentials && event.code != not_authorized) return;
  if (!facts.hub_clock.known || facts.hub_clock_changed_at > shown.at ||
      event.at + facts.hub_clock.high + facts.terms.tick_ns >= shown.expiry)
    return;
  const std::uint32_t device_id = whose(event);
  if (device_id >= facts.queues.size() || shown.scope != own_scope(facts, device_id)) return;
  const Queue& queue = facts.queues[device_id];
  if (queue.registry_open > 0 || queue.registry_murky || queue.disabled || queue.enabled_at >= shown.at ||
      queue.registry_at >= shown.at)
    return;
  const auto* keys = keys_of(facts, device_id);
  if (keys == nullptr) return;
  bool good = false;
  for (const KnownKey& key : *keys) {
    if (key.known_at == never || key.known_at >= shown.at) return;  // keys are being changed
    if (key.digest == shown.key && key.dead_at == never) good = true;
  }
  if (good)
    fail(seen, device(seen) + " was refused, with a token that was good for " +
                   seconds(shown.expiry - event.at - facts.hub_clock.high) + " more by the hub's clock");
}

const About SignedByItsKey::about{
    "SEC-04", Level::must, "A connection opens only to a token that a key of its device signed.",
    {"SEC-05", "SEC-08"}};

void SignedByItsKey::saw(const Seen& seen) {
  const Shown* shown = answered(seen, What::accepted);
  if (shown == nullptr || shown->key == 0 || shown->scope != own_scope(seen.facts, whose(seen.event))) return;
  const auto* keys = keys_of(seen.facts, whose(seen.event));
  if (keys == nullptr) return;
  for (const KnownKey& key : *keys)
    if (key.digest == shown->key) return pass();
  fail(seen, device(seen) + " was let in with a token that none of its keys signed");
}

const About ReplacedKeyIsDead::about{
    "SEC-09", Level::must,
    "Both keys of a device sign its tokens, and no key does that was changed, or was of a registration before.",
    {"C2D-37"}};

void ReplacedKeyIsDead::saw(const Seen& seen) {
  const Shown* shown = answered(seen, What::accepted);
  if (shown == nullptr || shown->key == 0) return;
  const auto* keys = keys_of(seen.facts, whose(seen.event));
  if (keys == nullptr) return;
  bool was = false;
  std::int64_t dead_at = long_ago;
  for (const KnownKey& key : *keys) {
    if (key.digest != shown->key) continue;
    if (key.dead_at >= shown->at) {
      if (keys->size() > 2) pass();  // of a device whose keys were changed
      return;
    }
    was = true;
    dead_at = std::max(dead_at, key.dead_at);
  }
  if (was)
    fail(seen, device(seen) + " was let in with a token, shown at " + seconds(shown->at) +
                   ", of a key that had been changed by " + seconds(dead_at));
}

const About InScope::about{
    "SEC-12", Level::must, "A token opens nothing outside its scope, which goes by whole segments of the path.",
    {"SEC-06", "SEC-07", "SEC-25", "SEC-08"}};

void InScope::saw(const Seen& seen) {
  if (const Shown* shown = answered(seen, What::accepted); shown != nullptr && shown->scope != 0) {
    if (shown->scope == own_scope(seen.facts, whose(seen.event))) return;
    return fail(seen, device(seen) + " was let in with a token for something else");
  }
  if (const Shown* shown = answered(seen, What::refused);
      shown != nullptr && shown->scope != 0 && shown->scope != own_scope(seen.facts, whose(seen.event)))
    pass();
}

const About EndsWithItsToken::about{
    "SEC-17", Level::must, "A connection ends when its token is over by more than the grace of living ones.",
    {"SEC-16"}};

void EndsWithItsToken::saw(const Seen& seen) {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  if (!facts.terms.verifies || !facts.terms.cuts_expired || !facts.terms.hub_observed) return;
  if (event.what == What::accepted) {
    if (event.expiry != model::no_date)
      live_[whose(event)] = {event.connection, event.expiry};
    else
      live_.erase(whose(event));
  } else if (event.what == What::ended) {
    const auto found = live_.find(whose(event));
    if (found == live_.end() || found->second.connection != event.connection) return;
    if (overdue(seen, found->second))
      left_open(seen, found->first, found->second);
    else if (event.why == Why::credentials &&
             facts.hub_clock.maybe_was_past(found->second.expiry + facts.terms.sas_grace_live_ns, event.at))
      pass();
    live_.erase(found);
  } else if (event.what == What::finished) {
    for (const auto& [device, live] : live_)
      if (overdue(seen, live)) left_open(seen, device, live);
  } else if ((event.what == What::started || event.what == What::crashed) &&
             facts.is(event.observer, model::Role::hub)) {
    live_.clear();  // a hub that starts, or goes down, has no connection
  }
}

// Surely too late: the hub did something else meanwhile, and nobody set its clock.
bool EndsWithItsToken::overdue(const Seen& seen, const Live& live) const {
  const Facts& facts = seen.facts;
  if (!facts.hub_clock.known) return false;
  std::int64_t due = live.expiry + facts.terms.sas_grace_live_ns - facts.hub_clock.low;
  due = std::max(due, facts.hub_clock_changed_at) + late_by;
  if (seen.event.at <= due) return false;
  return facts.faults == 0 || facts.hub_was_awake(due, seen.event.at - late_by);
}

void EndsWithItsToken::left_open(const Seen& seen, std::uint32_t device, const Live& live) {
  fail(seen, "the connection of " + seen.facts.name(device) + " was open though its token had been over for " +
                 seconds(seen.event.at + seen.facts.hub_clock.low - live.expiry) +
                 " by the hub's clock; its grace is " + seconds(seen.facts.terms.sas_grace_live_ns));
}

}  // namespace hubproof::conformance
