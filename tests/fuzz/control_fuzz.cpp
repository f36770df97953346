// The control door: whatever bytes come, in any split, the same requests reach the hub, and each
// gets one answer.
#include <algorithm>
#include <deque>
#include <string>
#include <variant>

#include "tests/fuzz/fuzz.hpp"
#include "tools/control.hpp"

namespace {

using namespace hubproof;

// A hub that answers at once, by echoing what it can of the request.
model::Response answer(const model::Request& request) {
  if (const auto* command = std::get_if<model::SendCommand>(&request))
    return model::Command{1, 2, 3, 4, 5, command->message};
  if (std::holds_alternative<model::ReadTelemetry>(request))
    return model::Telemetry{0, {{1, 2, 3, "d", 4, true, {}}}};
  if (std::holds_alternative<model::ReceiveFeedback>(request))
    return model::Feedback{1, 2, 3, {{"m", "d", 4, model::Status::expired, 5}}};
  return model::Done{};
}

std::string said(model::View bytes, std::size_t chunk) {
  std::string all;
  std::deque<std::function<void()>> later;
  constexpr model::ConnectionId caller{1};
  tools::Control control{
      {[] { return model::Now{}; },
       [](const model::Request& request, tools::Control::Answer reply) { reply(answer(request)); },
       [&](model::ConnectionId, model::View some) { all += model::text(some); },
       [&](model::ConnectionId) { all += "<closed>"; },
       [&](std::function<void()> work) { later.push_back(std::move(work)); }}};
  control.opened(caller);
  while (!bytes.empty()) {
    const model::View part = bytes.first(std::min(chunk, bytes.size()));
    bytes = bytes.subspan(part.size());
    control.received(caller, part);
    for (; !later.empty(); later.pop_front()) later.front()();
  }
  // Encouragement depends on when a body comes.
  const std::string encouragement = "HTTP/1.1 100 Continue\r\n\r\n";
  for (std::size_t at; (at = all.find(encouragement)) != std::string::npos;)
    all.erase(at, encouragement.size());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const model::View bytes{data + 1, size - 1};
  const std::string whole = said(bytes, size);
  hold(said(bytes, 1) == whole);
  hold(said(bytes, 1U + data[0]) == whole);
  return 0;
}
