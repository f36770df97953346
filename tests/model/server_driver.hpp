// A tiny driver for server tests: it performs effects on a store in memory and on connections that
// only remember what was written. Syncs end at once, unless a test holds them back.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/mqtt/codec.hpp"
#include "model/server.hpp"

namespace hubproof::server_tests {

using namespace model;

// A packet that the hub sent, with its own copies.
struct Got {
  Packet type = Packet::none;
  std::uint16_t id = 0;
  std::string topic, payload;
  std::uint8_t qos = 0;
  bool dup = false, retain = false, present = false;
  int code = 0;
  std::vector<std::uint8_t> codes;
  bool operator==(const Got&) const = default;
};

inline std::vector<Got> decode(View bytes) {
  std::vector<Got> all;
  mqtt::Decoder decoder{mqtt::End::client};
  decoder.feed(bytes);
  while (const mqtt::Packet* packet = decoder.next()) {
    Got got;
    got.type = static_cast<Packet>(packet->index() + 1);
    if (const auto* p = std::get_if<mqtt::Connack>(packet))
      got.present = p->session_present, got.code = p->code;
    if (const auto* p = std::get_if<mqtt::Puback>(packet)) got.id = p->id;
    if (const auto* p = std::get_if<mqtt::Pubrec>(packet)) got.id = p->id;
    if (const auto* p = std::get_if<mqtt::Pubrel>(packet)) got.id = p->id;
    if (const auto* p = std::get_if<mqtt::Pubcomp>(packet)) got.id = p->id;
    if (const auto* p = std::get_if<mqtt::Unsuback>(packet)) got.id = p->id;
    if (const auto* p = std::get_if<mqtt::Suback>(packet)) got.id = p->id, got.codes = p->codes;
    if (const auto* p = std::get_if<mqtt::Publish>(packet)) {
      got.id = p->id;
      got.topic = p->topic;
      got.payload = text(p->payload);
      got.qos = p->qos, got.dup = p->dup, got.retain = p->retain;
    }
    all.push_back(std::move(got));
  }
  return all;
}

class Driver {
 public:
  explicit Driver(Rules rules = {}) : rules_{std::move(rules)} { start(); }

  // Time.
  Now now() const { return {Instant{} + time_, Date{} + 1'000'000s + time_ + wall_offset_}; }
  void pass(Duration duration) {  // wakes the server on its deadlines
    const Duration end = time_ + duration;
    for (int wakes = 0; wakes < 100'000; ++wakes) {
      const auto due = server_->deadline();
      if (!due || due->time_since_epoch() > end) break;
      time_ = std::max(time_, due->time_since_epoch());
      server_->woken(now(), effects_);
      perform();
    }
    time_ = end;
  }
  void set_wall(Duration by) {
    wall_offset_ += by;
    server_->woken(now(), effects_);
    perform();
  }

  // Connections.
  ConnectionId open(Door door = Door::mqtt) {
    const auto id = static_cast<ConnectionId>(++opened_);
    server_->opened(now(), id, door, effects_);
    perform();
    return id;
  }
  void feed(ConnectionId id, View bytes) {
    server_->received(now(), id, bytes, effects_);
    perform();
  }
  template <class P>
  void feed(ConnectionId id, const P& packet) requires requires(Bytes& out) {
    mqtt::write(out, packet);
  }
  {
    Bytes bytes;
    mqtt::write(bytes, packet);
    feed(id, View{bytes});
  }
  void lose(ConnectionId id, EndedBy by = EndedBy::reset) {
    server_->ended(now(), id, by, effects_);
    perform();
  }
  bool closed(ConnectionId id) const { return closed_.contains(id); }
  Bytes take_bytes(ConnectionId id) { return std::exchange(written_[id], {}); }
  std::vector<Got> take(ConnectionId id) { return decode(take_bytes(id)); }

  // Devices and messages.
  Response ask(Request request) {
    std::optional<Response> answer = try_ask(std::move(request));
    return answer ? *answer : Response{Failed{Error::timed_out}};
  }
  std::optional<Response> try_ask(Request request) {
    const std::size_t at = answers_.size();
    answers_.emplace_back();
    server_->request(
        now(), request, [this, at](const Response& r) { answers_[at] = r; }, effects_);
    perform();
    return answers_[at];
  }
  const std::optional<Response>& answer(std::size_t at) const { return answers_[at]; }
  std::size_t asked() const { return answers_.size(); }
  void create(const std::string& device) { ask(CreateDevice{device}); }
  Response command(const std::string& device, std::string id, std::string body = "body",
                   Ack ack = Ack::full, std::optional<Date> expiry = {}) {
    SendCommand send{device, {}};
    MessageWriter writer{send.message};
    writer.system(System::message_id, id);
    if (expiry) writer.expiry(*expiry);
    if (ack != Ack::none) writer.ack(ack);
    writer.body(view(body));
    return ask(send);
  }
  std::vector<TelemetryEvent> telemetry() {
    std::vector<TelemetryEvent> all;
    for (std::uint32_t partition = 0; partition < rules_.hub.partitions; ++partition)
      for (std::uint64_t from = 1;;) {
        const Response response = ask(ReadTelemetry{partition, from, 100, {}});
        const auto* read = std::get_if<Telemetry>(&response);
        if (!read || read->events.empty()) break;
        all.insert(all.end(), read->events.begin(), read->events.end());
        from = read->events.back().sequence + 1;
      }
    return all;
  }
  std::vector<std::string> bodies() {
    std::vector<std::string> all;
    for (const TelemetryEvent& event : telemetry())
      all.emplace_back(text(MessageView{event.message}.body()));
    return all;
  }

  // The store. While held, syncs wait for release(); a crash loses what was not synced.
  void hold() { holding_ = true; }
  void release(bool ok = true) {
    holding_ = false;
    fails_ = !ok;
    perform();
  }
  void release_one() {  // the sync that was asked for first; the others go on waiting
    if (syncs_.empty()) return;
    const auto [file, ticket] = syncs_.front();
    syncs_.pop_front();
    durable_[file] = files_[file];
    server_->stored(now(), ticket, true, effects_);
    perform();
  }
  enum class Tail { lost, torn };  // what a crash does to bytes that were not synced
  void crash(Tail tail = Tail::lost, bool then_hold = false) {
    if (tail == Tail::torn)
      for (auto& [id, bytes] : files_) {
        Bytes& kept = durable_[id];
        const std::size_t synced = kept.size();
        kept = bytes;
        for (std::size_t at = std::max(synced, kept.size() < 8 ? 0 : kept.size() - 8);
             at < kept.size(); ++at)
          kept[at] = 0;
      }
    server_.reset();
    effects_.clear();
    syncs_.clear();
    written_.clear();
    holding_ = then_hold;
    fails_ = false;
    files_ = durable_;
    start();
  }
  bool halted() const { return halted_; }
  std::size_t stored_bytes() const {
    std::size_t all = 0;
    for (const auto& [id, bytes] : files_) all += bytes.size();
    return all;
  }
  std::size_t effects_seen() const { return performed_; }

  std::vector<Event>& events() { return events_; }
  std::vector<Event> seen(What what) const {
    std::vector<Event> some;
    std::ranges::copy_if(events_, std::back_inserter(some),
                         [&](const Event& e) { return e.what == what; });
    return some;
  }
  Server& server() { return *server_; }
  const Rules& rules() const { return rules_; }

 private:
  void start() {
    server_.emplace(rules_, Chance{[](void* count, ChanceSite, std::uint32_t bound) {
                                     return static_cast<std::uint32_t>(
                                         mix(++*static_cast<std::uint64_t*>(count)) % bound);
                                   },
                                   &draws_});
    server_->name_devices([](std::string_view name) {
      return name.starts_with("d") && name.size() == 2 ? static_cast<NodeIndex>(name[1] - '0')
                                                       : NodeIndex::none;
    });
    const auto copy = files_;  // the machine may remove a file that it still reads
    std::vector<StoredFile> views;
    for (const auto& [id, bytes] : copy) views.push_back({static_cast<FileId>(id), bytes});
    server_->recover(now(), views, effects_);
    perform();
  }

  void perform() {
    for (;;) {
      const Effects effects = std::exchange(effects_, {});
      for (const Effect& effect : effects.list()) perform(effects, effect);
      for (Event event : const_cast<Effects&>(effects).events()) {
        event.at = time_.count();
        events_.push_back(event);
      }
      if (syncs_.empty() || holding_ || halted_) return;
      const auto [file, ticket] = syncs_.front();
      syncs_.pop_front();
      if (!fails_ && files_.contains(file)) durable_[file] = files_[file];
      server_->stored(now(), ticket, !fails_, effects_);
    }
  }

  void perform(const Effects& effects, const Effect& effect) {
    ++performed_;
    const View bytes = effects.bytes(effect);
    switch (effect.kind) {
      case Effect::Kind::send: {
        if (closed(effect.connection)) ADD_FAILURE() << "bytes for a connection that was closed";
        Bytes& out = written_[effect.connection];
        out.insert(out.end(), bytes.begin(), bytes.end());
        break;
      }
      case Effect::Kind::close:
      case Effect::Kind::abort:
        EXPECT_TRUE(closed_.insert(effect.connection).second) << "closed twice";
        break;
      case Effect::Kind::append: {
        Bytes& file = files_[effect.file];
        file.insert(file.end(), bytes.begin(), bytes.end());
        break;
      }
      case Effect::Kind::sync:
        syncs_.emplace_back(effect.file, effect.ticket);
        break;
      case Effect::Kind::remove:
        files_.erase(effect.file);
        durable_.erase(effect.file);
        break;
      case Effect::Kind::halt:
        halted_ = true;
        break;
      case Effect::Kind::connect:
        ADD_FAILURE() << "a hub does not call";
        break;
    }
  }

  const Rules rules_;
  std::optional<Server> server_;
  Effects effects_;
  Duration time_{};
  Duration wall_offset_{};
  std::uint32_t opened_ = 0;
  std::uint64_t draws_ = 0;
  std::map<ConnectionId, Bytes> written_;
  std::set<ConnectionId> closed_;
  std::map<std::uint64_t, Bytes> files_, durable_;
  std::deque<std::pair<std::uint64_t, Ticket>> syncs_;
  std::deque<std::optional<Response>> answers_;
  std::vector<Event> events_;
  bool holding_ = false, fails_ = false, halted_ = false;
  std::size_t performed_ = 0;
};

// Packets as a device sends them.
inline mqtt::Connect connect_as(std::string_view device, const std::string& user_name,
                                bool clean = true, std::uint16_t keep_alive = 60) {
  mqtt::Connect packet;
  packet.client_id = device;
  packet.clean_session = clean;
  packet.keep_alive = keep_alive;
  packet.user_name = user_name;
  return packet;
}
inline std::string user(const std::string& device) {
  return "hub/" + device + "/?api-version=2021-04-12";
}

// Opens a connection and logs in; what the hub answered is still to be taken.
inline ConnectionId login(Driver& driver, const std::string& device, bool clean = true,
                          std::uint16_t keep_alive = 60,
                          const std::optional<std::string>& will = {}) {
  const ConnectionId id = driver.open();
  const std::string name = user(device);
  mqtt::Connect packet = connect_as(device, name, clean, keep_alive);
  const std::string topic = "devices/" + device + "/messages/events/";
  if (will) packet.will = mqtt::Will{topic, view(*will), 0, false};
  driver.feed(id, packet);
  return id;
}
// The same, past a CONNACK that says yes.
inline ConnectionId connected(Driver& driver, const std::string& device, bool clean = true,
                              std::uint16_t keep_alive = 60,
                              const std::optional<std::string>& will = {}) {
  const ConnectionId id = login(driver, device, clean, keep_alive, will);
  const auto got = driver.take(id);
  EXPECT_FALSE(got.empty());
  if (!got.empty()) {
    EXPECT_EQ(got[0].type, Packet::connack);
    EXPECT_EQ(got[0].code, 0);
  }
  return id;
}

inline void publish(Driver& driver, ConnectionId id, const std::string& topic,
                    const std::string& body, mqtt::PacketId packet, std::uint8_t qos = 1,
                    bool dup = false, bool retain = false) {
  mqtt::Publish publish{topic, view(body), packet, qos, dup, retain};
  driver.feed(id, publish);
}
inline void telemetry(Driver& driver, ConnectionId id, const std::string& device,
                      const std::string& body, mqtt::PacketId packet, std::uint8_t qos = 1) {
  publish(driver, id, "devices/" + device + "/messages/events/", body, packet, qos);
}
inline std::string command_filter(const std::string& device) {
  return "devices/" + device + "/messages/devicebound/#";
}
inline void subscribe(Driver& driver, ConnectionId id, const std::vector<std::string>& filters,
                      mqtt::PacketId packet = 1, std::uint8_t qos = 1) {
  mqtt::Subscribe subscribe{packet, {}};
  for (const std::string& filter : filters) subscribe.filters.push_back({filter, qos});
  driver.feed(id, subscribe);
}

}  // namespace hubproof::server_tests
