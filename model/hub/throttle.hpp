// Throttling and the daily quota of a hub [QUO-01..QUO-13]: what becomes of each request that counts.
// Integers only, and time comes in.
//
//   request ──allowance left──▶ served
//      │ used up                   ▲ at the rate of the limit, in the order of coming
//      └────────room──▶ waits ─────┘
//             │ full
//             └──▶ refused, and nothing has happened [QUO-13]
//
// The allowance fills up again at the rate of the limit, and what waits is served as soon as there is
// some. A process that starts has all of it; what was used of the day's quota is in the journal.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "model/effects.hpp"
#include "model/quota_rules.hpp"

namespace hubproof::model {

class Throttle {
 public:
  // Does what waited, or says why it is not done after all: the quota was used up meanwhile.
  using Serve = std::function<void(Now now, Error error, Effects& effects)>;
  using Metered = std::function<void(std::int64_t day, std::uint64_t used)>;  // for the journal

  struct Request {
    Limit limit{};
    ConnectionId connection{};         // with which it ends; none: it is not a connection's
    NodeIndex device = NodeIndex::none;
    MessageKey message = MessageKey::none;
    std::optional<std::uint32_t> size{};  // bytes of what is metered; none: nothing is [QUO-02]
  };
  enum class Phase : std::uint8_t { served, waits, refused };
  struct Answer {
    Phase phase{};
    Error error = Error::none;  // of a refusal
    bool acts = true;           // it is to be done now
  };

  Throttle(const QuotaRules& rules, Metered metered) : rules_{&rules}, metered_{std::move(metered)} {}

  // Each answer is an event. After `waits` comes wait().
  Answer ask(Now now, const Request& request, Effects& effects);
  void wait(Serve serve);  // for what was asked last
  void forget(ConnectionId connection, Effects& effects);  // it is gone, and what waits for it

  void woken(Now now, Effects& effects);  // serves what is due
  std::optional<Instant> deadline() const;

  // The quota, for journal and recovery.
  std::int64_t day() const { return day_; }  // since 1970
  std::uint64_t used() const { return used_; }
  void recovered(std::int64_t day, std::uint64_t used);

 private:
  struct Waiting {
    std::uint64_t number = 0;
    Request request;
    Serve serve;
  };
  struct Line {  // of one limit
    Instant full{};  // when the allowance is whole again
    std::deque<Waiting> waiting;
  };

  Duration period(const LimitTerms& limit) const;
  Instant due(const LimitTerms& limit, const Line& line) const;  // when there is some allowance
  bool fits(Now now, const Request& request);
  void meter(const Request& request);
  Event& saw(Effects& effects, Phase how, const Request& request, std::uint64_t number) const;
  void serve_next(Now now, std::size_t limit, Effects& effects);

  const QuotaRules* rules_;
  Metered metered_;
  std::array<Line, limit_count> lines_;
  std::size_t last_ = 0;  // the line of what waits since the last ask()
  std::uint64_t numbers_ = 0;
  std::int64_t day_ = 0;
  std::uint64_t used_ = 0;
};

}  // namespace hubproof::model
