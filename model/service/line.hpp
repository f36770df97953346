// The service's connection as its lanes see it: requests go out under fresh correlation ids, and
// what is seen is told. Each lane knows its own answers.
#pragma once

#include <functional>
#include <optional>

#include "model/chance.hpp"
#include "model/effects.hpp"
#include "model/service.hpp"
#include "model/service/carrier.hpp"

namespace hubproof::model {

// A request under way, or none.
struct Asking {
  std::uint32_t correlation = 0;
  Instant patience{};

  bool under_way() const { return correlation != 0; }
  bool is(const Answer& answer) const {
    return under_way() && answer.correlation == correlation;
  }
};

// What a lane says of an answer: whether it is its own, and whether it is of a kind that fits.
enum class Took : std::uint8_t { not_mine, fine, misfit };

// An error that says nothing of the outcome [ERR-38].
inline bool undecided(Error error) { return error == Error::storage || error == Error::timed_out; }

// An error that passes by itself [ERR-36].
inline bool refused_for_now(Error error) {
  return error == Error::throttled || error == Error::quota_exceeded;
}
inline constexpr Duration throttled_pause = std::chrono::seconds{10};  // as the vendor's SDKs begin

// After a refusal, and where a long poll does not wait.
inline constexpr Duration least_pause = std::chrono::seconds{1};

struct Line {
  Now now;
  Effects& effects;
  const ServiceSettings& settings;
  const ServiceRules& rules;
  const std::function<NodeIndex(std::string_view)>& index_of;
  Chance& chance;
  std::uint32_t connection;
  std::uint32_t& last_correlation;
  Carrier& carrier;

  // `wait`: how long the hub may keep the answer back on purpose.
  Asking ask(const Request& request, Duration wait = {}) {
    carrier.ask(now, ++last_correlation, request, effects);
    return {last_correlation, now.mono + settings.request_patience + wait};
  }
  Asking store_checkpoint(std::uint32_t partition, std::uint64_t sequence) {
    carrier.store_checkpoint(++last_correlation, partition, sequence, effects);
    return {last_correlation, now.mono + settings.request_patience};
  }
  Event& saw(What what, Phase phase = Phase::ok) {
    Event& event = effects.saw(what, phase);
    event.connection = connection;
    return event;
  }
};

}  // namespace hubproof::model
