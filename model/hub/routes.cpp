// The routing stage: it reads what is durable of the telemetry that came in, and writes it to the
// logs of the endpoints that routes select. How far it is, the journal knows a little later, so that
// after a crash the stage goes on a little earlier: what it wrote since is written again, in the same
// order [D2C-10].
//
// All logs are partitions of one telemetry log. A hub of n partitions has those of the built-in
// endpoint first; with routes, what comes in waits in the next n, and each further endpoint has n of
// its own. An endpoint keeps its number, by its name, for as long as the store lives.
#include <algorithm>

#include "model/hub/parts.hpp"

namespace hubproof::model {
namespace {

constexpr std::uint32_t incoming = 1;        // the number of what comes in
constexpr std::uint32_t first_endpoint = 2;

}  // namespace

void Hub::Parts::prepare_routing() {
  const std::uint32_t n = rules.partitions;
  std::uint32_t next = first_endpoint;
  for (const auto& [name, number] : endpoint_numbers) next = std::max(next, number + 1);
  endpoint_at.assign(1, 0);
  for (const std::string& name : rules.routing.endpoints) {
    const auto [found, fresh] = endpoint_numbers.try_emplace(name, next);
    if (fresh) ++next;
    endpoint_at.push_back(found->second);
    log.grow((found->second + 1) * n);
  }
  if (router.on()) log.grow((incoming + 1) * n);
  routes = log.partitions() > n;  // after routes were taken away, too: something may still wait
  comes_in_at = router.on() ? incoming * n : 0;
  if (!routes) return;
  routed.resize(n);
  const std::vector<std::uint64_t> ends = log.ends();
  for (std::uint32_t partition = 0; partition < n; ++partition) {
    const std::uint64_t newest = ends[incoming * n + partition] - 1;
    replays = replays || newest > routed[partition];
    routed[partition] = rules.routes_on_after(routed[partition], newest);
  }
  told_routed = routed;
}

void Hub::Parts::route(Now now) {
  const std::uint32_t n = rules.partitions;
  bool any = false;
  for (std::uint32_t partition = 0; partition < n; ++partition) {
    if (log.newest(incoming * n + partition) <= routed[partition]) continue;
    unrouted.clear();
    log.read(incoming * n + partition, routed[partition] + 1,
             [&](const TelemetryLog::Entry& entry, View flat) {
               unrouted.emplace_back(entry, flat);
               return true;
             });
    if (unrouted.empty()) continue;  // retention has passed
    any = true;
    routed[partition] = unrouted.back().first.sequence;
    if (replays && !rules.replays_in_order) std::ranges::reverse(unrouted);
    for (const auto& [entry, flat] : unrouted) {
      router.select(MessageView{flat}, {registry.at(entry.device).info.id, entry.enqueued}, selection);
      for (const std::uint32_t endpoint : selection.writes) {
        const std::uint32_t place = endpoint_at[endpoint] * n + partition;
        write_telemetry(place, log.append(now, place, entry.enqueued, entry.device, flat, entry.will), flat,
                        now.mono);
      }
    }
  }
  replays = false;
  if (!any || routing_due) return;
  routing_due = now.mono + rules.routing_checkpoint;
  housekeeping = std::min(housekeeping.value_or(*routing_due), *routing_due);
}

void Hub::Parts::tell_routed(Now now) {
  if (!routing_due) return;
  if (now.mono < *routing_due) {
    housekeeping = std::min(housekeeping.value_or(*routing_due), *routing_due);
    return;
  }
  routing_due.reset();
  for (std::uint32_t partition = 0; partition < routed.size(); ++partition)
    if (routed[partition] != told_routed[partition]) journal.append(RoutedRecord{partition, routed[partition]});
  told_routed = routed;
}

void Hub::Parts::write_routing() {
  for (const auto& [name, number] : endpoint_numbers) journal.append(EndpointRecord{number, name});
  for (std::uint32_t partition = 0; partition < routed.size(); ++partition)
    journal.append(RoutedRecord{partition, routed[partition]});
}

std::optional<std::uint32_t> Hub::Parts::place(std::string_view endpoint, std::uint32_t partition) const {
  if (partition >= rules.partitions) return std::nullopt;
  if (endpoint.empty() || endpoint == builtin_endpoint) return partition;
  const auto& names = rules.routing.endpoints;
  const auto found = std::ranges::find(names, endpoint);
  if (found == names.end()) return std::nullopt;
  return endpoint_at[static_cast<std::size_t>(found - names.begin()) + 1] * rules.partitions + partition;
}

}  // namespace hubproof::model
