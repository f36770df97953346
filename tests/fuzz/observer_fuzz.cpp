// The observer of MQTT connections: whatever two ends say to each other, and however it is cut, what is
// told is the same.
#include <algorithm>
#include <vector>

#include "model/observer/mqtt_observer.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;

// Pieces of two connections: a byte that says whose and which way, one for the length, then so many.
std::vector<Event> told(View script, std::size_t chunk) {
  MqttObserver::Settings settings{[](std::string_view id) { return id == "x" ? NodeIndex::none : NodeIndex{1}; }};
  settings.max_packet = 4096;
  settings.keys_by_content = true;
  MqttObserver observer{std::move(settings)};
  std::vector<Event> events;
  for (const ConnectionId one : {ConnectionId{1}, ConnectionId{2}}) observer.opened(one);
  while (script.size() >= 2) {
    const std::uint8_t how = script[0];
    View bytes = script.subspan(2).first(std::min<std::size_t>(script[1], script.size() - 2));
    script = script.subspan(2 + bytes.size());
    const ConnectionId connection{1u + (how & 1)};
    if ((how & 12) == 12) {
      observer.ended(connection, static_cast<EndedBy>((how >> 4) % 5), events);
      observer.opened(connection);
    }
    while (!bytes.empty()) {
      const View part = bytes.first(std::min(chunk, bytes.size()));
      bytes = bytes.subspan(part.size());
      if ((how & 2) != 0) observer.sent(connection, part, events);
      else observer.received(connection, part, events);
    }
  }
  return events;
}

bool same(const Event& a, const Event& b) {
  return a.what == b.what && a.phase == b.phase && a.packet == b.packet && a.packet_id == b.packet_id &&
         a.flags == b.flags && a.connection == b.connection && a.message == b.message && a.token == b.token &&
         a.digest == b.digest && a.code == b.code;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const View script{data + 1, size - 1};
  const std::vector<Event> whole = told(script, 256);
  hold(std::ranges::equal(whole, told(script, 1), same));
  hold(std::ranges::equal(whole, told(script, 1u + data[0]), same));
  for (const Event& event : whole) hold(event.observer == NodeIndex{1} && event.connection != 0);
  return 0;
}
