#include "tools/signature.hpp"

#include <algorithm>

namespace hubproof::tools {
namespace {

bool of_a_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == ':' || static_cast<unsigned char>(c) >= 0x80;
}

bool has_digit(std::string_view word) {
  return std::ranges::any_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view role_of(std::size_t node, const Scenario& scenario) {
  if (node == 0) return "the hub";
  return node <= scenario.services.size() ? "a service" : "a device";
}

// "...; so were 11 more" counts other occurrences: a smaller run has fewer.
std::string_view without_more(std::string_view what) {
  const std::size_t at = what.rfind("; ");
  const bool more = at != std::string_view::npos && has_digit(what.substr(at)) &&
                    what.substr(at).find(" more") != std::string_view::npos;
  return more ? what.substr(0, at) : what;
}

}  // namespace

std::string signature_of(std::string_view clause, std::uint32_t witness, std::string_view what,
                         const Scenario& scenario) {
  const std::vector<std::string> names = node_names(scenario);
  std::string text{clause};
  if (witness < names.size()) {
    text += ' ';
    text += role_of(witness, scenario).substr(role_of(witness, scenario).find(' ') + 1);
  }
  text += ": ";
  what = without_more(what);
  for (std::size_t at = 0; at < what.size();) {
    if (!of_a_word(what[at])) {
      text += what[at++];
      continue;
    }
    std::size_t end = at;
    while (end < what.size() && of_a_word(what[end])) ++end;
    while (end - at > 1 && (what[end - 1] == '.' || what[end - 1] == ':')) --end;
    const std::string_view word = what.substr(at, end - at);
    if (const auto named = std::ranges::find(names, word); named != names.end()) {
      std::string_view role = role_of(static_cast<std::size_t>(named - names.begin()), scenario);
      if (role.starts_with("the ") && text.ends_with("the ")) role.remove_prefix(4);
      text += role;
    } else if (has_digit(word)) {
      text += '#';
    } else {
      text += word;
    }
    at = end;
  }
  return text;
}

}  // namespace hubproof::tools
