// One device machine on a bench: a clock that only the test moves, a hub's end that only says what
// the test scripts, a disk that a test can crash.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "model/device.hpp"
#include "model/http/codec.hpp"
#include "model/http/target.hpp"
#include "tests/support/mqtt_generators.hpp"

namespace hubproof::workbench {

using namespace model;

inline Bytes flat_message(MessageKey key, std::string_view body = "21.5",
                          std::string_view property = "a b") {
  Bytes flat;
  MessageWriter writer{flat};
  writer.system(System::message_id, message_id(key));
  writer.property("p", property);
  writer.body(view(body));
  return flat;
}

// One event as a line: only what is set.
inline std::string describe(const Event& event) {
  static const char* const whats[] = {
      "telemetry",        "delivery",       "complete",        "reject",
      "abandon",          "command",        "read_from",       "read",
      "checkpoint",       "feedback_batch", "feedback_record", "feedback_complete",
      "feedback_abandon", "create_device",  "delete_device",   "enable_device",
      "disable_device",   "purge",          "opened",          "accepted",
      "refused",          "ended",          "packet",          "started",
      "crashed",          "clock",          "fault_begins",    "fault_ends",
      "healed",           "finished",          "update_device"};
  static const char* const phases[] = {"invoke", "ok", "fail", "info"};
  static const char* const packets[] = {
      "none",    "connect",  "connack",    "publish", "puback",        "pubrec",
      "pubrel",  "pubcomp",  "subscribe",  "suback",  "unsubscribe",   "unsuback",
      "pingreq", "pingresp", "disconnect", "15",      "link_delivery", "link_other"};
  static const char* const enders[] = {"unknown", "local", "peer", "timed_out", "reset"};
  static const char* const reasons[] = {"unknown",    "disconnect",  "takeover",    "keep_alive",
                                        "protocol",   "not_allowed", "device_gone", "shutdown",
                                        "no_connect", "no_answer", "credentials"};
  static const char* const flags[] = {"sent",     "dup",  "retain", "clean", "present",
                                      "has_will", "will", "filter", "c2d",   "link"};
  std::string out = whats[static_cast<int>(event.what)];
  const auto add = [&](const char* name, std::string value) {
    out += std::string{" "} + name + '=' + value;
  };
  const bool only_ok = event.what == What::delivery || event.what == What::read_from ||
                       event.what == What::read || event.what == What::feedback_batch ||
                       event.what == What::feedback_record || event.what > What::purge;
  if (!only_ok || event.phase != Phase::ok)
    out += std::string{" "} + phases[static_cast<int>(event.phase)];
  if (event.packet != Packet::none)
    out += std::string{" "} + packets[static_cast<int>(event.packet)];
  for (int i = 0; i < 10; ++i)
    if ((event.flags >> i & 1) != 0) out += std::string{" "} + flags[i];
  if (event.connection != 0) add("on", std::to_string(event.connection));
  if (event.packet_id != 0) add("id", std::to_string(event.packet_id));
  if (event.qos != 0) add("qos", std::to_string(event.qos));
  if (event.message != MessageKey::none) add("message", message_id(event.message));
  if (event.token != 0) add("token", std::to_string(event.token));
  if (event.partition != 0) add("partition", std::to_string(event.partition));
  if (event.sequence != 0) add("sequence", std::to_string(event.sequence));
  if (event.offset != 0) add("offset", std::to_string(event.offset));
  if (event.generation != 0) add("generation", std::to_string(event.generation));
  if (event.count != unknown_count) add("count", std::to_string(event.count));
  if (event.date != no_date) add("date", std::to_string(event.date));
  if (event.expiry != no_date) add("expiry", std::to_string(event.expiry));
  if (event.keep_alive != 0) add("keep_alive", std::to_string(event.keep_alive));
  if (event.code != 0) add("code", std::to_string(event.code));
  if (event.error != Error::none) add("error", error_text(event.error));
  if (event.ack != Ack::none) add("ack", std::to_string(static_cast<int>(event.ack)));
  if (event.status != Status::success)
    add("status", std::to_string(static_cast<int>(event.status)));
  if (event.by != EndedBy::unknown) add("by", enders[static_cast<int>(event.by)]);
  if (event.why != Why::unknown) add("why", reasons[static_cast<int>(event.why)]);
  return out;
}

// Draws that a test chooses: a fixed answer for a site, else 0.
struct Draws {
  std::map<ChanceSite, std::uint32_t> fixed;
  std::vector<std::pair<ChanceSite, std::uint32_t>> asked;  // site and bound, in order
  Duration handling{};
  Chance chance() {
    return {[](void* self, ChanceSite site, std::uint32_t bound) {
              auto& draws = *static_cast<Draws*>(self);
              draws.asked.push_back({site, bound});
              const auto found = draws.fixed.find(site);
              return found == draws.fixed.end() ? 0u : std::min(found->second, bound - 1);
            },
            this, [](void* self) { return static_cast<Draws*>(self)->handling; }};
  }
};

// What the machine's effects came to, as lines, with bytes left out: for comparing two runs.
class Log {
 public:
  void effect(const Effect& effect) {
    static const char* const kinds[] = {"send",   "close", "abort",  "connect",
                                        "append", "sync",  "remove", "halt"};
    if (effect.kind == Effect::Kind::send || effect.kind == Effect::Kind::append) return;
    lines.push_back(kinds[static_cast<int>(effect.kind)] + std::string{" "} +
                    std::to_string(static_cast<std::uint32_t>(effect.connection)) + ' ' +
                    std::to_string(effect.file));
  }
  std::vector<std::string> lines;
};

class DeviceBench {
 public:
  explicit DeviceBench(DeviceSettings the_settings = {}, DeviceRules the_rules = {})
      : settings{std::move(the_settings)}, rules{the_rules} {
    settings.back_off_jitter_percent = 0;
    draws.fixed[ChanceSite::first_packet_id] = 99;  // so ids count from 100
  }

  DeviceBench(const DeviceBench&) = delete;  // the machine knows where its settings are

  // ---- Life and time.

  void start() {
    std::vector<StoredFile> stored;
    for (const auto& [id, file] : disk) stored.push_back({static_cast<FileId>(id), file});
    device.emplace(settings, rules, "d1", 3, draws.chance());
    connection = 0;
    device->started(now(), stored, effects);
    perform();
  }
  // Its memory is gone; of each file only the first `kept` bytes, or what was synced.
  void crash() {
    device.reset();
    for (auto& [id, file] : disk) file.resize(synced[id]);
    std::erase_if(disk, [](const auto& entry) { return entry.second.empty(); });
    tickets.clear();
  }
  Now now() const { return {time, Date{std::chrono::hours{500'000}} + (time - Instant{})}; }
  void wait(Duration duration) {  // wakes the machine at each of its deadlines
    const Instant until = time + duration;
    for (int turns = 0; turns < 10'000; ++turns) {
      const auto due = device->deadline();
      if (!due || *due > until) break;
      time = std::max(time, *due);
      device->woken(now(), effects);
      perform();
    }
    time = until;
  }

  // ---- The transport and the hub's end of it.

  void connect() {
    device->connected(now(), ConnectionId{connection}, effects);
    perform();
  }
  void refuse() {
    connecting = false;
    device->refused(now(), ConnectionId{connection}, effects);
    perform();
  }
  void end(EndedBy by = EndedBy::reset) {
    device->ended(now(), ConnectionId{connection}, by, effects);
    perform();
  }
  void redial() {  // waits until the machine dials
    while (!connecting && device->deadline()) {
      time = std::max(time, *device->deadline());
      device->woken(now(), effects);
      perform();
    }
    EXPECT_TRUE(connecting);
  }
  void go_online(bool session_present = false) {
    redial();
    connect();
    hear(mqtt::Connack{session_present, 0});
  }
  void hear(const mqtt::Packet& packet) { hear(generate::written(packet)); }
  void hear(View bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const View part = bytes.subspan(at, std::min(piece, bytes.size() - at));
      device->received(now(), ConnectionId{connection}, part, effects);
      perform();
    }
  }
  void hear_response(unsigned status, std::vector<http::Field> fields = {}, std::string_view body = {}) {
    http::Response response;
    response.status = status;
    response.fields = std::move(fields);
    response.body = view(body);
    Bytes bytes;
    http::write(bytes, response);
    hear(View{bytes});
  }
  void hear_command(MessageKey key, mqtt::PacketId id, std::uint8_t qos = 1, bool dup = false) {
    const std::string topic = "devices/d1/messages/devicebound/%24.mid=" + message_id(key) + "&p=1";
    hear(mqtt::Publish{topic, view("do"), id, qos, dup, false});
  }
  void submit(std::uint32_t number) {
    const Bytes flat = flat_message(own_key('t', 3, number));
    device->submit(now(), flat, effects);
    perform();
  }
  void stored(bool ok) {  // the oldest sync under way has come to its end
    ASSERT_FALSE(tickets.empty());
    const auto [ticket, file, size] = tickets.front();
    tickets.erase(tickets.begin());
    if (ok && disk.contains(file)) synced[file] = std::max(synced[file], size);
    device->stored(now(), ticket, ok, effects);
    perform();
  }

  // ---- What it did.

  // Packets (or HTTP requests) sent since the last call, then forgotten.
  std::vector<std::string> said() { return std::exchange(packets, {}); }
  std::vector<std::string> saw() { return std::exchange(events, {}); }
  std::vector<std::string> saw(std::string_view what) {
    std::vector<std::string> some;
    for (const std::string& event : std::exchange(events, {}))
      if (event.starts_with(what)) some.push_back(event);
    return some;
  }
  std::vector<std::string> did() { return std::exchange(log.lines, {}); }

  DeviceSettings settings;
  DeviceRules rules;
  Draws draws;
  Effects effects;
  Instant time{};
  std::optional<Device> device;
  std::uint32_t connection = 0;
  bool connecting = false;
  std::size_t piece = 1u << 30;  // how the hub's bytes are split
  struct Syncing {
    Ticket ticket;
    std::uint64_t file;
    std::size_t size;
  };
  std::vector<Syncing> tickets;
  std::map<std::uint64_t, Bytes> disk;
  std::map<std::uint64_t, std::size_t> synced;
  std::vector<std::string> packets, events;
  Log log;

 private:
  void perform() {
    for (const Event& event : effects.events()) {
      EXPECT_EQ(event.device, static_cast<NodeIndex>(3));
      EXPECT_EQ(event.generation, 0u);
      events.push_back(describe(event));
    }
    for (const Effect& effect : effects.list()) {
      log.effect(effect);
      switch (effect.kind) {
        case Effect::Kind::connect:
          connection = static_cast<std::uint32_t>(effect.connection);
          connecting = true;
          decoder = mqtt::Decoder{mqtt::End::server};
          requests = http::RequestDecoder{};
          break;
        case Effect::Kind::send:
          sent(effects.bytes(effect));
          break;
        case Effect::Kind::append: {
          const View bytes = effects.bytes(effect);
          Bytes& file = disk[effect.file];
          file.insert(file.end(), bytes.begin(), bytes.end());
          break;
        }
        case Effect::Kind::sync:
          tickets.push_back({effect.ticket, effect.file, disk[effect.file].size()});
          break;
        case Effect::Kind::remove:
          disk.erase(effect.file);
          synced.erase(effect.file);
          break;
        case Effect::Kind::abort:
          connecting = false;
          break;
        case Effect::Kind::close:
        case Effect::Kind::halt:
          break;
      }
    }
    effects.clear();
    if (device) (void)device->deadline();
  }
  void sent(View bytes) {
    connecting = false;
    if (settings.protocol == DeviceSettings::Protocol::http) {
      requests.feed(bytes);
      while (const http::Request* request = requests.next()) packets.push_back(describe(*request));
      EXPECT_FALSE(requests.refused()) << requests.refused()->what;
      return;
    }
    decoder.feed(bytes);
    while (const mqtt::Packet* packet = decoder.next())
      packets.push_back(generate::describe(*packet));
    EXPECT_FALSE(decoder.malformed()) << decoder.malformed()->what;
    decoder.keep();
  }
  static std::string describe(const http::Request& request) {
    const auto target = http::read_target(request.target);
    if (!target || target->path.size() < 4 || target->path[1] != "d1" || !target->asked("api-version")) return "other";
    const auto& path = target->path;
    if (path[3] == "events" && request.field("content-type"))
      return "batch " + std::to_string(std::ranges::count(text(request.body), '{') / 2);
    if (path[3] == "events") return "message " + std::string{request.field("iothub-messageid").value_or("")};
    if (path.size() == 4) return "receive";
    if (request.field("if-match") != path[4]) return "settling of two minds";
    if (path.size() == 6) return path[5] + " " + path[4];
    return (target->asked("reject") ? "reject " : "complete ") + path[4];
  }
  static std::string describe(const Event& event) { return workbench::describe(event); }

  mqtt::Decoder decoder{mqtt::End::server};
  http::RequestDecoder requests;
};

}  // namespace hubproof::workbench
