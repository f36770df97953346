// What a run's choices are besides its seed: single ones that are given, and points in time from
// which another future is drawn. Plain data with names, so that it can stand in a bundle, and hold
// on when a choice is added elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/choices.hpp"
#include "sim/time.hpp"

namespace hubproof::tools {

struct GivenChoice {
  sim::Site site{};
  std::string node;
  std::uint64_t n = 1;      // the n-th draw there, from 1
  std::uint64_t value = 0;  // held below the bound of the draw
  bool operator==(const GivenChoice&) const = default;
};

struct Reseed {
  sim::Duration from{};           // of the run
  std::optional<sim::Site> site;  // none: every site
  std::uint64_t salt = 0;
  bool operator==(const Reseed&) const = default;
};

struct Steering {
  std::vector<GivenChoice> given;
  std::vector<Reseed> reseeds;
  bool empty() const { return given.empty() && reseeds.empty(); }
  bool operator==(const Steering&) const = default;
};

// What of it holds from the start: given choices, and the reseeds that are due at once. Choices of
// nodes that are not there are left out.
void steer_from_start(sim::Choices& choices, const Steering& steering,
                      const std::vector<std::string>& node_names);
void reseed(sim::Choices& choices, const Reseed& how);

// Names of the simulator's sites, of the drivers' and of the machines'. Empty: there is no such site.
std::string_view site_name(sim::Site site);
std::optional<sim::Site> find_site(std::string_view name);
std::vector<std::string_view> site_names();

}  // namespace hubproof::tools
