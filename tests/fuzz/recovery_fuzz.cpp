// The store of a hub, or of a plain broker, as it may be found: files with any content. Either starts or halts;
// it never breaks, and when it starts it can be talked to.
#include <algorithm>
#include <utility>
#include <vector>

#include "model/mqtt/codec.hpp"
#include "model/server.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;

// A server that has recovered, and what came of it.
struct Recovered {
  Recovered(const Rules& of, const std::vector<StoredFile>& files) : rules{of} {
    server.name_devices([](std::string_view) { return NodeIndex::none; });
    server.recover(now, files, effects);
    perform();
  }
  void perform() {
    while (!effects.empty() && !halted) {
      const Effects asked = std::exchange(effects, {});
      for (const Effect& effect : asked.list()) {
        if (effect.kind == Effect::Kind::halt) halted = true;
        if (effect.kind == Effect::Kind::sync && !halted) server.stored(now, effect.ticket, true, effects);
        if (effect.kind != Effect::Kind::send) continue;
        const View bytes = asked.bytes(effect);
        sent.insert(sent.end(), bytes.begin(), bytes.end());
      }
    }
  }

  Rules rules;
  Server server{rules, Chance{[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr}};
  Now now{Instant{}, Date{} + std::chrono::hours{500'000}};
  Effects effects;
  Bytes sent;
  bool halted = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The input: files of `number u8, size u16, bytes`, in ascending order of their numbers.
  std::vector<StoredFile> files;
  Reader input{View{data, size}};
  while (input.left() > 0) {
    const FileId number{input.u8()};
    const std::size_t length = input.u16();
    const View bytes = input.bytes(std::min(length, input.left()));
    if (!files.empty() && files.back().id >= number) break;
    files.push_back({number, bytes});
  }

  Recovered hub{Rules{}, files};
  bool answered = hub.halted;
  if (!hub.halted) hub.server.request(hub.now, CreateDevice{"new"}, [&](const Response&) { answered = true; }, hub.effects);
  hub.perform();
  hold(answered || hub.halted);

  Recovered broker{*profile("mqtt-3.1.1"), files};
  if (broker.halted) return 0;
  constexpr ConnectionId connection{1};
  Bytes said;
  mqtt::Connect connect;
  connect.client_id = "new";
  connect.clean_session = false;
  mqtt::write(said, connect);
  mqtt::write(said, mqtt::Subscribe{1, {{"#", 2}}});
  mqtt::write(said, mqtt::Publish{"topic", view("kept"), 2, 1, false, true});
  broker.server.opened(broker.now, connection, Door::mqtt, broker.effects);
  broker.server.received(broker.now, connection, said, broker.effects);
  broker.perform();
  mqtt::Decoder decoder{mqtt::End::client};
  decoder.feed(broker.sent);
  bool acknowledged = false;
  while (const mqtt::Packet* packet = decoder.next())
    acknowledged = acknowledged || std::holds_alternative<mqtt::Puback>(*packet);
  hold(!decoder.malformed() && (acknowledged || broker.halted));
  return 0;
}
