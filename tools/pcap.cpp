#include "tools/pcap.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hubproof::tools {
namespace {

using model::Bytes;
using model::View;

constexpr std::uint16_t raw_ip = 101;  // LINKTYPE_RAW
constexpr std::size_t largest_segment = 60'000;
constexpr std::uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16;

// pcapng in little-endian; IP and TCP in big-endian.
template <std::size_t N>
void little(Bytes& out, std::uint64_t value) {
  for (std::size_t i = 0; i < N; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
template <std::size_t N>
void big(Bytes& out, std::uint64_t value) {
  const std::size_t at = out.size();
  out.resize(at + N);
  model::store_big<N>(out.data() + at, value);
}

void block(Bytes& out, std::uint32_t type, const Bytes& body) {
  const std::size_t padded = (body.size() + 3) / 4 * 4;
  const auto total = static_cast<std::uint32_t>(padded + 12);
  little<4>(out, type);
  little<4>(out, total);
  out.insert(out.end(), body.begin(), body.end());
  out.resize(out.size() + (padded - body.size()));
  little<4>(out, total);
}

void option(Bytes& body, std::uint16_t code, View value) {
  little<2>(body, code);
  little<2>(body, value.size());
  body.insert(body.end(), value.begin(), value.end());
  body.resize((body.size() + 3) / 4 * 4);
}

std::uint32_t sum(View bytes, std::uint32_t so_far = 0) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    so_far += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  if (bytes.size() % 2 != 0) so_far += static_cast<std::uint32_t>(bytes.back() << 8);
  return so_far;
}
std::uint16_t folded(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

Pcap::Pcap(const std::vector<std::string>& interfaces) {
  Bytes section;
  little<4>(section, 0x1a2b3c4d);
  little<2>(section, 1);
  little<2>(section, 0);
  little<8>(section, ~std::uint64_t{0});  // of unknown length
  block(out_, 0x0a0d0d0a, section);
  for (const std::string& name : interfaces) {
    Bytes body;
    little<2>(body, raw_ip);
    little<2>(body, 0);
    little<4>(body, 0);  // no limit
    option(body, 2, model::view(name));
    const std::uint8_t nanoseconds[] = {9};
    option(body, 9, nanoseconds);
    option(body, 0, {});
    block(out_, 1, body);
  }
}

void Pcap::segment(std::int64_t at, Flow& flow, bool by_opener, std::uint8_t flags, View bytes) {
  const std::size_t from = by_opener ? 0 : 1;
  const std::size_t to = 1 - from;
  Bytes tcp;
  big<2>(tcp, flow.ends[from].port);
  big<2>(tcp, flow.ends[to].port);
  big<4>(tcp, flow.next[from]);
  big<4>(tcp, (flags & ack) != 0 ? flow.next[to] : 0);
  tcp.push_back(5 << 4);
  tcp.push_back(flags);
  big<2>(tcp, 0xffff);
  big<4>(tcp, 0);  // checksum, urgent pointer
  tcp.insert(tcp.end(), bytes.begin(), bytes.end());

  Bytes ip;
  ip.push_back(0x45);
  ip.push_back(0);
  big<2>(ip, 20 + tcp.size());
  big<4>(ip, 0x0000'4000);  // not fragmented
  ip.push_back(64);
  ip.push_back(6);
  big<2>(ip, 0);
  big<4>(ip, flow.ends[from].address);
  big<4>(ip, flow.ends[to].address);
  model::store_big<2>(ip.data() + 10, folded(sum(ip)));
  const std::uint32_t pseudo = sum(View{ip}.subspan(12)) + 6 + static_cast<std::uint32_t>(tcp.size());
  model::store_big<2>(tcp.data() + 16, folded(sum(tcp, pseudo)));

  Bytes body;
  little<4>(body, flow.interface);
  const auto time = static_cast<std::uint64_t>(at);
  little<4>(body, time >> 32);
  little<4>(body, time & 0xffff'ffff);
  little<4>(body, ip.size() + tcp.size());
  little<4>(body, ip.size() + tcp.size());
  body.insert(body.end(), ip.begin(), ip.end());
  body.insert(body.end(), tcp.begin(), tcp.end());
  block(out_, 6, body);
  flow.next[from] += static_cast<std::uint32_t>(bytes.size()) + ((flags & (syn | fin)) != 0 ? 1 : 0);
}

void Pcap::opened(std::int64_t at, std::uint64_t connection, std::uint32_t interface, PcapEnd from, PcapEnd to) {
  Flow& flow = flows_[connection];
  flow = Flow{};
  flow.interface = interface;
  flow.ends[0] = from;
  flow.ends[1] = to;
  segment(at, flow, true, syn, {});
  segment(at, flow, false, syn | ack, {});
  segment(at, flow, true, ack, {});
}

void Pcap::sent(std::int64_t at, std::uint64_t connection, bool by_opener, View bytes) {
  const auto found = flows_.find(connection);
  if (found == flows_.end()) return;
  while (!bytes.empty()) {
    const View part = bytes.first(std::min(bytes.size(), largest_segment));
    segment(at, found->second, by_opener, psh | ack, part);
    bytes = bytes.subspan(part.size());
  }
}

void Pcap::ended(std::int64_t at, std::uint64_t connection, bool by_opener, bool reset) {
  const auto found = flows_.find(connection);
  if (found == flows_.end()) return;
  Flow& flow = found->second;
  bool& over = flow.over[by_opener ? 0 : 1];
  if (!over) segment(at, flow, by_opener, reset ? rst | ack : fin | ack, {});
  over = true;
  if (reset || (flow.over[0] && flow.over[1])) flows_.erase(found);
}

std::unique_ptr<PcapFile> PcapFile::open(const std::string& path, const std::vector<std::string>& interfaces,
                                         std::string& problem) {
  std::unique_ptr<PcapFile> made{new PcapFile{interfaces}};
  made->file_.reset(std::fopen(path.c_str(), "wb"));
  if (made->file_ && made->flush()) return made;
  problem = "cannot write " + path + ": " + std::strerror(errno);
  return nullptr;
}

bool PcapFile::flush() {
  Bytes& out = pcap_.out();
  const bool all = std::fwrite(out.data(), 1, out.size(), file_.get()) == out.size();
  out.clear();
  return all && std::fflush(file_.get()) == 0;
}

}  // namespace hubproof::tools
