#include "tools/shrink/simplify.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>

#include "tools/quantity.hpp"

namespace hubproof::tools::shrinking {
namespace {

using namespace std::chrono_literals;
using Kind = Document::Kind;

constexpr std::array<sim::Duration, 7> units{24h, 1h, 1min, 10s, 1s, 100ms, 1ms};
constexpr std::size_t many = 16;  // items of a longer list are simplified together only

// Without these a fault or a run would not be smaller, only longer.
bool may_go(std::string_view key) {
  return key != "from" && key != "until" && key != "duration" && key != "settle" && key != "name" &&
         key != "at" && key != "nodes" && key != "peers" && key != "commands" && key != "devices" &&
         key != "services" && key != "clients" && key != "faults" && key != "events" && key != "hub_restart";
}

// In whole units, and no longer as a text than it was.
std::optional<Document> rounded(const std::string& text, sim::Duration unit, sim::Duration up) {
  const auto read = read_duration(text);
  if (!read) return std::nullopt;
  const sim::Duration value = *read / unit * unit + up;
  std::string shorter = write_duration(value);
  if (shorter.size() >= text.size() || value > *read / 4 * 5) return std::nullopt;
  return Document::string(std::move(shorter));
}

using Path = std::vector<std::size_t>;
using Leaf = std::function<void(const Document& value, const Path& path)>;

// What stands in the tree, but for names and reasons.
void each(const Document& value, Path& path, const Leaf& leaf) {
  leaf(value, path);
  for (std::size_t at = 0; at < value.members.size(); ++at) {
    if (value.members[at].first == "name" || value.members[at].first == "reason") continue;
    path.push_back(at);
    each(value.members[at].second, path, leaf);
    path.pop_back();
  }
  for (std::size_t at = 0; at < value.items.size(); ++at) {
    path.push_back(at);
    each(value.items[at], path, leaf);
    path.pop_back();
  }
}

Document* find(Document& root, const Path& path, std::size_t depth) {
  Document* value = &root;
  for (std::size_t at = 0; at < depth; ++at)
    value = value->kind == Kind::object ? &value->members[path[at]].second : &value->items[path[at]];
  return value;
}

}  // namespace

SimplerScenarios::SimplerScenarios(const Scenario& scenario)
    : file_{scenario.file}, text_{write_scenario(scenario)}, root_{parse(text_).document} {
  Path path;
  many_at_once(root_, path);
  visit(root_, path);
}

std::optional<Scenario> SimplerScenarios::make(std::size_t at) const {
  Document root = root_;
  // From the last: a member that is left out moves those behind it.
  for (auto change = edits_[at].rbegin(); change != edits_[at].rend(); ++change) {
    if (change->value) {
      *find(root, change->path, change->path.size()) = *change->value;
      continue;
    }
    auto& members = find(root, change->path, change->path.size() - 1)->members;
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(change->path.back()));
  }
  const std::string text = write(root);
  if (text.size() >= text_.size()) return std::nullopt;
  ReadScenario read = read_scenario(text, file_);
  if (!read.problems.empty()) return std::nullopt;
  return std::move(read.scenario);
}

// All that is drawn the same always; all durations in whole units; a key in none of a list's items.
void SimplerScenarios::many_at_once(const Document& value, Path& path) {
  const auto propose = [&](const std::function<std::optional<Document>(const Document&)>& simpler) {
    Edit edit;
    each(value, path, [&](const Document& one, const Path& where) {
      if (auto instead = simpler(one)) edit.push_back({where, std::move(instead)});
    });
    if (edit.size() > 1) edits_.push_back(std::move(edit));
  };
  const auto end_of = [](bool last) {
    return [last](const Document& one) -> std::optional<Document> {
      const Document* uniform = one.find("uniform");
      if (uniform == nullptr || uniform->items.empty()) return std::nullopt;
      return last ? uniform->items.back() : uniform->items.front();
    };
  };
  propose(end_of(false));
  propose(end_of(true));
  for (const sim::Duration unit : units)
    propose([unit](const Document& one) -> std::optional<Document> {
      return one.kind == Kind::text ? rounded(one.text, unit, {}) : std::nullopt;
    });

  std::vector<std::string> keys;
  for (const Document& item : value.items)
    for (const auto& [key, inner] : item.members)
      if (may_go(key) && std::ranges::count(keys, key) == 0) keys.push_back(key);
  for (const std::string& key : keys) {
    Edit edit;
    for (std::size_t item = 0; item < value.items.size(); ++item)
      for (std::size_t member = 0; member < value.items[item].members.size(); ++member)
        if (value.items[item].members[member].first == key) {
          Change& change = edit.emplace_back();
          change.path = path;
          change.path.insert(change.path.end(), {item, member});
        }
    if (edit.size() > 1) edits_.push_back(std::move(edit));
  }
}

void SimplerScenarios::visit(const Document& value, Path& path) {
  const auto replace = [&](Document simpler) { edits_.push_back({{path, std::move(simpler)}}); };
  if (value.kind == Kind::object) {
    for (std::size_t at = 0; at < value.members.size(); ++at) {
      if (!may_go(value.members[at].first)) continue;
      path.push_back(at);
      edits_.push_back({{path, std::nullopt}});
      path.pop_back();
    }
    if (const Document* uniform = value.find("uniform"); uniform != nullptr) {
      for (const Document& end : uniform->items) replace(end);
    } else if (const Document* heavy = value.find("heavy"); heavy != nullptr) {
      replace(*heavy);
    }
    for (std::size_t at = 0; at < value.members.size(); ++at) {
      if (value.members[at].first == "name" || value.members[at].first == "reason") continue;
      path.push_back(at);
      visit(value.members[at].second, path);
      path.pop_back();
    }
  } else if (value.kind == Kind::list) {
    if (value.items.size() > 1) many_at_once(value, path);
    for (std::size_t at = 0; at < value.items.size() && value.items.size() <= many; ++at) {
      path.push_back(at);
      visit(value.items[at], path);
      path.pop_back();
    }
  } else if (value.kind == Kind::text) {
    for (const sim::Duration unit : units)
      for (const sim::Duration up : {sim::Duration{0}, unit})
        if (auto shorter = rounded(value.text, unit, up)) replace(std::move(*shorter));
  } else if (value.kind == Kind::number && value.text.size() > 1) {
    replace(Document::number("1"));
  }
}

}  // namespace hubproof::tools::shrinking
