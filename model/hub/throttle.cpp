#include "model/hub/throttle.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::model {

// ---- Phases [QUO-10].

Throttle::Answer Throttle::ask(Now now, const Request& request, Effects& effects) {
  const auto at = static_cast<std::size_t>(request.limit) - 1;
  const LimitTerms& limit = rules_->limits[at];
  Line& line = lines_[at];
  const bool spoilt = request.limit == Limit::telemetry && !rules_->refused_has_no_effect;
  if (!fits(now, request)) {
    saw(effects, Phase::refused, request, 0).error = Error::quota_exceeded;
    return {Phase::refused, Error::quota_exceeded, spoilt};
  }
  if (limit.per_minute == 0) {
    if (request.size) saw(effects, Phase::served, request, 0);
    meter(request);
    return {};
  }
  if (line.waiting.empty() && now.mono >= due(limit, line)) {
    line.full = std::max(line.full, now.mono) + period(limit);
    saw(effects, Phase::served, request, 0);
    meter(request);
    return {};
  }
  if (line.waiting.size() < rules_->room(limit.queue)) {
    line.waiting.push_back({++numbers_, request, {}});
    last_ = at;
    saw(effects, Phase::waits, request, numbers_);
    return {Phase::waits, Error::none, false};
  }
  saw(effects, Phase::refused, request, 0).error = Error::throttled;
  if (!rules_->refused_is_free) meter(request);
  return {Phase::refused, Error::throttled, spoilt};
}

void Throttle::wait(Serve serve) { lines_[last_].waiting.back().serve = std::move(serve); }

void Throttle::forget(ConnectionId connection, Effects& effects) {
  for (Line& line : lines_)
    std::erase_if(line.waiting, [&](const Waiting& one) {
      if (one.request.connection != connection) return false;
      saw(effects, Phase::waits, one.request, one.number).phase = model::Phase::info;
      return true;
    });
}

void Throttle::woken(Now now, Effects& effects) {
  for (std::size_t at = 0; at < limit_count; ++at)
    while (!lines_[at].waiting.empty() && now.mono >= due(rules_->limits[at], lines_[at]))
      serve_next(now, at, effects);
}

void Throttle::serve_next(Now now, std::size_t at, Effects& effects) {
  Line& line = lines_[at];
  const Waiting next = std::move(line.waiting.front());
  line.waiting.pop_front();
  if (!fits(now, next.request)) {
    saw(effects, Phase::refused, next.request, next.number).error = Error::quota_exceeded;
    return next.serve(now, Error::quota_exceeded, effects);
  }
  const Duration period = this->period(rules_->limits[at]);
  line.full = std::max(line.full, now.mono) + (line.waiting.empty() ? period : rules_->pace(period));
  saw(effects, Phase::served, next.request, next.number);
  meter(next.request);
  next.serve(now, Error::none, effects);
}

std::optional<Instant> Throttle::deadline() const {
  std::optional<Instant> first;
  for (std::size_t at = 0; at < limit_count; ++at) {
    if (lines_[at].waiting.empty()) continue;
    const Instant next = due(rules_->limits[at], lines_[at]);
    first = first ? std::min(*first, next) : next;
  }
  return first;
}

// Rounded up, so that no rate is exceeded.
Duration Throttle::period(const LimitTerms& limit) const {
  constexpr Duration minute = std::chrono::minutes{1};
  return (minute + Duration{limit.per_minute - 1}) / limit.per_minute;
}

Instant Throttle::due(const LimitTerms& limit, const Line& line) const {
  const std::uint32_t allowance = std::max(rules_->allowance(limit.burst), 1u);
  return line.full - period(limit) * (allowance - 1);
}

// ---- The quota.

// A clock that is set back does not begin a day anew.
bool Throttle::fits(Now now, const Request& request) {
  if (!request.size || rules_->per_day == 0) return true;
  if (const std::int64_t today = rules_->day(now.wall); today > day_) {
    day_ = today;
    used_ = 0;
  }
  return used_ + rules_->chunks(*request.size, rules_->chunk) <= rules_->per_day;  // [QUO-03]
}

void Throttle::meter(const Request& request) {
  if (!request.size || rules_->per_day == 0) return;
  used_ += rules_->chunks(*request.size, rules_->chunk);
  metered_(day_, used_);
}

void Throttle::recovered(std::int64_t day, std::uint64_t used) {
  if (!rules_->quota_outlives_crash) return;
  day_ = day;
  used_ = used;
}

Event& Throttle::saw(Effects& effects, Phase how, const Request& request,
                     std::uint64_t number) const {
  Event& event = effects.saw(What::throttle, how == Phase::served   ? model::Phase::ok
                                             : how == Phase::waits  ? model::Phase::invoke
                                                                    : model::Phase::fail);
  event.code = static_cast<std::uint16_t>(request.limit);
  event.connection = static_cast<std::uint32_t>(request.connection);
  event.device = request.device;
  event.message = request.message;
  event.token = number;
  if (request.size) event.count = *request.size;
  return event;
}

}  // namespace hubproof::model
