#include "model/device.hpp"

#include <variant>

#include "model/device/link_device.hpp"
#include "model/device/mqtt_device.hpp"
#include "model/fetch.hpp"

namespace hubproof::model {

// A device by either protocol. The link's is the rarer: behind a pointer, so that it costs the
// other nothing.
struct Device::Parts {
  Parts(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
        std::uint32_t number, Chance chance)
      : machine{std::in_place_type<MqttDevice>, settings, rules, std::move(id), number, chance} {}
  explicit Parts(std::unique_ptr<LinkDevice> link) : machine{std::move(link)} {}

  template <class F>
  decltype(auto) ask(F&& f) {
    if (auto* mqtt = std::get_if<MqttDevice>(&machine)) return f(*mqtt);
    return f(*std::get<std::unique_ptr<LinkDevice>>(machine));
  }

  std::variant<MqttDevice, std::unique_ptr<LinkDevice>> machine;
};

Device::Device(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
               std::uint32_t number, Chance chance) {
  if (settings.protocol == DeviceSettings::Protocol::link)
    parts_ = std::make_unique<Parts>(
        std::make_unique<LinkDevice>(settings, rules, std::move(id), number, chance));
  else
    parts_ = std::make_unique<Parts>(settings, rules, std::move(id), number, chance);
}
Device::~Device() = default;
Device::Device(Device&&) noexcept = default;

void Device::started(Now now, std::span<const StoredFile> files, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.started(now, files, effects); });
}

void Device::submit(Now now, View message, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.submit(now, message, effects); });
}

void Device::connected(Now now, ConnectionId connection, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.connected(now, connection, effects); });
}

void Device::refused(Now now, ConnectionId connection, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.refused(now, connection, effects); });
}

void Device::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.received(now, connection, bytes, effects); });
}

void Device::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.ended(now, connection, by, effects); });
}

void Device::stored(Now now, Ticket ticket, bool ok, Effects& effects) {
  if (auto* mqtt = std::get_if<MqttDevice>(&parts_->machine))
    mqtt->stored(now, ticket, ok, effects);
}

void Device::woken(Now now, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.woken(now, effects); });
}

std::optional<Instant> Device::deadline() const {
  return parts_->ask([](auto& machine) { return machine.deadline(); });
}

void Device::sleep(Now now, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.sleep(now, effects); });
}

void Device::resume(Now now, Effects& effects) {
  parts_->ask([&](auto& machine) { machine.resume(now, effects); });
}

void Device::soon(bool again) const {
  if (!again) return fetch(parts_.get(), sizeof(Parts));
  if (const auto* mqtt = std::get_if<MqttDevice>(&parts_->machine)) mqtt->soon();
}

std::size_t Device::unacknowledged() const {
  const auto* mqtt = std::get_if<MqttDevice>(&parts_->machine);
  return mqtt != nullptr ? mqtt->unacknowledged() : 0;
}

}  // namespace hubproof::model
