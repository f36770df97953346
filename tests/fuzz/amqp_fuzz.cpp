// AMQP connections: whatever a peer sends, the engine stands, keeps its bounds and says the same for
// any split of the bytes.
#include <algorithm>
#include <array>
#include <variant>

#include "model/amqp/engine.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;

struct Said {
  Bytes out;
  std::size_t events = 0;
  bool operator==(const Said&) const = default;
};

// A hub that lets every link in, gives credit, accepts what comes and sends something back.
Said talk(View bytes, std::size_t chunk) {
  constexpr std::array<std::uint8_t, 8> header{'A', 'M', 'Q', 'P', 0, 1, 0, 0};
  amqp::Engine hub{{false, "hub", {}, std::chrono::seconds{60}, 4'096}};
  Said said;
  Instant now{};
  hub.received(now, header);
  while (!bytes.empty()) {
    const View part = bytes.first(std::min(chunk, bytes.size()));
    bytes = bytes.subspan(part.size());
    hub.received(now, part);
    while (const auto event = hub.next()) {
      ++said.events;
      if (const auto* one = std::get_if<amqp::Attached>(&*event)) {
        if (one->attach.source == "no") {
          hub.refuse(one->link, {"amqp:not-found", "no"});
          continue;
        }
        hub.accept(one->link);
        if (one->attach.peer_sends) hub.grant(one->link, 4);
      } else if (const auto* arrived = std::get_if<amqp::Arrived>(&*event)) {
        if (arrived->message.size() % 3 == 1) hub.detach(arrived->link, {"amqp:not-allowed", "x"});
        hub.settle(arrived->link, arrived->delivery,
                   arrived->message.size() % 2 == 0 ? amqp::Outcome::accepted
                                                    : amqp::Outcome::rejected,
                   {"amqp:internal-error", "odd"});
      } else if (const auto* credited = std::get_if<amqp::Credited>(&*event)) {
        for (int i = 0; i < 3 && hub.credit(credited->link) > 0; ++i)
          hub.send(credited->link, Bytes{1}, Bytes(300, 2));
        if (hub.draining(credited->link)) hub.drained(credited->link);
      } else if (const auto* settled = std::get_if<amqp::Settled>(&*event)) {
        hub.forget(settled->link, settled->delivery, settled->outcome);
      }
    }
  }
  hub.output(now, said.out);
  hub.woken(now + std::chrono::seconds{130});
  hub.output(now + std::chrono::seconds{130}, said.out);
  hub.lost();
  while (hub.next()) ++said.events;
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const View bytes{data + 1, size - 1};
  const Said whole = talk(bytes, size);
  hold(talk(bytes, 1) == whole);
  hold(talk(bytes, 1u + data[0]) == whole);
  return 0;
}
