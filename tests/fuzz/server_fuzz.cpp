// The hub's doors, and a plain broker's: several connections that send what they like, with time, lost connections and
// restarts between. Whatever comes, the hub lives, and what it sends over MQTT, also within a WebSocket,
// and over HTTP is well formed.
#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/http/codec.hpp"
#include "model/mqtt/codec.hpp"
#include "model/server.hpp"
#include "model/websocket/handshake.hpp"
#include "model/websocket/stream.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;

// One input: steps of `kind, connection, size, bytes`.
class Hub {
 public:
  explicit Hub(const Rules& rules) : rules_{rules} {
    start();
    server_->request(now(), CreateDevice{"d0"}, [](const Response&) {}, effects_);
    server_->request(now(), CreateDevice{"d1"}, [](const Response&) {}, effects_);
    perform();
  }

  void step(std::uint8_t kind, std::uint8_t which, View bytes) {
    const ConnectionId id{1u + which % 4};
    switch (kind % 8) {
      case 0: open(id, Door::mqtt); break;
      case 1: open(id, which & 8 ? Door::amqp : Door::http); break;
      case 6:
        if (which & 4) upgrade(id, which & 64 ? websocket::Carries::amqp : websocket::Carries::mqtt);
        if (const auto client = clients_.find(id); client != clients_.end()) {
          Bytes frames;
          client->second.send(bytes, frames, 1 + (which >> 3) % 4, (which & 128) != 0);
          if (!frames.empty()) server_->received(now(), id, frames, effects_);
        }
        break;
      case 2: log_in(id, which); break;
      case 3:
        if (open_.contains(id)) server_->ended(now(), id, EndedBy::reset, effects_);
        forget(id);
        break;
      case 4: wait(Duration{bytes.size() + 1} * 1'000'000'000); break;
      case 5:
        honours_faults_ = (which & 16) != 0;
        restart();
        break;
      default:
        if (open_.contains(id)) {
          said_[id] += text(bytes);
          server_->received(now(), id, bytes, effects_);
        }
        break;
    }
    perform();
  }

 private:
  Now now() const { return {Instant{} + time_, Date{} + std::chrono::hours{500'000} + time_}; }

  void start() {
    server_.emplace(rules_, Chance{[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr});
    server_->name_devices([](std::string_view) { return NodeIndex::none; });
    if (honours_faults_) server_->honour_fault_properties([](std::string_view, const std::string&, bool) {});
    const auto stored = files_;
    std::vector<StoredFile> views;
    for (const auto& [file, bytes] : stored) views.push_back({FileId{file}, bytes});
    server_->recover(now(), views, effects_);
    perform();
  }

  void restart() {
    server_.reset();
    effects_.clear();
    open_.clear();
    clients_.clear();
    carries_.clear();
    start();
  }

  void open(ConnectionId id, Door door) {
    if (open_.contains(id)) return;
    open_.emplace(id, door);
    server_->opened(now(), id, door, effects_);
  }

  void upgrade(ConnectionId id, websocket::Carries carries) {
    if (open_.contains(id)) return;
    open(id, Door::http);
    carries_[id] = carries;
    Bytes request;
    websocket::write_request(request, "hub", websocket::device_path, key, carries);
    server_->received(now(), id, request, effects_);
    perform();
  }

  void forget(ConnectionId id) {
    open_.erase(id);
    clients_.erase(id);
    said_.erase(id);
  }

  void log_in(ConnectionId id, std::uint8_t which) {
    open(id, Door::mqtt);
    perform();
    if (!open_.contains(id)) return;
    mqtt::Connect connect;
    connect.client_id = which & 4 ? "d1" : "d0";
    connect.user_name = which & 4 ? "hub/d1/?api-version=2021-04-12" : "hub/d0/?api-version=2021-04-12";
    connect.clean_session = (which & 8) != 0;
    connect.keep_alive = 60;
    Bytes packet;
    mqtt::write(packet, connect);
    server_->received(now(), id, packet, effects_);
  }

  void wait(Duration duration) {
    const Duration end = time_ + duration;
    for (int wakes = 0; wakes < 1000; ++wakes) {
      const auto due = server_->deadline();
      if (!due || due->time_since_epoch() > end) break;
      time_ = std::max(time_, due->time_since_epoch());
      server_->woken(now(), effects_);
      perform();
    }
    time_ = end;
  }

  void perform() {
    while (!effects_.empty()) {
      const Effects effects = std::exchange(effects_, {});
      for (const Effect& effect : effects.list()) perform(effects, effect);
    }
  }

  void perform(const Effects& effects, const Effect& effect) {
    const View bytes = effects.bytes(effect);
    switch (effect.kind) {
      case Effect::Kind::send: sent(effect.connection, bytes); break;
      case Effect::Kind::close:
      case Effect::Kind::abort: forget(effect.connection); break;
      case Effect::Kind::append: {
        Bytes& file = files_[effect.file];
        file.insert(file.end(), bytes.begin(), bytes.end());
        break;
      }
      case Effect::Kind::sync: server_->stored(now(), effect.ticket, true, effects_); break;
      case Effect::Kind::remove: files_.erase(effect.file); break;
      case Effect::Kind::halt:
      case Effect::Kind::connect: hold(false); break;
    }
  }

  void sent(ConnectionId id, View bytes) {
    const auto door = open_.find(id);
    hold(door != open_.end());
    const auto client = clients_.find(id);
    Bytes payload, answers;
    if (client != clients_.end()) {
      client->second.received(bytes, payload, answers);
      hold(!client->second.broken());
      if (carries_[id] == websocket::Carries::amqp) return;
      bytes = payload;
    } else if (const auto answer = websocket::read_answer(bytes, key, carries_[id]);
               door->second == Door::http && answer && answer->upgraded) {
      hold(answer->size == bytes.size());
      clients_.emplace(id, websocket::Stream{websocket::End::client, rules_.hub.websocket, zero});
      return;
    } else if (door->second == Door::http) {
      http::ResponseDecoder responses;
      responses.feed(bytes);
      while (responses.next()) {}
      // The answer to a HEAD has the length of a body and no body (RFC 7231, section 4.3.2), which this client,
      // who does not know what was asked, takes from the answer behind it: what it makes of the rest says nothing.
      return hold(!responses.refused() || said_[id].find("HEAD") != std::string::npos);
    } else if (door->second != Door::mqtt) {
      return;
    }
    mqtt::Decoder decoder{mqtt::End::client};
    decoder.feed(bytes);
    while (decoder.next()) {}
    hold(!decoder.malformed());
  }

  static constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
  const Rules rules_;
  const Chance zero{[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr};
  std::optional<Server> server_;
  Effects effects_;
  Duration time_{};
  bool honours_faults_ = false;  // that devices ask for
  std::map<ConnectionId, Door> open_;
  std::map<ConnectionId, websocket::Stream> clients_;  // those that were upgraded
  std::map<ConnectionId, websocket::Carries> carries_; // what they asked for
  std::map<ConnectionId, std::string> said_;           // by whoever is behind it
  std::map<std::uint64_t, Bytes> files_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Rules limited;  // the same of a hub where most requests wait or are refused
  for (LimitTerms& limit : limited.hub.quota.limits) limit = {30, 1, 2};
  limited.hub.quota.per_day = 5;
  for (const Rules& rules : {Rules{}, limited, *profile("mqtt-3.1.1")}) {  // the last one is a plain broker
    Hub hub{rules};
    Reader input{View{data, size}};
    while (input.left() > 0) {
      const std::uint8_t kind = input.u8();
      const std::uint8_t which = input.u8();
      const std::size_t length = input.u8();
      hub.step(kind, which, input.bytes(std::min(length, input.left())));
    }
  }
  return 0;
}
