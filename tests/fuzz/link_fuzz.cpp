// Frames of the interim link: any split gives the same frames, and what was read can be written and
// read again.
#include <algorithm>
#include <utility>

#include "model/link/link.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;

std::pair<Bytes, bool> read(bool requests, View bytes, std::size_t chunk) {
  Bytes frames;
  link::Decoder decoder;
  while (!bytes.empty() && !decoder.broken()) {
    const View part = bytes.first(std::min(chunk, bytes.size()));
    bytes = bytes.subspan(part.size());
    decoder.feed(part);
    if (requests) {
      while (const auto frame = decoder.next_request())
        link::write_request(frames, frame->correlation, frame->request);
    } else {
      while (const auto frame = decoder.next_response())
        link::write_response(frames, frame->correlation, frame->response);
    }
  }
  return {frames, decoder.broken()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool requests = data[0] & 1;
  const View bytes{data + 2, size - 2};
  const auto whole = read(requests, bytes, size);
  hold(read(requests, bytes, 1) == whole);
  hold(read(requests, bytes, 1u + data[1]) == whole);
  hold(read(requests, whole.first, whole.first.size() + 1) == std::pair{whole.first, false});
  return 0;
}
