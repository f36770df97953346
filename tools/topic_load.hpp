// What a client of a group does at a plain broker, be it simulated or on a socket: its settings and topics,
// in which {} stands for its number in the group, and its messages.
#pragma once

#include <string>
#include <vector>

#include "tools/scenario.hpp"

namespace hubproof::tools {

struct TopicLoad {
  TopicLoad(const ClientGroup& group, std::uint32_t number);

  model::TopicSettings settings;
  std::vector<std::string> topics;  // by the group's publishes
};

// Begins with a key of its own, by which it is known wherever it comes: the `number`th message of this node.
std::string topic_payload(sim::NodeId node, std::uint32_t number, std::size_t size);

}  // namespace hubproof::tools
