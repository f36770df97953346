#include "model/device.hpp"

#include "model/device/amqp_device.hpp"
#include "model/device/http_device.hpp"
#include "model/device/websocket_client.hpp"

namespace hubproof::model {

template <class F>
void Device::ask_bare(F&& f) {
  if (mqtt_) f(*mqtt_);
  else if (amqp_) f(*amqp_);
  else f(*http_);
}

template <class F>
void Device::ask(Effects& effects, F&& f) {
  if (plain_) return f(*mqtt_);
  ask_bare(f);
  if (websocket_) websocket_->dress(effects);
}

Device::Device(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
               std::uint32_t number, Chance chance) {
  if (settings.protocol == DeviceSettings::Protocol::http)
    http_ = std::make_unique<HttpDevice>(settings, rules, std::move(id), number, chance);
  else if (settings.protocol == DeviceSettings::Protocol::amqp)
    amqp_ = std::make_unique<AmqpDevice>(settings, rules, std::move(id), number, chance);
  else
    mqtt_.emplace(settings, rules, std::move(id), number, chance);
  if (settings.transport == DeviceSettings::Transport::websocket)
    websocket_ = std::make_unique<WebSocketClient>(
        rules, settings.host, amqp_ ? websocket::Carries::amqp : websocket::Carries::mqtt, chance);
  plain_ = mqtt_ && !websocket_;
}
Device::~Device() = default;
Device::Device(Device&&) noexcept = default;

void Device::started(Now now, std::span<const StoredFile> files, Effects& effects) {
  ask(effects, [&](auto& machine) { machine.started(now, files, effects); });
}

void Device::submit(Now now, View message, Effects& effects) {
  submit(now, MessageView{message}.key(), message, effects);
}

void Device::submit(Now now, MessageKey key, View message, Effects& effects) {
  if (plain_) return mqtt_->submit(now, key, message, effects);
  submit_to_any(now, key, message, effects);
}

[[gnu::noinline]] void Device::submit_to_any(Now now, MessageKey key, View message, Effects& effects) {
  ask(effects, [&](auto& machine) { machine.submit(now, key, message, effects); });
}

void Device::connected(Now now, ConnectionId connection, Effects& effects) {
  if (websocket_) return websocket_->connected(connection, effects);
  ask(effects, [&](auto& machine) { machine.connected(now, connection, effects); });
}

void Device::refused(Now now, ConnectionId connection, Effects& effects) {
  ask(effects, [&](auto& machine) { machine.refused(now, connection, effects); });
}

void Device::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (plain_) return mqtt_->received(now, connection, bytes, effects);
  received_by_any(now, connection, bytes, effects);
}

[[gnu::noinline]] void Device::received_by_any(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (websocket_) return hear_websocket(now, connection, bytes, effects);
  ask(effects, [&](auto& machine) { machine.received(now, connection, bytes, effects); });
}

void Device::hear_websocket(Now now, ConnectionId connection, View bytes, Effects& effects) {
  WebSocketClient& below = *websocket_;
  const WebSocketClient::Heard& heard = below.received(connection, bytes, effects);
  ask_bare([&](auto& machine) {
    if (heard.refused) machine.refused(now, connection, effects);
    if (heard.opened) machine.connected(now, connection, effects);
    if (!heard.payload.empty()) machine.received(now, connection, heard.payload, effects);
  });
  below.dress(effects);
  if ((!heard.refused && !heard.over) || !below.has(connection)) return;
  const EndedBy by = heard.in_good_order ? EndedBy::peer : EndedBy::local;
  if (heard.over) ask_bare([&](auto& machine) { machine.ended(now, connection, by, effects); });
  effects.close(connection);
  below.dress(effects);
}

void Device::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (websocket_) websocket_->ended();
  ask(effects, [&](auto& machine) { machine.ended(now, connection, by, effects); });
}

void Device::stored(Now now, Ticket ticket, bool ok, Effects& effects) {
  if (mqtt_) mqtt_->stored(now, ticket, ok, effects);
}

void Device::woken(Now now, Effects& effects) {
  ask(effects, [&](auto& machine) { machine.woken(now, effects); });
}

std::optional<Instant> Device::deadline() const {
  if (mqtt_) return mqtt_->deadline();
  return amqp_ ? amqp_->deadline() : http_->deadline();
}

void Device::sleep(Now now, Effects& effects) {
  ask(effects, [&](auto& machine) { machine.sleep(now, effects); });
}

void Device::resume(Now now, Effects& effects) {
  ask(effects, [&](auto& machine) { machine.resume(now, effects); });
}

void Device::soon(bool message) const {
  if (mqtt_) mqtt_->soon(message);
}

std::size_t Device::unacknowledged() const {
  if (mqtt_) return mqtt_->unacknowledged();
  return amqp_ ? amqp_->unacknowledged() : http_->unacknowledged();
}

}  // namespace hubproof::model
