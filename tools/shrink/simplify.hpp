// Simpler scenarios next to one: with a key left out, a value that is drawn made the same always, or a
// figure rounded; first in many places at once, then in one. Each is shorter as a text, so simplifying
// ends. They are made one by one, when they are asked for: there are hundreds.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/document.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools::shrinking {

class SimplerScenarios {
 public:
  explicit SimplerScenarios(const Scenario& scenario);

  static constexpr std::size_t of_draws = 2;  // the first ones, if anything is drawn: all draws at once

  std::size_t count() const { return edits_.size(); }
  std::optional<Scenario> make(std::size_t at) const;  // nothing: it is not shorter, or not well formed

 private:
  using Path = std::vector<std::size_t>;   // from the root: which member or item
  struct Change {
    Path path;
    std::optional<Document> value;         // none: the member is left out
  };
  using Edit = std::vector<Change>;

  void visit(const Document& value, Path& path);
  void many_at_once(const Document& value, Path& path);

  std::string file_;
  std::string text_;
  Document root_;
  std::vector<Edit> edits_;
};

}  // namespace hubproof::tools::shrinking
