// What a zoo has done so far, as JSON lines: a line for each hunt and each shrunk find. A last line that
// was cut off is left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tools/zoo.hpp"

namespace hubproof::tools {

struct ZooLine {
  std::optional<Hunt> hunt;
  std::optional<ShrunkFind> shrunk;
};

std::string zoo_line(const Hunt& hunt);          // each ends with a line feed
std::string zoo_line(const ShrunkFind& shrunk);
bool read_zoo_line(std::string_view text, ZooLine& line);

// No file, or no name: nothing was done yet. A line that is no line of a zoo: ZooResult::wrong.
ZooResult load_zoo(const std::string& file);

}  // namespace hubproof::tools
