#include "tools/names.hpp"

#include <algorithm>

#include "tools/quantity.hpp"

namespace hubproof::tools {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

struct Numbers {
  std::uint64_t first = 0;
  std::uint64_t last = ~std::uint64_t{0};
};

// "{}" or "{2..5}" at the front of a pattern: taken off.
bool take_numbers(std::string_view& pattern, Numbers& numbers) {
  const std::size_t close = pattern.find('}');
  if (!pattern.starts_with('{') || close == std::string_view::npos) return false;
  const std::string_view inner = pattern.substr(1, close - 1);
  pattern.remove_prefix(close + 1);
  if (inner.empty()) return true;
  const std::size_t dots = inner.find("..");
  if (dots == std::string_view::npos) return false;
  const auto first = read_whole(inner.substr(0, dots));
  const auto last = read_whole(inner.substr(dots + 2));
  if (!first || !last || *first > *last) return false;
  numbers = {*first, *last};
  return true;
}

// Each "*" starts anew from the last one only, so the time is a product, not a power.
bool matches(std::string_view pattern, std::string_view name) {
  std::string_view star_pattern, star_name;
  bool star = false;
  while (true) {
    bool stuck = false;
    if (pattern.empty()) {
      if (name.empty()) return true;
      stuck = true;
    } else if (pattern.front() == '*') {
      pattern.remove_prefix(1);
      star = true;
      star_pattern = pattern;
      star_name = name;
      continue;
    } else if (pattern.front() == '{') {
      Numbers numbers;
      if (!take_numbers(pattern, numbers)) return false;
      std::size_t length = 0;
      while (length < name.size() && digit(name[length])) ++length;
      const auto number = read_whole(name.substr(0, length));
      if (number && *number >= numbers.first && *number <= numbers.last) {
        name.remove_prefix(length);
      } else {
        stuck = true;
      }
    } else if (!name.empty() && name.front() == pattern.front()) {
      pattern.remove_prefix(1);
      name.remove_prefix(1);
    } else {
      stuck = true;
    }
    if (!stuck) continue;
    if (!star || star_name.empty()) return false;
    star_name.remove_prefix(1);
    pattern = star_pattern;
    name = star_name;
  }
}

std::string known_names(const Cast& cast) {
  std::string text;
  for (const Cast::Group& group : cast.groups) {
    if (text.size() > 60) return text + ", ...";
    text += (text.empty() ? "" : ", ") + group.pattern;
  }
  return text;
}

}  // namespace

bool matches_name(std::string_view pattern, std::string_view name) { return matches(pattern, name); }

bool is_pattern(std::string_view text) { return text.find_first_of("*{}") != std::string_view::npos; }

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  });
}

std::vector<sim::NodeId> resolve(const Cast& cast, std::string_view pattern, Among among,
                                 const std::string& where, Problems& problems) {
  std::vector<sim::NodeId> nodes;
  bool named = false;
  for (std::size_t at = 0; at < cast.names.size(); ++at) {
    if (!matches(pattern, cast.names[at])) continue;
    named = true;
    if (among == Among::all || cast.has_disk[at])
      nodes.push_back(static_cast<sim::NodeId>(at));
    if (!is_pattern(pattern)) break;
  }
  const std::string shown = "\"" + std::string{pattern.substr(0, 80)} + "\"";
  if (!named) {
    problems.push_back({where, "no node is called " + shown + "; there are " + known_names(cast)});
  } else if (nodes.empty()) {
    problems.push_back({where, shown + (is_pattern(pattern) ? " names no node with a disk"
                                                            : " has no disk") +
                                   "; the hub has one, and devices with a durable_outbox"});
  }
  return nodes;
}

std::vector<std::string> patterns(const Cast& cast, const std::vector<sim::NodeId>& nodes) {
  std::vector<std::string> found;
  const auto index = [&](std::size_t at) { return static_cast<std::size_t>(nodes[at]); };
  for (std::size_t at = 0; at < nodes.size();) {
    const auto whole = std::ranges::find_if(cast.groups, [&](const Cast::Group& group) {
      if (group.first != index(at) || group.count < 2 || group.count > nodes.size() - at) return false;
      for (std::size_t i = 0; i < group.count; ++i)
        if (index(at + i) != group.first + i) return false;
      return true;
    });
    if (whole != cast.groups.end()) {
      found.push_back(whole->pattern);
      at += whole->count;
    } else {
      found.push_back(index(at) < cast.names.size() ? cast.names[index(at)] : "?");
      ++at;
    }
  }
  return found;
}

}  // namespace hubproof::tools
