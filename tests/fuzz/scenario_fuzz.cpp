// Scenario files: whatever the text, there are problems or a scenario; a scenario that was read is
// written and read again as the same one.
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz.hpp"
#include "tools/scenario.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hubproof::tools;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const ReadScenario read = read_scenario(text, "fuzz.json");
  for (const Problem& problem : read.problems) hold(!problem.what.empty());
  if (!read.problems.empty()) return 0;

  const std::string written = write_scenario(read.scenario);
  const ReadScenario again = read_scenario(written, "fuzz.json");
  hold(again.problems.empty());
  hold(write_scenario(again.scenario) == written);
  return 0;
}
