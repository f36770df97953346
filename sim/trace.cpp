#include "sim/trace.hpp"

#include <cstdio>
#include <cstring>
#include <utility>

namespace hubproof::sim {

namespace {

std::uint64_t load(const std::uint8_t* from, std::size_t count = 8) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, count);
  return word;
}

constexpr std::uint64_t secret0 = 0xa0761d6478bd642fU;
constexpr std::uint64_t secret1 = 0xe7037ed1a0b428dbU;
constexpr std::uint64_t secret2 = 0x8ebc6af09c88c6e3U;

}  // namespace

std::uint64_t digest_of(View bytes) {
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t one = secret2 ^ left;
  std::uint64_t two = secret1;  // a second chain, so that long payloads do not wait for one
  while (left > 32) {
    one = folded_product(load(at) ^ secret0, load(at + 8) ^ one);
    two = folded_product(load(at + 16) ^ secret1, load(at + 24) ^ two);
    at += 32;
    left -= 32;
  }
  std::uint64_t rest = one ^ two;
  while (left >= 16) {
    rest = folded_product(load(at) ^ secret0, load(at + 8) ^ rest);
    at += 16;
    left -= 16;
  }
  const std::uint64_t low = left >= 8 ? load(at) : load(at, left);
  const std::uint64_t high = left > 8 ? load(at + 8, left - 8) : 0;
  return folded_product(low ^ secret1, high ^ rest);
}

void Trace::tell(NodeId node, Kind kind, std::uint64_t a, std::uint64_t b, View bytes,
                 std::uint64_t payload) {
  sink_->saw({scheduler_.now(), order_, node, kind, a, b, bytes, payload, digest_});
}

void Trace::name_node(NodeId node, std::string name) {
  const auto at = static_cast<std::size_t>(node);
  if (at >= names_.size()) names_.resize(at + 1);
  names_[at] = std::move(name);
}

std::string_view Trace::node_name(NodeId node) const {
  const auto at = static_cast<std::size_t>(node);
  return at < names_.size() ? std::string_view{names_[at]} : std::string_view{"world"};
}

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::started:
      return "started";
    case Kind::crashed:
      return "crashed";
    case Kind::accepted:
      return "accepted";
    case Kind::connected:
      return "connected";
    case Kind::refused:
      return "refused";
    case Kind::received:
      return "received";
    case Kind::ended:
      return "ended";
    case Kind::drained:
      return "drained";
    case Kind::synced:
      return "synced";
    case Kind::woken:
      return "woken";
    case Kind::clock_stepped:
      return "clock stepped";
    case Kind::paused:
      return "paused";
    case Kind::resumed:
      return "resumed";
    case Kind::slowed:
      return "slowed";
    case Kind::host_silent:
      return "host silent";
    case Kind::connect:
      return "connect";
    case Kind::segment:
      return "segment";
    case Kind::acknowledged:
      return "acknowledged";
    case Kind::syn:
      return "SYN";
    case Kind::syn_ack:
      return "SYN-ACK";
    case Kind::reset:
      return "RST";
    case Kind::fin:
      return "FIN";
    case Kind::probe:
      return "window probe";
    case Kind::retransmitted:
      return "retransmitted";
    case Kind::dropped:
      return "dropped";
    case Kind::delayed:
      return "delayed";
    case Kind::duplicated:
      return "duplicated";
    case Kind::reordered:
      return "reordered";
    case Kind::corrupted:
      return "corrupted";
    case Kind::checksum_failed:
      return "checksum failed";
    case Kind::queue_full:
      return "queue full";
    case Kind::partitioned:
      return "partitioned";
    case Kind::black_holed:
      return "black-holed";
    case Kind::cut:
      return "cut";
    case Kind::name_not_found:
      return "name not found";
    case Kind::timed_out:
      return "timed out";
    case Kind::to_segments:
      return "to segments";
    case Kind::to_quick:
      return "to the quick way";
    case Kind::out_of_order:
      return "out of order";
    case Kind::window_closed:
      return "window closed";
    case Kind::sync_failed:
      return "sync failed";
    case Kind::append_refused:
      return "append refused";
    case Kind::survived:
      return "survived";
    case Kind::torn:
      return "torn write";
    case Kind::bit_rotted:
      return "bit rotted";
    case Kind::sync_held:
      return "sync held";
    case Kind::sync_delayed:
      return "sync delayed";
    case Kind::drifted:
      return "drifted";
    case Kind::slewed:
      return "slewed";
    case Kind::fault_on:
      return "fault on";
    case Kind::fault_off:
      return "fault off";
    case Kind::healed:
      return "healed";
    case Kind::program0:
      break;
  }
  return {};
}

std::string describe(const Trace& trace, const Record& record) {
  char text[192];
  const auto nanos = record.time.time_since_epoch().count();
  const std::string_view kind = name(record.kind);
  const std::string_view node = trace.node_name(record.node);
  char number[24];
  std::snprintf(number, sizeof number, "note %u", static_cast<unsigned>(record.kind));
  std::snprintf(
      text, sizeof text, "%lld.%09llds #%llu %.*s %.*s %llx %llx, %zu bytes, %016llx",
      static_cast<long long>(nanos / 1'000'000'000), static_cast<long long>(nanos % 1'000'000'000),
      static_cast<unsigned long long>(record.order), static_cast<int>(node.size()), node.data(),
      kind.empty() ? 24 : static_cast<int>(kind.size()), kind.empty() ? number : kind.data(),
      static_cast<unsigned long long>(record.a), static_cast<unsigned long long>(record.b),
      record.bytes.size(), static_cast<unsigned long long>(record.digest));
  return text;
}

}  // namespace hubproof::sim
