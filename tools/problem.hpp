// What is wrong with an input: where, and what was expected and found there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hubproof::tools {

struct Problem {
  std::string where;                        // a JSON pointer, or a line and column; empty: the whole
  std::string what;
  bool operator==(const Problem&) const = default;
};
using Problems = std::vector<Problem>;

// "FILE: 2 problems", then a line for each, the places in one column.
std::string problems_text(std::string_view file, const Problems& problems);

// "; did you mean "from"?" when one of the known words is close to this one, else nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace hubproof::tools
