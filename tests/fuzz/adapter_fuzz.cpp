// Lines of an adapter, whatever they hold: each is read or refused with a reason, and a whole
// conversation of them ends in a verdict.
#include <string_view>

#include "conformance/devices/cases.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof;
using namespace hubproof::conformance::devices;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const DeviceCase& which = device_cases()[size % device_cases().size()];
  StageSettings settings;
  settings.websocket = which.needs.websocket;
  Stage stage{settings, which.name, which.clauses, which.play};
  model::Instant now{};
  stage.started(now);
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string_view line = text.substr(from, end - from);
    const auto read = read_said(line);
    if (const auto* bad = std::get_if<BadLine>(&read)) hold(!bad->empty());
    // What is no line may be bytes of the device on a connection of its own.
    if (!line.empty() && line[0] != '{') {
      stage.opened(now, LinkId{1});
      stage.received(now, LinkId{1}, model::view(line));
    } else {
      stage.line(now, line);
    }
    now += std::chrono::milliseconds{1};
    from = end + 1;
  }
  for (int i = 0; i < 1000 && !stage.finished(); ++i) {
    const auto due = stage.deadline();
    hold(due.has_value());
    now = std::max(now, *due);
    stage.woken(now);
  }
  hold(stage.finished());
  return 0;
}
