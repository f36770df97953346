// Where telemetry goes, as it is configured: endpoints, and routes that lead to them by a condition.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hubproof::model {

inline constexpr std::string_view builtin_endpoint = "events";  // always there [D2C-02]

struct Route {
  std::string name;
  std::string endpoint{builtin_endpoint};
  std::string condition = "true";  // see hub/condition.hpp
  bool operator==(const Route&) const = default;
};

struct Routing {
  std::vector<std::string> endpoints;  // besides the built-in one, each with a log of its own
  std::vector<Route> routes;           // none: all goes to the built-in endpoint [D2C-02]
  bool fallback = true;                // so does what matches no route; off: it is dropped [D2C-21, D2C-22]
  bool operator==(const Routing&) const = default;
};

}  // namespace hubproof::model
