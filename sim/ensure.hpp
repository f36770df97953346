// What must hold if hubproof itself is right. On in every build: a run that went wrong inside is
// worth nothing, so it says where and how to come back, then stops.
#pragma once

#include <source_location>
#include <string>

namespace hubproof::sim {

// Who starts runs gives the line that repeats the current one; it is asked for only when needed.
void reproduce_with(std::string (*line)());

[[noreturn]] void broken(const std::source_location& where);

inline void ensure(bool holds,
                   const std::source_location& where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    broken(where);
}

}  // namespace hubproof::sim
