#include "model/hub/registry.hpp"

namespace hubproof::model {

DeviceIndex Registry::find(std::string_view id) const {
  const auto found = names_.find(id);
  return found == names_.end() ? DeviceIndex::none : found->second;
}

DeviceIndex Registry::add(std::string_view id, std::uint32_t generation, bool exists) {
  const DeviceIndex index{static_cast<std::uint32_t>(size_)};
  if (size_++ % block_size == 0) blocks_.push_back(std::make_unique<Registration[]>(block_size));
  Registration& device = at(index);
  device.info.id = id;
  device.info.generation = generation;
  device.info.exists = exists;
  if (node_of_) device.info.node = node_of_(id);
  device.id_hash = hash(view(id));
  if (exists) names_.insert_or_assign(device.info.id, index);
  return index;
}

void Registry::remove(DeviceIndex index) {
  Registration& device = at(index);
  if (find(device.info.id) == index) names_.erase(device.info.id);
  device.info.exists = false;
}

void Registry::revive(DeviceIndex index) {
  Registration& device = at(index);
  device.info.exists = true;
  device.info.enabled = true;
  names_.insert_or_assign(device.info.id, index);
}

DeviceIndex Registry::find_removed(std::string_view id) const {
  for (std::size_t i = size_; i-- > 0;)
    if (place(i).info.id == id && !place(i).info.exists)
      return DeviceIndex{static_cast<std::uint32_t>(i)};
  return DeviceIndex::none;
}

void Registry::name_nodes(std::function<NodeIndex(std::string_view)> node_of) {
  node_of_ = std::move(node_of);
  for (std::size_t i = 0; i < size_; ++i) place(i).info.node = node_of_(place(i).info.id);
}

}  // namespace hubproof::model
