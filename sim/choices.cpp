#include "sim/choices.hpp"

#include <algorithm>

namespace hubproof::sim {

void Choices::give(Site site, NodeId who, std::uint64_t n, std::uint64_t value) {
  given_[{site, who, n}] = value;
  watched_ = true;
}

void Choices::keep_log(bool wanted) {
  logging_ = wanted;
  watched_ = logging_ || !given_.empty();
}

void Choices::open(Site site, NodeId who) {
  const auto s = static_cast<std::size_t>(site);
  const auto n = static_cast<std::size_t>(who);
  ensure(s < 4096 && n < (std::size_t{1} << 26));  // the tables are dense
  if (s >= streams_.size()) streams_.resize(s + 1);
  auto& nodes = streams_[s];
  if (n >= nodes.size()) {
    if (n >= nodes.capacity()) nodes.reserve(std::max<std::size_t>(n + 1, 2 * nodes.capacity()));
    nodes.resize(n + 1);
  }
  const std::uint64_t stream = static_cast<std::uint64_t>(s) << 32 | static_cast<std::uint64_t>(n);
  const std::uint64_t base = mix(seed_ + stream);
  nodes[n].base = base == 0 ? 1 : base;  // 0 marks what was not opened
}

std::uint64_t Choices::settle(Site site, NodeId who, std::uint64_t n, std::uint64_t bound,
                              std::uint64_t value) {
  if (const auto given = given_.find({site, who, n}); given != given_.end())
    value = bound == 0 ? 0 : std::min(given->second, bound - 1);
  if (logging_) log_.push_back({site, who, n, bound, value});
  return value;
}

}  // namespace hubproof::sim
