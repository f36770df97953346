#include "model/device.hpp"

#include "model/device/amqp_device.hpp"
#include "model/device/http_device.hpp"

namespace hubproof::model {

template <class F>
decltype(auto) Device::ask(F&& f) {
  if (mqtt_) return f(*mqtt_);
  if (amqp_) return f(*amqp_);
  return f(*http_);
}

Device::Device(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
               std::uint32_t number, Chance chance) {
  if (settings.protocol == DeviceSettings::Protocol::http)
    http_ = std::make_unique<HttpDevice>(settings, rules, std::move(id), number, chance);
  else if (settings.protocol == DeviceSettings::Protocol::amqp)
    amqp_ = std::make_unique<AmqpDevice>(settings, rules, std::move(id), number, chance);
  else
    mqtt_.emplace(settings, rules, std::move(id), number, chance);
}
Device::~Device() = default;
Device::Device(Device&&) noexcept = default;

void Device::started(Now now, std::span<const StoredFile> files, Effects& effects) {
  ask([&](auto& machine) { machine.started(now, files, effects); });
}

void Device::submit(Now now, View message, Effects& effects) {
  submit(now, MessageView{message}.key(), message, effects);
}

void Device::submit(Now now, MessageKey key, View message, Effects& effects) {
  ask([&](auto& machine) { machine.submit(now, key, message, effects); });
}

void Device::connected(Now now, ConnectionId connection, Effects& effects) {
  ask([&](auto& machine) { machine.connected(now, connection, effects); });
}

void Device::refused(Now now, ConnectionId connection, Effects& effects) {
  ask([&](auto& machine) { machine.refused(now, connection, effects); });
}

void Device::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  ask([&](auto& machine) { machine.received(now, connection, bytes, effects); });
}

void Device::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  ask([&](auto& machine) { machine.ended(now, connection, by, effects); });
}

void Device::stored(Now now, Ticket ticket, bool ok, Effects& effects) {
  if (mqtt_) mqtt_->stored(now, ticket, ok, effects);
}

void Device::woken(Now now, Effects& effects) {
  ask([&](auto& machine) { machine.woken(now, effects); });
}

std::optional<Instant> Device::deadline() const {
  if (mqtt_) return mqtt_->deadline();
  return amqp_ ? amqp_->deadline() : http_->deadline();
}

void Device::sleep(Now now, Effects& effects) {
  ask([&](auto& machine) { machine.sleep(now, effects); });
}

void Device::resume(Now now, Effects& effects) {
  ask([&](auto& machine) { machine.resume(now, effects); });
}

void Device::soon(bool message) const {
  if (mqtt_) mqtt_->soon(message);
}

std::size_t Device::unacknowledged() const {
  if (mqtt_) return mqtt_->unacknowledged();
  return amqp_ ? amqp_->unacknowledged() : http_->unacknowledged();
}

}  // namespace hubproof::model
