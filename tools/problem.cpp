#include "tools/problem.hpp"

#include <algorithm>

namespace hubproof::tools {
namespace {

// Insertions, removals, replacements and swaps of neighbours that make one word of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + same});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > 64) return {};
  std::string_view best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;  // farther is another word
  for (const std::string_view candidate : known) {
    if (const std::size_t d = distance(word, candidate); d < least) {
      least = d;
      best = candidate;
    }
  }
  return best.empty() ? std::string{} : "; did you mean \"" + std::string{best} + "\"?";
}

std::string problems_text(std::string_view file, const Problems& problems) {
  std::string text{file};
  text += ": " + std::to_string(problems.size()) + (problems.size() == 1 ? " problem\n" : " problems\n");
  std::size_t width = 0;
  for (const Problem& problem : problems) width = std::max(width, problem.where.size());
  for (const Problem& problem : problems) {
    text += "  " + problem.where;
    if (width > 0) text += std::string(width - problem.where.size() + 3, ' ');
    text += problem.what + "\n";
  }
  return text;
}

}  // namespace hubproof::tools
