// Bytes of connections as a capture that Wireshark and its kin read (pcapng). Nothing was captured: segments
// are made up around the bytes, with sequence numbers that fit, so that streams can be followed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/bytes.hpp"

namespace hubproof::tools {

// An end of a connection; IPv4 in host order.
struct PcapEnd {
  std::uint32_t address = 0x7f000001;
  std::uint16_t port = 0;
};

// Appends blocks to a buffer. Times are nanoseconds since 1970. A connection is opened by `from`.
class Pcap {
 public:
  // One interface for each of the names.
  explicit Pcap(const std::vector<std::string>& interfaces);

  void opened(std::int64_t at, std::uint64_t connection, std::uint32_t interface, PcapEnd from, PcapEnd to);
  void sent(std::int64_t at, std::uint64_t connection, bool by_opener, model::View bytes);
  void ended(std::int64_t at, std::uint64_t connection, bool by_opener, bool reset);

  model::Bytes& out() { return out_; }  // whoever writes it takes it out

 private:
  struct Flow {
    std::uint32_t interface = 0;
    PcapEnd ends[2];                    // opener, other
    std::uint32_t next[2] = {1, 1};     // sequence numbers
    bool over[2] = {false, false};
  };
  void segment(std::int64_t at, Flow& flow, bool by_opener, std::uint8_t flags, model::View bytes);

  model::Bytes out_;
  std::map<std::uint64_t, Flow> flows_;
};

// The same into a file.
class PcapFile {
 public:
  static std::unique_ptr<PcapFile> open(const std::string& path, const std::vector<std::string>& interfaces,
                                        std::string& problem);
  Pcap& pcap() { return pcap_; }
  bool flush();  // false: the file cannot be written

 private:
  explicit PcapFile(const std::vector<std::string>& interfaces) : pcap_{interfaces} {}
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  Pcap pcap_;
  std::unique_ptr<std::FILE, Closer> file_;
};

}  // namespace hubproof::tools
