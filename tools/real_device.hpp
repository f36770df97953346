// The device machine on a real socket and a real disk: what SimDevice is in a simulation.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "model/device.hpp"
#include "tools/real_hub.hpp"

namespace hubproof::tools {

class RealDevice {
 public:
  struct Settings {
    std::string store;  // for a durable outbox; empty: nothing is kept
    // What the device saw. Participant 0 is the device.
    std::function<void(const model::Event& event)> on_event;
  };

  // `device` and `rules` must outlive it. `number` makes the message keys, as in model::Device.
  RealDevice(const model::DeviceSettings& device, const model::DeviceRules& rules, std::string id,
             std::uint32_t number, Settings settings = {});
  ~RealDevice();

  bool open(const HostPort& hub, std::string& problem);  // reads the store and begins to connect
  void submit(model::View message);                      // flat, with a message-id
  std::size_t unacknowledged() const;
  void sleep();                                          // DISCONNECT, and stay away
  void run(const std::function<bool()>& until);          // asked after each step of the loop

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::tools
