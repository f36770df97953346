// The control door: whatever bytes come, in any split, the same requests reach the hub, and each
// gets one answer.
#include <algorithm>
#include <deque>
#include <string>
#include <variant>

#include "tests/fuzz/fuzz.hpp"
#include "tools/control.hpp"
#include "tools/fault_plan.hpp"
#include "tools/lab_api.hpp"

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

// A laboratory that reads faults, for a hub and two devices, and does nothing.
tools::ApiAnswer perform(const tools::LabRequest& request) {
  if (const auto* inject = std::get_if<tools::InjectFault>(&request)) {
    tools::Problems problems;
    const auto fault = tools::read_fault(inject->body, tools::live_cast({"d1", "d2"}), true, problems);
    return fault ? tools::faults_answer({{"a fault", "on"}}, 201) : tools::fault_refused(problems);
  }
  if (const auto* list = std::get_if<tools::ListQueues>(&request))
    return tools::queues_answer({{list->after, true, list->limit, 1}});
  if (const auto* move = std::get_if<tools::MoveClock>(&request)) return tools::clock_answer({}, move->step);
  return {202, "{}\n"};
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
       [&](std::function<void()> work) { later.push_back(std::move(work)); },
       perform}};
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
