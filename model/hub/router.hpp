// Which endpoints a message goes to, by the routes of the hub [D2C-19..D2C-27]. What is written to
// them, and when, is the routing stage's affair (routes.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/hub/condition.hpp"
#include "model/routing.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

inline constexpr std::size_t most_endpoints = 10;  // besides the built-in one [D2C-28]
inline constexpr std::size_t most_routes = 100;    // [D2C-28]

// What is wrong with a configuration, and where: a JSON pointer into the object that holds it.
struct RoutingProblem {
  std::string where;
  std::string what;
};
std::vector<RoutingProblem> problems(const Routing& routing);

// Endpoints by number: 0 is the built-in one, then the others as they are configured.
struct Selection {
  std::vector<std::uint32_t> writes;  // in this order; an endpoint twice only by a wrong rule
  bool matched = false;               // some route's condition is true
  std::uint16_t set() const;          // the endpoints as bits
};

class Router {
 public:
  // Conditions with errors match nothing; problems() tells of them.
  Router(const HubRules& rules, const Routing& routing);

  bool on() const { return !routes_.empty(); }
  void select(const MessageView& message, const Stamps& stamps, Selection& out) const;

 private:
  struct Compiled {
    std::uint32_t endpoint = 0;
    Condition condition;
  };
  const HubRules& rules_;
  std::vector<Compiled> routes_;
  bool fallback_ = true;
};

}  // namespace hubproof::model
