// Bundles: whatever the text, there are problems or a bundle; a bundle that was read is written and
// read again as the same one.
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz.hpp"
#include "tools/bundle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hubproof::tools;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  is_bundle(text);
  const ReadBundle read = read_bundle(text, "fuzz.json");
  for (const Problem& problem : read.problems) hold(!problem.what.empty());
  if (!read.problems.empty()) return 0;

  const std::string written = write_bundle(read.bundle);
  hold(is_bundle(written));
  const ReadBundle again = read_bundle(written, "fuzz.json");
  hold(again.problems.empty());
  hold(write_bundle(again.bundle) == written);
  return 0;
}
