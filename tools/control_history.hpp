// What a service would tell of its requests, for the history: the caller of the control door is a
// service, and the door sees what it sees.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "model/operations.hpp"

namespace hubproof::tools {

using IndexOf = std::function<model::NodeIndex(std::string_view device)>;

// `terms` name the endpoints that events of reading are about.
void name_endpoint(const model::Terms& terms, const model::Request& request, std::vector<model::Event>& events);
std::vector<model::Event> events_of(const model::Request& request, const IndexOf& index_of);
std::vector<model::Event> events_of(const model::Request& request, const model::Response& response,
                                    const IndexOf& index_of);

}  // namespace hubproof::tools
