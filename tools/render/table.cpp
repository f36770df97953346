#include "tools/render/table.hpp"

#include <algorithm>

namespace hubproof::tools {

std::string Table::text() const {
  std::vector<std::size_t> widths(columns_.size());
  for (const auto& row : rows_)
    for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], row[at].size());
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t at = 0; at < row.size(); ++at) {
      const std::string gap(widths[at] - row[at].size(), ' ');
      line += (at == 0 ? "" : "  ") + (columns_[at] == Align::right ? gap + row[at] : row[at] + gap);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace hubproof::tools
