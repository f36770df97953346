// The proxy between two ends that send anything, under faults of an arbitrary script: without faults what
// comes out is what went in, whatever the split; with them the same split or another decides the same.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.hpp"
#include "tools/fault_plan.hpp"
#include "tools/proxy/core.hpp"

namespace {

using namespace hubproof;
using namespace hubproof::tools;

struct Outcome {
  std::array<model::Bytes, 2> in, out;
  std::string ends;
  std::vector<std::string> did;
};

// Pieces: a byte that says whose and what else, one for the length, then so many.
Outcome run(const ProxyScript& script, WireProtocol protocol, model::View input, std::size_t chunk) {
  model::Instant now{};
  const PairId pair{1};
  ProxyCore core{script, live_cast({"d"}), 7, now};
  Outcome outcome;
  const auto perform = [&] {
    for (const ProxyEffect& effect : core.take_effects()) {
      const auto side = static_cast<std::size_t>(effect.side);
      if (effect.kind == ProxyEffect::Kind::send)
        outcome.out[side].insert(outcome.out[side].end(), effect.bytes.begin(), effect.bytes.end());
      else if (effect.kind != ProxyEffect::Kind::hold && effect.kind != ProxyEffect::Kind::let_go)
        outcome.ends += static_cast<char>('a' + static_cast<int>(effect.kind) * 2 + static_cast<int>(side));
    }
    for (const ProxyNote& note : core.take_notes()) outcome.did.push_back(note.packet + note.did);
  };
  core.opened(now, pair, protocol);
  core.connected(now, pair);
  perform();
  while (input.size() >= 2) {
    const std::uint8_t how = input[0];
    model::View bytes = input.subspan(2).first(std::min<std::size_t>(input[1], input.size() - 2));
    input = input.subspan(2 + bytes.size());
    const auto from = static_cast<From>(how & 1);
    if ((how & 6) == 6) now += std::chrono::milliseconds{100};
    auto& in = outcome.in[1 - (how & 1)];  // what the other side should get
    if (core.has(pair)) in.insert(in.end(), bytes.begin(), bytes.end());
    while (!bytes.empty()) {
      const model::View part = bytes.first(std::min(chunk, bytes.size()));
      bytes = bytes.subspan(part.size());
      core.received(now, pair, from, part);
      perform();
    }
    if ((how & 248) == 248) {
      core.ended(now, pair, from, static_cast<model::EndedBy>(how & 3));
      perform();
    }
  }
  for (int turns = 0; turns < 1000; ++turns) {
    const auto due = core.deadline();
    if (!due) break;
    now = std::max(now, *due);
    core.woken(now);
    perform();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto protocol = static_cast<WireProtocol>(data[0] % 4);
  const model::View input{data + 3, size - 3};
  const std::array scripts = {
      R"({})",
      R"({"faults": [{"drop": 0.3, "at": {"packet": "*"}}, {"reset": "*", "at": {"packet": "*", "count": 9, "place": "inside"}}]})",
      R"({"faults": [{"duplicate": 0.5, "after": "50ms", "at": {"packet": "*"}}, {"corrupt": 0.3, "at": {"packet": "*"}},
          {"half_open": "*", "at": {"packet": "*", "count": 12, "from": "server", "place": "after"}}]})",
      R"({"faults": [{"reorder": 0.5, "held": "150ms", "at": {"packet": "*"}}, {"delay": "70ms", "at": {"packet": "*"}},
          {"reset": "d", "at": {"packet": "PUBLISH", "per": "client"}}]})"};
  Problems problems;
  const std::size_t which = data[1] % scripts.size();
  const ProxyScript script = read_proxy_script(scripts[which], live_cast({"d"}), problems);
  hold(problems.empty());
  const Outcome whole = run(script, protocol, input, 256);
  const Outcome again = run(script, protocol, input, 256);
  hold(whole.out == again.out && whole.ends == again.ends && whole.did == again.did);
  if (which == 0 && whole.ends.size() <= 1)  // only the dial
    for (std::size_t side = 0; side < 2; ++side)
      hold(std::equal(whole.out[side].begin(), whole.out[side].end(), whole.in[side].begin(),
                      whole.in[side].begin() + static_cast<std::ptrdiff_t>(whole.out[side].size())));
  if (protocol != WireProtocol::mqtt && protocol != WireProtocol::amqp) return 0;
  // What cannot be read goes on as it came, so only packets are the same in every split.
  if (std::ranges::any_of(whole.did, [](const std::string& one) { return one.starts_with("bytes"); })) return 0;
  const Outcome split = run(script, protocol, input, 1u + data[2] % 16);
  hold(split.out == whole.out && split.ends == whole.ends && split.did == whole.did);
  return 0;
}
