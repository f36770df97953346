#include "conformance/checks/routes.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::Phase;
using model::What;

namespace {

// The history said where the message goes.
bool told(const Seen& seen) {
  return seen.event.phase == Phase::ok && seen.telemetry != nullptr &&
         (seen.telemetry->owed != 0 || seen.telemetry->unmatched);
}

bool is_owed(const Seen& seen) { return (seen.telemetry->owed & seen.event.endpoints) != 0; }

std::string message(const Seen& seen) { return id(seen.telemetry->key) + " of " + seen.facts.name(seen.telemetry->device); }

}  // namespace

const About RoutesLeadThere::about{
    "D2C-19", Level::must, "A message appears at an endpoint if a route that leads there matches it, and only then.",
    {"D2C-24", "D2C-27"}};

void RoutesLeadThere::look(const Seen& seen) {
  if (!told(seen) || seen.facts.endpoint_of(seen.event) == 0) return;
  if (is_owed(seen)) return pass();
  fail(seen, message(seen) + " was read at " + seen.facts.terms.endpoints[seen.facts.endpoint_of(seen.event)] +
                 ", and no route that leads there matches it");
}

const About OncePerEndpoint::about{
    "D2C-20", Level::must,
    "A message that matches several routes to one endpoint is written there once, but for repetitions after a restart.",
    {"D2C-10"}};

void OncePerEndpoint::look(const Seen& seen) {
  const Facts& facts = seen.facts;
  if (!told(seen) || seen.reading.routed == nullptr || !facts.terms.hub_observed) return;
  if (seen.reading.original == RoutedLog::none) return pass();
  // A hub that started since may repeat itself; a clock that was set may show a date twice.
  if (facts.may_repeat(seen.telemetry) || facts.hub_clock_changed_at > seen.telemetry->invoked_at) return;
  fail(seen, message(seen) + " is in partition " + facts.partition_text(seen.event.partition) +
                 " twice, and the hub has not started again since it was sent");
}

const About FallbackTakesTheRest::about{
    "D2C-21", Level::must, "With the fallback route on, what matches no route goes to the built-in endpoint.", {}};

void FallbackTakesTheRest::look(const Seen& seen) {
  const Facts& facts = seen.facts;
  if (seen.event.what == What::read) {
    if (told(seen) && seen.telemetry->unmatched && facts.endpoint_of(seen.event) == 0) pass();
    return;
  }
  const Telemetry* first = nullptr;
  facts.messages.each([&](const Telemetry& one) {
    if (!one.unmatched || one.acked_at == never || one.everywhere()) return;
    if (!facts.must_have_been_read(one.device, one.invoked_at, one.acked_at)) return;
    if (first == nullptr || one.invoked_event < first->invoked_event) first = &one;
  });
  if (first != nullptr)
    finding_.fail(first->invoked_event, first->acked_at,
                  id(first->key) + " of " + facts.name(first->device) +
                      " matches no route, and never came to the built-in endpoint");
}

// Acknowledged all the same [OPEN-25].
const About UnmatchedIsDropped::about{
    "D2C-22", Level::must,
    "With the fallback route off, what matches no route is acknowledged and appears nowhere.", {"D2C-21"}};

void UnmatchedIsDropped::look(const Seen& seen) {
  if (!told(seen) || !seen.telemetry->unmatched) return;
  if (seen.event.what == What::telemetry) return pass();
  fail(seen, message(seen) + " matches no route and the fallback route is off, but it was read at " +
                 seen.facts.terms.endpoints[seen.facts.endpoint_of(seen.event)]);
}

const About BuiltinGetsTheRest::about{
    "D2C-23", Level::must,
    "Once a route exists, the built-in endpoint gets only what matches none, unless a route leads there.", {"D2C-21"}};

void BuiltinGetsTheRest::look(const Seen& seen) {
  if (!told(seen) || seen.facts.endpoint_of(seen.event) != 0) return;
  if (is_owed(seen)) return pass();
  if (!seen.telemetry->unmatched)
    fail(seen, message(seen) + " was read at the built-in endpoint, though it matches a route and none leads there");
}

}  // namespace hubproof::conformance
