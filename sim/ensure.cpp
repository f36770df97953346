#include "sim/ensure.hpp"

#include <cstdio>
#include <cstdlib>

namespace hubproof::sim {

namespace {
std::string (*reproduce_line)() = nullptr;
}

void reproduce_with(std::string (*line)()) { reproduce_line = line; }

void broken(const std::source_location& where) {
  std::fprintf(stderr, "hubproof is broken: %s:%u in %s\n", where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name());
  if (reproduce_line != nullptr) std::fprintf(stderr, "reproduce: %s\n", reproduce_line().c_str());
  std::abort();
}

}  // namespace hubproof::sim
