// What the suite's cases make of a server's bytes: any are split into packets, read and described.
#include "conformance/cases/packet.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace cases = hubproof::conformance::cases;
  cases::View rest{data, size};
  hold(!cases::describe(rest).empty() || rest.empty());
  while (!rest.empty()) {
    const std::size_t whole = cases::packet_size(rest);
    if (whole == 0 || whole == cases::no_length || whole > rest.size()) break;
    const cases::Packet packet = cases::read_packet(rest.first(whole));
    hold(packet.raw.size() == whole && packet.topic.size() + packet.payload.size() + packet.codes.size() <= whole);
    rest = rest.subspan(whole);
  }
  return 0;
}
