// WebSocket streams and answers to handshakes: any split gives the same bytes and the same end, what was
// read can be written and read again, and no answer is taken for an upgrade that has the wrong key.
#include <algorithm>

#include "model/websocket/handshake.hpp"
#include "model/websocket/stream.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;
using namespace hubproof::model::websocket;

const WebSocketRules rules{};
const Chance zero{[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr};

struct Read {
  Bytes payload;
  Code code = Code::none;
  bool broken = false;
  bool closed = false;
  bool operator==(const Read&) const = default;
};

Read read(End end, View bytes, std::size_t chunk) {
  Read result;
  Bytes answers;
  Stream stream{end, rules, zero};
  while (!bytes.empty()) {
    const View part = bytes.first(std::min(chunk, bytes.size()));
    bytes = bytes.subspan(part.size());
    stream.received(part, result.payload, answers);
  }
  result.code = stream.code();
  result.broken = stream.broken();
  result.closed = stream.heard_close();
  hold(stream.open() == (!result.broken && !result.closed));
  Bytes ignored;
  Stream peer{end == End::server ? End::client : End::server, rules, zero};
  peer.received(answers, ignored, ignored);  // what it answers is well formed
  hold(!peer.broken() && peer.heard_close() == (result.broken || result.closed));
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const End end = data[0] & 1 ? End::client : End::server;
  const View bytes{data + 2, size - 2};
  const Read whole = read(end, bytes, size);
  hold(read(end, bytes, 1) == whole);
  hold(read(end, bytes, 1u + data[1]) == whole);

  Bytes again;
  Stream{End::client, rules, zero}.send(whole.payload, again, 1u + data[1] % 4, data[0] & 2);
  hold(read(End::server, again, again.size() + 1).payload == whole.payload);

  constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
  if (const auto answer = read_answer(bytes, key, Carries::mqtt)) {
    hold(answer->size <= bytes.size());
    hold(!answer->upgraded || text(bytes).find(accept_key(key)) != std::string_view::npos);
  }
  Upgrade request;
  std::string_view left = text(bytes);
  for (std::string_view* part : {&request.method, &request.target, &request.upgrade, &request.connection,
                                 &request.version, &request.key, &request.protocols}) {
    const std::size_t line = std::min(left.find('\n'), left.size());
    *part = left.substr(0, line);
    left.remove_prefix(std::min(line + 1, left.size()));
  }
  const auto judged = judge(request);
  hold(std::holds_alternative<Accepted>(judged) ? is_path(request.target) && request.key.size() == 24
                                                : std::get<Refusal>(judged).status >= 400);
  return 0;
}
