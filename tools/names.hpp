// Names of nodes, and patterns that stand for several: "d7", "d*", "d{}" (every numbered d),
// "d{2..5}". In a scenario nodes are named; in a run they are numbers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/node.hpp"
#include "tools/problem.hpp"

namespace hubproof::tools {

// A "*" is any text, "{}" any number, "{2..5}" a number in that range.
bool matches_name(std::string_view pattern, std::string_view name);
bool is_pattern(std::string_view text);
bool is_name(std::string_view text);  // 1 to 128 letters, digits and - _ . :

// Who takes part in a run: names by node number.
struct Cast {
  std::vector<std::string> names;
  std::vector<bool> has_disk;             // by node
  struct Group {
    std::string pattern;                  // stands for all of them
    std::size_t first = 0;
    std::size_t count = 0;
  };
  std::vector<Group> groups;              // in the order of nodes, without gaps
  std::size_t devices_begin = 0;
};

enum class Among : std::uint8_t { all, with_disk };

// Nodes that a pattern names, ascending. Nothing found, or a name without a disk where one is needed,
// is a problem; a pattern just passes over nodes without a disk.
std::vector<sim::NodeId> resolve(const Cast& cast, std::string_view pattern, Among among,
                                 const std::string& where, Problems& problems);
// The other way: the fewest patterns for these nodes, in their order.
std::vector<std::string> patterns(const Cast& cast, const std::vector<sim::NodeId>& nodes);

}  // namespace hubproof::tools
