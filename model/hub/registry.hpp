// Which devices are registered, and what else the hub keeps for each. An index names one
// registration for as long as the process lives: a deleted device keeps its index, because events
// in the log still carry its name, and a new registration of the id gets its own [C2D-37].
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/hub/device_queue.hpp"
#include "model/hub/hub.hpp"

namespace hubproof::model {

// Every message touches the first cache line, and no more.
struct alignas(64) Registration {
  DeviceInfo info;
  std::uint64_t id_hash = 0;
  std::uint64_t sent = 0;                // telemetry messages since the process started

  std::uint64_t next_command = 1;        // sequence number of its queue [C2D-06]
  std::unique_ptr<DeviceQueue> queue{};  // absent while nothing waits: most devices are idle
  std::unique_ptr<StoredSession> session{};
  std::unique_ptr<Identity> identity{};
  bool listed_ready = false;
};

class Registry {
 public:
  DeviceIndex find(std::string_view id) const;  // of existing devices
  Registration& at(DeviceIndex index) { return place(static_cast<std::size_t>(index)); }
  const Registration& at(DeviceIndex index) const { return place(static_cast<std::size_t>(index)); }
  std::size_t size() const { return size_; }

  DeviceIndex add(std::string_view id, std::uint32_t generation, bool exists);
  void remove(DeviceIndex index);
  void revive(DeviceIndex index);
  DeviceIndex find_removed(std::string_view id) const;  // the last one with that id
  void name_nodes(std::function<NodeIndex(std::string_view)> node_of);

 private:
  struct Hash {
    std::size_t operator()(std::string_view id) const {
      return static_cast<std::size_t>(hash(view(id)));
    }
  };

  static constexpr std::size_t block_size = 64;
  Registration& place(std::size_t at) const { return blocks_[at / block_size][at % block_size]; }

  // By blocks: ids stay where they are, as names_ refers to them.
  std::vector<std::unique_ptr<Registration[]>> blocks_;
  std::size_t size_ = 0;
  std::unordered_map<std::string_view, DeviceIndex, Hash> names_;
  std::function<NodeIndex(std::string_view)> node_of_;
};

}  // namespace hubproof::model
