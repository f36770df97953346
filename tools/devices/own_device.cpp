#include "tools/devices/own_device.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>

#include "conformance/devices/amqp_frames.hpp"
#include "model/amqp/message.hpp"
#include "model/device.hpp"
#include "model/http/codec.hpp"
#include "model/http/properties.hpp"
#include "model/mqtt/bag.hpp"
#include "model/mqtt/codec.hpp"
#include "tools/endpoint.hpp"

namespace hubproof::tools {
namespace {

using namespace conformance::devices;
using namespace std::chrono_literals;
using model::ConnectionId;
using model::Duration;
using model::Instant;
using Did = Said::Did;

constexpr Duration latency = 1ms;    // one way, of bytes and of lines
constexpr Duration handling = 20ms;  // of a command by the application
constexpr model::Date today{std::chrono::seconds{1'790'000'000}};

class Bench {
 public:
  Bench(const DeviceCase& which, const model::DeviceRules& rules, std::uint64_t seed, const Spoil& spoil, const OwnTransport& transport)
      : which_{which}, rules_{rules}, spoil_{spoil}, websocket_{transport.websocket || which.needs.websocket},
        wire_{transport.tamper ? transport.tamper() : Wire{}}, stage_{settings(seed, websocket_), which.name, which.clauses, guarded(which)},
        chance_{model::hash(model::view(which.name), seed + 1)} {}

  CaseResult run() {
    stage_.started(now_);
    Hello hello;
    hello.name = "hubproof device";
    hello.hub = true;
    hello.qos = {1};
    hello.protocol = which_.needs.protocol;
    hello.persistent_session = hello.reconnects = hello.queues = hello.renews = hello.websocket = true;
    Said said;
    said.did = Did::hello;
    said.hello = std::move(hello);
    say(std::move(said));
    perform();
    while (!stage_.finished()) {
      const auto stage_due = stage_.deadline();
      const auto device_due = device_ ? device_->deadline() : std::nullopt;
      Instant next = Instant::max();
      if (!events_.empty()) next = events_.begin()->first;
      if (device_due) next = std::min(next, std::max(*device_due, now_));
      if (stage_due) next = std::min(next, std::max(*stage_due, now_));
      if (next == Instant::max()) break;
      now_ = next;
      if (!events_.empty() && events_.begin()->first <= now_) {
        const auto action = std::move(events_.begin()->second);
        events_.erase(events_.begin());
        action();
      } else if (device_due && *device_due <= now_) {
        device_->woken(now(), effects_);
        perform_device();
      } else {
        stage_.woken(now_);
      }
      perform();
    }
    return result_of(which_, stage_, {});
  }
  const Hello& hello() const { return stage_.device(); }

  // The device's port.
  void record(std::vector<model::Event>& events) {
    for (const model::Event& event : events) tell(event);
  }
  void send(ConnectionId connection, model::View bytes) {
    model::Bytes said = wire_.said ? wire_.said(bytes) : model::Bytes{bytes.begin(), bytes.end()};
    later([this, connection, bytes = std::move(said)] {
      if (connection == live_ || leaving_) stage_.received(now_, link(connection), bytes);
    });
  }
  void close(ConnectionId connection) { hang_up(connection); }
  void abort(ConnectionId connection) { hang_up(connection); }
  void connect(ConnectionId connection) {
    later([this, connection] {
      live_ = connection;
      came_by_ = {};
      came_by_amqp_ = {};
      responses_ = model::http::ResponseDecoder{};
      stage_.opened(now_, link(connection));
    });
    later([this, connection] {
      device_->connected(now(), connection, effects_);
      perform_device();
    });
  }
  void append(std::uint64_t, model::View) {}
  void sync(std::uint64_t, model::Ticket) {}
  void remove(std::uint64_t) {}
  void halt() {}

 private:
  static StageSettings settings(std::uint64_t seed, bool websocket) {
    StageSettings settings;
    settings.websocket = websocket;
    settings.host = "hub";
    settings.port = 1883;
    settings.key = "aHVicHJvb2YgaHVicHJvb2YgaHVicHJvb2YgaHVicHI=";
    settings.seed = seed;
    return settings;
  }
  static LinkId link(ConnectionId connection) { return static_cast<LinkId>(connection); }
  model::Now now() const { return {now_, today + now_.time_since_epoch()}; }
  void later(std::function<void()> action) { events_.emplace(now_ + latency, std::move(action)); }

  void say(Said said) {
    std::vector<Said> lines;
    if (wire_.tells && said.did != Did::hello && said.did != Did::echo)
      lines = wire_.tells(std::move(said));
    else
      lines.push_back(std::move(said));
    for (Said& line : lines) later([this, line = std::move(line)] { stage_.said(now_, line); });
  }
  void say(Did did, std::uint64_t id = 0) {
    Said said;
    said.did = did;
    said.id = id;
    say(std::move(said));
  }

  void hang_up(ConnectionId connection) {
    left_ = connection;
    later([this, connection] {
      if (connection != live_) return;
      stage_.ended(now_, link(connection));
      live_ = ConnectionId::none;
    });
  }

  // What the stage wants done.
  void perform() {
    for (Act& act : std::exchange(stage_.acts(), {})) {
      const auto connection = static_cast<ConnectionId>(act.link);
      if (act.kind == Act::Kind::tell) {
        later([this, order = std::move(act.order)] {
          std::visit([this](const auto& one) { obey(one); }, order);
          if (!wire_.obeys) return;
          for (Said& line : wire_.obeys(order)) later([this, line = std::move(line)] { stage_.said(now_, line); });
        });
      } else if (act.kind == Act::Kind::send) {
        later([this, connection, bytes = std::move(act.bytes)] {
          if (!device_ || left(connection)) return;
          learn(bytes);
          device_->received(now(), connection, wire_.heard ? wire_.heard(bytes) : bytes, effects_);
          perform_device();
        });
      } else {
        const model::EndedBy by = act.kind == Act::Kind::abort ? model::EndedBy::reset : model::EndedBy::peer;
        later([this, connection, by] {
          if (!device_ || left(connection)) return;
          if (connection == live_) live_ = ConnectionId::none;
          device_->ended(now(), connection, by, effects_);
          perform_device();
        });
      }
    }
  }
  void perform_device() { tools::perform(effects_, *this); }
  // Of what it has left a device hears nothing; its connections have numbers that grow.
  bool left(ConnectionId connection) const { return connection <= left_; }

  // Orders.
  void obey(const ConnectOrder& order) {
    leaving_ = false;
    if (protocol() == Protocol::http) say(Did::connected);  // it has no connection that an application knows
    if (device_) {
      device_->resume(now(), effects_);
      return perform_device();
    }
    device_settings_.host = order.host;
    constexpr std::array protocols{model::DeviceSettings::Protocol::mqtt, model::DeviceSettings::Protocol::amqp,
                                   model::DeviceSettings::Protocol::http};
    device_settings_.protocol = protocols[static_cast<std::size_t>(protocol())];
    if (order.settle == SettleWish::reject) device_settings_.reject_per_mille = 1000;
    if (order.settle == SettleWish::abandon) device_settings_.abandon_per_mille = 1000;
    if (order.poll) device_settings_.poll = std::chrono::seconds{*order.poll};
    if (order.websocket) device_settings_.transport = model::DeviceSettings::Transport::websocket;
    device_settings_.keep_alive = std::chrono::seconds{order.keep_alive};
    device_settings_.clean_session = order.clean;
    device_settings_.receives_commands = true;
    device_settings_.back_off_max = 2s;
    // By default both are a minute: a hub that is silent is given up in the keep-alive after the ping.
    device_settings_.ack_patience = device_settings_.keep_alive;
    if (order.token_life) {
      device_settings_.token_life = std::chrono::seconds{*order.token_life};
      device_settings_.token_renewal = device_settings_.token_life * 3 / 4;
    }
    const std::string key = order.key.value_or("");
    device_settings_.signer = [key](std::string_view id) { return model::DeviceSettings::Signer{std::string{id}, key}; };
    if (spoil_) spoil_(device_settings_);
    const auto draw = [](void* bench, model::ChanceSite, std::uint32_t bound) {
      auto& self = *static_cast<Bench*>(bench);
      self.chance_ = model::mix(self.chance_ + 0x9e3779b97f4a7c15U);
      return static_cast<std::uint32_t>((self.chance_ >> 32) * bound >> 32);
    };
    const auto takes = [](void*) -> Duration { return handling; };
    device_.emplace(device_settings_, rules_, order.client_id, 1, model::Chance{draw, this, takes});
    device_->started(now(), {}, effects_);
    perform_device();
  }
  void obey(const SendOrder& order) {
    if (!device_) return fail(order.id, "there is no connection yet");
    model::Bytes flat;
    model::MessageWriter writer{flat};
    writer.system(model::System::message_id, order.message_id);
    for (const auto& [name, value] : order.properties) writer.property(name, value);
    writer.body(order.payload);
    const model::MessageKey key = model::MessageView{flat}.key();
    orders_[static_cast<std::uint64_t>(key)] = order.id;
    device_->submit(now(), flat, effects_);
    perform_device();
  }
  void obey(const DisconnectOrder&) {
    if (device_) device_->sleep(now(), effects_);
    leaving_ = true;
    perform_device();
  }
  void obey(const EchoOrder& order) { say(Did::echo, order.id); }
  void obey(const QuitOrder&) {}
  void obey(const PublishOrder& order) { fail(order.id, "a hub's device has its own topics"); }
  void obey(const SubscribeOrder& order) { fail(order.id, "a hub's device has its own filter"); }
  void obey(const UnsubscribeOrder& order) { fail(order.id, "a hub's device has its own filter"); }
  void fail(std::uint64_t id, const char* why) {
    Said said;
    said.did = Did::failed;
    said.id = id;
    said.why = why;
    say(std::move(said));
  }

  Protocol protocol() const { return which_.needs.protocol; }

  // The machine tells of messages by key: what it is sent is read here, too.
  void learn(model::View bytes) {
    if (protocol() == Protocol::amqp) return learn_transfers(bytes);
    if (protocol() == Protocol::http) return learn_responses(bytes);
    model::mqtt::Decoder plain{model::mqtt::End::client};
    model::mqtt::Decoder& decoder = websocket_ ? came_by_.packets : plain;
    const model::Bytes unframed = websocket_ ? unframe(bytes) : model::Bytes{};
    decoder.feed(websocket_ ? model::View{unframed} : bytes);
    while (const model::mqtt::Packet* packet = decoder.next()) {
      const auto* publish = std::get_if<model::mqtt::Publish>(packet);
      if (publish == nullptr) continue;
      const std::size_t bag = publish->topic.rfind('/');
      model::Bytes flat;
      model::MessageWriter writer{flat};
      if (bag == std::string_view::npos || !model::mqtt::read_bag(publish->topic.substr(bag + 1), writer)) continue;
      writer.body(publish->payload);
      Said said;
      said.did = Did::received;
      said.topic = publish->topic;
      said.payload.assign(publish->payload.begin(), publish->payload.end());
      said.qos = publish->qos;
      said.dup = publish->dup;
      came_[static_cast<std::uint64_t>(model::MessageView{flat}.key())] = std::move(said);
    }
    decoder.keep();
  }
  void learn_transfers(model::View bytes) {
    came_by_amqp_.frames.feed(bytes);
    while (const auto frame = came_by_amqp_.frames.next()) {
      const FrameView one{*frame};
      if (one.performative != Performative::transfer) continue;
      model::Bytes& whole = came_by_amqp_.begun[one.number(0)];
      whole.insert(whole.end(), one.payload.begin(), one.payload.end());
      if (one.flag(5)) continue;
      const model::Bytes message = std::exchange(whole, {});
      model::Bytes flat;
      const auto sections = model::amqp::read_sections(message);
      if (sections && model::amqp::read_flat(*sections, flat)) learn_message(flat);
    }
  }
  void learn_responses(model::View bytes) {
    responses_.feed(bytes);
    while (const model::http::Response* response = responses_.next()) {
      model::Bytes flat;
      model::MessageWriter writer{flat};
      for (const model::http::Field& field : response->fields) model::http::read_property(field.name, field.value, writer);
      writer.body(response->body);
      learn_message(flat);
    }
  }
  void learn_message(model::View flat) {
    const model::MessageView message{flat};
    Said said;
    said.did = Did::received;
    said.qos = 1;
    said.message_id = message.system(model::System::message_id).value_or("");
    auto& properties = said.properties.emplace();
    const model::View body = message.each([](model::System, std::string_view) {},
                                          [&](std::string_view name, std::optional<std::string_view> value) {
                                            properties.emplace_back(name, value.value_or(""));
                                          });
    said.payload.assign(body.begin(), body.end());
    came_[static_cast<std::uint64_t>(message.key())] = std::move(said);
  }
  model::Bytes unframe(model::View bytes) {
    model::Bytes payload;
    if (!came_by_.upgraded) {
      came_by_.head += model::text(bytes);
      const std::size_t end = came_by_.head.find("\r\n\r\n");
      if (end == std::string::npos) return payload;
      came_by_.upgraded = true;
      bytes = model::view(came_by_.head).subspan(end + 4);
    }
    came_by_.frames.feed(bytes);
    while (const auto frame = came_by_.frames.next())
      if (!frame->is_control()) payload.insert(payload.end(), frame->payload.begin(), frame->payload.end());
    return payload;
  }
  void tell(const model::Event& event) {
    using model::Phase;
    using model::What;
    const auto key = static_cast<std::uint64_t>(event.message);
    if (event.what == What::accepted) {
      if (protocol() == Protocol::http || std::exchange(told_connected_, protocol() == Protocol::amqp)) return;
      Said said;
      said.did = Did::connected;
      said.session_present = (event.flags & model::flag_session_present) != 0;
      say(std::move(said));
    } else if (event.what == What::refused && protocol() != Protocol::http) {
      Said said;
      said.did = Did::refused;
      said.code = static_cast<std::uint8_t>(event.code);
      say(std::move(said));
    } else if (event.what == What::ended) {
      told_connected_ = false;
      if (leaving_ || protocol() != Protocol::http) say(leaving_ ? Did::disconnected : Did::lost);
    } else if (event.what == What::telemetry && orders_.contains(key)) {
      if (event.phase == Phase::ok) say(Did::published, orders_[key]);
      if (event.phase == Phase::fail || event.phase == Phase::info) fail(orders_[key], "the device gave it up");
    } else if (event.what == What::delivery && came_.contains(key)) {
      say(came_[key]);
    }
  }

  const DeviceCase& which_;
  const model::DeviceRules& rules_;
  const Spoil& spoil_;
  bool websocket_;
  Wire wire_;
  Stage stage_;
  std::uint64_t chance_;
  Instant now_{};
  std::multimap<Instant, std::function<void()>> events_;  // equal times in the order asked for
  std::optional<model::Device> device_;
  model::DeviceSettings device_settings_;
  model::Effects effects_;
  ConnectionId live_{};
  ConnectionId left_{};
  struct CameBy {  // a WebSocket
    std::string head{};
    bool upgraded = false;
    FrameReader frames{};
    model::mqtt::Decoder packets{model::mqtt::End::client};
  };
  CameBy came_by_{};
  struct CameByAmqp {
    FrameCutter frames{};
    std::map<std::uint32_t, model::Bytes> begun{};  // messages, by the handles of their links
  };
  CameByAmqp came_by_amqp_{};
  model::http::ResponseDecoder responses_{};
  bool told_connected_ = false;  // AMQP: by its first token, not by those that follow
  bool leaving_ = false;
  std::map<std::uint64_t, std::uint64_t> orders_;  // by the key of their message
  std::map<std::uint64_t, Said> came_;
};

}  // namespace

DevicePlay play_own_device(const model::DeviceRules& rules, std::uint64_t seed, const std::vector<const DeviceCase*>& cases,
                           const Spoil& spoil, const OwnTransport& transport) {
  DevicePlay play;
  for (const DeviceCase* const which : cases) {
    Bench bench{*which, rules, seed, spoil, transport};
    play.cases.push_back(bench.run());
    play.device = bench.hello();
  }
  return play;
}

}  // namespace hubproof::tools
