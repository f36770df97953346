#include "sim/choices.hpp"

#include <algorithm>
#include <array>

namespace hubproof::sim {

std::string_view name(Site site) {
  constexpr std::array<std::string_view, 20> names{
      "latency",    "ack_latency", "control_latency", "drop",     "burst",   "delay", "duplicate",
      "reorder",    "corrupt",     "cut",             "name_lookup", "sync_latency", "sync_error",
      "survivor",   "torn",        "bit_rot",         "swarm",    "nemesis", "crash_loop", "boot"};
  const auto at = static_cast<std::size_t>(site);
  return at < names.size() ? names[at] : std::string_view{};
}

void Choices::name(NodeId who, std::string_view name) {
  const auto n = static_cast<std::size_t>(who);
  if (n >= keys_.size()) keys_.resize(n + 1);
  std::uint64_t key = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : name) key = (key ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
  keys_[n] = key == 0 ? 1 : key;
}

// A stream takes the salts in the order of time, at once or when it is opened: what it draws does not
// hang on whether it happened to be drawn from before.
void Choices::reseed(const Reseed& how) {
  reseeds_.push_back(how);
  for (std::size_t s = 0; s < streams_.size(); ++s) {
    if (how.site && static_cast<std::size_t>(*how.site) != s) continue;
    for (Stream& stream : streams_[s])
      if (stream.base != 0) salt(stream, how.salt);
  }
}

void Choices::give(Site site, NodeId who, std::uint64_t n, std::uint64_t value) {
  given_[{site, who, n}] = value;
  watched_ = true;
}

void Choices::keep_log(bool wanted) {
  logging_ = wanted;
  watched_ = logging_ || !given_.empty();
}

Choices::Stream& Choices::open(Site site, NodeId who) {
  const auto s = static_cast<std::size_t>(site);
  const auto n = static_cast<std::size_t>(who);
  ensure(s < 4096 && n < (std::size_t{1} << 26));  // the tables are dense
  if (s >= streams_.size()) streams_.resize(s + 1);
  sites_ = streams_.size();
  auto& nodes = streams_[s];
  if (n >= nodes.size()) {
    if (n >= nodes.capacity()) nodes.reserve(std::max<std::size_t>(n + 1, 2 * nodes.capacity()));
    nodes.resize(n + 1);
  }
  const std::uint64_t key = n < keys_.size() && keys_[n] != 0 ? mix(keys_[n]) : n;
  const std::uint64_t base = mix(seed_ + (static_cast<std::uint64_t>(s) << 32) + key);
  nodes[n].base = base == 0 ? 1 : base;  // 0 marks what was not opened
  for (const Reseed& one : reseeds_)
    if (!one.site || *one.site == site) salt(nodes[n], one.salt);
  return nodes[n];
}

std::uint64_t Choices::settle(Site site, NodeId who, std::uint64_t n, std::uint64_t bound,
                              std::uint64_t value) {
  if (const auto given = given_.find({site, who, n}); given != given_.end())
    value = bound == 0 ? 0 : std::min(given->second, bound - 1);
  if (logging_) log_.push_back({site, who, n, bound, value, now_ ? now_() : Instant{}});
  return value;
}

}  // namespace hubproof::sim
