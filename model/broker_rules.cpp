#include "model/broker_rules.hpp"

#include "model/mqtt/codec.hpp"

namespace hubproof::model {

bool filter_matches(std::string_view filter, std::string_view topic) { return mqtt::matches(filter, topic); }
bool filter_is_valid(std::string_view filter) { return mqtt::valid_topic_filter(filter); }
bool topic_is_valid(std::string_view topic) { return mqtt::valid_topic_name(topic); }

}  // namespace hubproof::model
