// Descriptors of targets and files of known failures: any text is read, or its problems are told.
#include "tests/fuzz/fuzz.hpp"
#include "tools/conform/known.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  hubproof::tools::Problems problems;
  hubproof::tools::read_descriptor(text, {}, problems);
  problems.clear();
  hubproof::tools::read_known(text, problems);
  return 0;
}
