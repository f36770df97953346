// Quotas and throttling: what a hub of a tier takes, and what mutants spoil in it: named constants and
// small pure functions, as in rules.hpp. All limits are of the hub, whatever its devices [QUO-09].
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "model/history.hpp"
#include "model/time.hpp"

namespace hubproof::model {

// Basic tiers are left out: the facts do not give their quotas [QUO-01].
enum class Tier : std::uint8_t { none, free, s1, s2, s3 };
inline constexpr std::array<std::string_view, 5> tier_names{"none", "free", "S1", "S2", "S3"};

struct QuotaRules {
  Tier tier = Tier::none;
  std::uint32_t units = 1;

  // Figures: of the tier and its units, unless somebody says otherwise.
  std::array<LimitTerms, limit_count> limits{};  // [QUO-04..QUO-08]
  std::uint32_t per_day = 0;                     // metered chunks, telemetry and commands; 0: no quota [QUO-01]
  std::uint32_t chunk = 4'096;                   // bytes [QUO-02]

  bool on() const { return per_day > 0 || limits != std::array<LimitTerms, limit_count>{}; }
  LimitTerms& of(Limit limit) { return limits[static_cast<std::size_t>(limit) - 1]; }
  const LimitTerms& of(Limit limit) const { return limits[static_cast<std::size_t>(limit) - 1]; }

  // Decisions.

  // Does refused telemetry do nothing? [QUO-13, ERR-37]
  bool refused_has_no_effect = true;
  // Is a refused request not metered? [QUO-13]
  bool refused_is_free = true;
  // How many are served at once after a quiet time? [QUO-10, INV-22]
  std::uint32_t (*allowance)(std::uint32_t burst) = [](std::uint32_t burst) { return burst; };
  // How many may wait? [QUO-10, INV-22]
  std::uint32_t (*room)(std::uint32_t queue) = [](std::uint32_t queue) { return queue; };
  // How long after the one before it is one that waits served? By the limit [QUO-10, QUO-09].
  Duration (*pace)(Duration period) = [](Duration period) { return period; };
  // Does a refused PUBLISH get no PUBACK? [MQTT-44, DLV-04]
  bool refused_is_not_acknowledged = true;
  // How many chunks is a message metered as? An empty one counts, too [QUO-02].
  std::uint64_t (*chunks)(std::uint64_t size, std::uint32_t of) = [](std::uint64_t size,
                                                                   std::uint32_t of) {
    return size == 0 ? 1 : (size + of - 1) / of;
  };
  // Which day is it, for the quota? That of UTC [QUO-03].
  std::int64_t (*day)(Date date) = [](Date date) -> std::int64_t {
    return std::chrono::floor<std::chrono::days>(date.time_since_epoch()).count();
  };
  // Is what was used of a quota known after a crash? [QUO-03]
  bool quota_outlives_crash = true;
};

constexpr std::uint32_t most_units(Tier tier) {  // [QUO-01]
  return tier == Tier::s3 ? 10 : tier == Tier::s1 || tier == Tier::s2 ? 200 : 1;
}

// The figures of a tier. Allowance and queue are not documented [QUO-11]: both are what the rate gives in a
// minute, so that twice the rate is served at once for a minute, as the documents' example has it [QUO-10].
// Where nothing is said of the free tier, it is as S1.
constexpr QuotaRules quotas_of(Tier tier, std::uint32_t units) {
  QuotaRules rules;
  rules.tier = tier;
  rules.units = units;
  const auto limit = [&](Limit which, std::uint32_t per_minute) {
    rules.of(which) = {per_minute, per_minute, per_minute};
  };
  if (tier == Tier::none) return rules;
  const bool s3 = tier == Tier::s3;
  const std::uint32_t least = tier == Tier::s1 || tier == Tier::free ? 100 : 0;  // a second, of the hub
  const std::uint32_t each = s3 ? 6'000 : tier == Tier::s2 ? 120 : 12;           // a second and unit
  const std::uint32_t sends = 60 * (each * units > least ? each * units : least);
  limit(Limit::connections, sends);                         // [QUO-04]
  limit(Limit::telemetry, sends);                           // [QUO-05]
  limit(Limit::commands, (s3 ? 5'000 : 100) * units);       // [QUO-06]
  limit(Limit::receives, (s3 ? 50'000 : 1'000) * units);    // [HTTP-19]
  limit(Limit::registry, (s3 ? 5'000 : 100) * units);       // [QUO-08]
  rules.per_day = tier == Tier::free ? 8'000                // [QUO-01]
                  : s3               ? 300'000'000 * units
                  : tier == Tier::s2 ? 6'000'000 * units
                                     : 400'000 * units;
  if (tier == Tier::free) rules.chunk = 512;                // [QUO-02]
  return rules;
}

}  // namespace hubproof::model
