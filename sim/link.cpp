#include "sim/link.hpp"

#include <algorithm>

#include "sim/wide.hpp"

namespace hubproof::sim {

bool Line::admit(const Bandwidth& limit, Instant now, std::uint64_t size, Instant& left) {
  constexpr std::uint64_t second = 1'000'000'000;
  const Instant begins = std::max(now, free_at_);
  const auto wait = static_cast<std::uint64_t>((begins - now).count());
  const std::uint64_t queued = scaled(wait, limit.bytes_per_second, second);
  // An empty queue takes any packet: a line slower than its queue is small must still move.
  if (queued != 0 && queued + size > limit.queue_bytes) return false;
  const std::uint64_t sending = scaled(size, second, limit.bytes_per_second);
  free_at_ = begins + Duration{static_cast<std::int64_t>(sending)};
  left = free_at_;
  return true;
}

bool Bursts::lost(const Loss& loss, Choices& choices, NodeId from) {
  bool bad = false;
  if (loss.turns_bad.num != 0) {
    const auto at = static_cast<std::size_t>(from);
    if (at >= bad_.size()) bad_.resize(at + 1);
    bad = bad_[at];
    if (choices.chance(Site::burst, from, bad ? loss.turns_good : loss.turns_bad)) bad = !bad;
    bad_[at] = bad;
  }
  const Ratio odds = bad ? loss.bad : loss.good;
  return odds.num != 0 && choices.chance(Site::drop, from, odds);
}

}  // namespace hubproof::sim
