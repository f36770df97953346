#include "model/hub/router.hpp"

#include <algorithm>

namespace hubproof::model {
namespace {

constexpr std::size_t longest_name = 64;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

std::optional<std::uint32_t> number_of(const Routing& routing, std::string_view endpoint) {
  if (endpoint == builtin_endpoint) return 0;
  const auto found = std::ranges::find(routing.endpoints, endpoint);
  if (found == routing.endpoints.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - routing.endpoints.begin()) + 1;
}

// An endpoint is read by its name, which stands where these do.
bool is_own(std::string_view name) {
  return name == "hub" || name == "localhost" || name == "devices" || name == "messages" ||
         std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::vector<RoutingProblem> problems(const Routing& routing) {
  std::vector<RoutingProblem> found;
  const auto at = [](const char* list, std::size_t index, const char* key = "") {
    return std::string{list} + "/" + std::to_string(index) + key;
  };
  const auto names = [&](const char* list, const char* key, std::size_t size, std::size_t most, auto&& name) {
    if (size > most)
      found.push_back({list, "expected at most " + std::to_string(most) + ", found " + std::to_string(size)});
    for (std::size_t i = 0; i < size; ++i) {
      const std::string& it = name(i);
      if (!is_name(it))
        found.push_back({at(list, i, key), "\"" + it + "\" cannot be a name; use at most " +
                                               std::to_string(longest_name) + " letters, digits and - _ ."});
      for (std::size_t j = 0; j < i; ++j)
        if (name(j) == it) found.push_back({at(list, i, key), "there is another \"" + it + "\""});
    }
  };
  names("endpoints", "", routing.endpoints.size(), most_endpoints,
        [&](std::size_t i) -> const std::string& { return routing.endpoints[i]; });
  names("routes", "/name", routing.routes.size(), most_routes,
        [&](std::size_t i) -> const std::string& { return routing.routes[i].name; });
  for (std::size_t i = 0; i < routing.endpoints.size(); ++i)
    if (routing.endpoints[i] == builtin_endpoint)
      found.push_back({at("endpoints", i), "\"events\" is the built-in endpoint and always there"});
    else if (is_name(routing.endpoints[i]) && is_own(routing.endpoints[i]))
      found.push_back({at("endpoints", i), "\"" + routing.endpoints[i] +
                                               "\" is what addresses of the hub itself begin with; call it otherwise"});
  for (std::size_t i = 0; i < routing.routes.size(); ++i) {
    const Route& route = routing.routes[i];
    if (!number_of(routing, route.endpoint))
      found.push_back({at("routes", i, "/endpoint"), "no endpoint is called \"" + route.endpoint +
                                                         "\"; name it under \"endpoints\""});
    const auto parsed = Condition::parse(route.condition);
    if (const auto* error = std::get_if<ConditionError>(&parsed))
      found.push_back({at("routes", i, "/condition"),
                       "at character " + std::to_string(error->place + 1) + ": " + error->what});
  }
  return found;
}

std::uint16_t Selection::set() const {
  unsigned bits = 0;
  for (const std::uint32_t endpoint : writes) bits |= 1U << endpoint;
  return static_cast<std::uint16_t>(bits);
}

Router::Router(const HubRules& rules, const Routing& routing) : rules_{rules}, fallback_{routing.fallback} {
  for (const Route& route : routing.routes) {
    auto parsed = Condition::parse(route.condition);
    const auto endpoint = number_of(routing, route.endpoint);
    if (endpoint && std::holds_alternative<Condition>(parsed))
      routes_.push_back({*endpoint, std::get<Condition>(std::move(parsed))});
  }
}

void Router::select(const MessageView& message, const Stamps& stamps, Selection& out) const {
  out.writes.clear();
  std::uint32_t matches = 0;
  const auto write = [&](std::uint32_t endpoint) {
    if (!rules_.writes_once || std::ranges::find(out.writes, endpoint) == out.writes.end())
      out.writes.push_back(endpoint);
  };
  for (const Compiled& route : routes_) {
    const Condition::Truth truth = route.condition.holds(message, stamps);
    const bool matches_route = truth == Condition::Truth::yes ||
                               (truth == Condition::Truth::undefined && !rules_.undefined_is_false);
    if (matches_route && rules_.takes_match(++matches)) write(route.endpoint);
  }
  out.matched = matches > 0;
  const bool falls = fallback_ ? !out.matched || !rules_.fallback_is_last : !out.matched && !rules_.drops_unmatched;
  if (falls || routes_.empty()) write(0);
}

}  // namespace hubproof::model
