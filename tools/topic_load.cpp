#include "tools/topic_load.hpp"

#include "model/message.hpp"

namespace hubproof::tools {
namespace {

std::string numbered(std::string text, std::uint32_t number) {
  for (std::size_t at; (at = text.find("{}")) != std::string::npos;) text.replace(at, 2, std::to_string(number));
  return text;
}

}  // namespace

TopicLoad::TopicLoad(const ClientGroup& group, std::uint32_t number) : settings{group.settings} {
  for (auto& one : settings.subscriptions) one.filter = numbered(one.filter, number);
  if (settings.will) settings.will->topic = numbered(settings.will->topic, number);
  for (const PublishLoad& load : group.publishes) topics.push_back(numbered(load.topic, number));
}

std::string topic_payload(sim::NodeId node, std::uint32_t number, std::size_t size) {
  std::string payload = model::message_id(model::own_key('t', static_cast<std::uint32_t>(node), number)) + " ";
  if (payload.size() < size) payload.resize(size, '.');
  return payload;
}

}  // namespace hubproof::tools
