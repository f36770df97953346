// What a zoo has done so far, as JSON lines: one that says of what program and scenarios it is, then one for each hunt
// and each shrunk find. A last line that was cut off is left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/zoo.hpp"

namespace hubproof::tools {

struct ZooLine {
  std::optional<std::string> work;
  std::optional<Hunt> hunt;
  std::optional<ShrunkFind> shrunk;
};

// What hunts depend on: a digest of this program's file and of the scenarios.
std::string zoo_work(const std::vector<Scenario>& scenarios);

std::string zoo_line(const std::string& work);   // each ends with a line feed
std::string zoo_line(const Hunt& hunt);
std::string zoo_line(const ShrunkFind& shrunk);
bool read_zoo_line(std::string_view text, ZooLine& line);

// No file, or an empty one, or no name: nothing was done yet. A line that is no line of a zoo, or a file that is of
// other work: ZooResult::wrong. Otherwise what was cut off is removed, so that the next line can follow.
ZooResult load_zoo(const std::string& file, const std::string& work);

}  // namespace hubproof::tools
