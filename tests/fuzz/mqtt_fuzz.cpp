// MQTT streams: any split of the bytes gives the same packets and the same refusal, and what was
// read can be written and read again.
#include <algorithm>
#include <string>
#include <variant>

#include "model/mqtt/codec.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;

struct Read {
  Bytes packets;  // written again
  std::string refusal;
  bool operator==(const Read&) const = default;
};

Read read(mqtt::End end, View bytes, std::size_t chunk) {
  Read read;
  mqtt::Decoder decoder{end};
  while (!bytes.empty() && !decoder.malformed()) {
    const View part = bytes.first(std::min(chunk, bytes.size()));
    bytes = bytes.subspan(part.size());
    decoder.feed(part);
    while (const mqtt::Packet* packet = decoder.next())
      std::visit([&](const auto& each) { mqtt::write(read.packets, each); }, *packet);
    decoder.keep();
  }
  if (decoder.malformed()) read.refusal = decoder.malformed()->what;
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto end = data[0] & 1 ? mqtt::End::client : mqtt::End::server;
  const View bytes{data + 2, size - 2};
  const Read whole = read(end, bytes, size);
  hold(read(end, bytes, 1) == whole);
  hold(read(end, bytes, 1u + data[1]) == whole);

  const Read again = read(end, whole.packets, size + whole.packets.size());
  hold(again.packets == whole.packets && again.refusal.empty());
  return 0;
}
