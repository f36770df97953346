// The control door's words: HTTP methods, paths and JSON bodies to requests, responses to JSON.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "model/operations.hpp"

namespace hubproof::tools {

struct ApiAnswer {
  int status = 200;
  std::string body;  // JSON; empty with 204
};

// A request of the hub, or the answer to one that is none.
std::variant<model::Request, ApiAnswer> api_request(model::Now now, std::string_view method,
                                                    std::string_view target, std::string_view body);
ApiAnswer api_answer(const model::Request& request, const model::Response& response);
ApiAnswer api_error(int status, std::string_view code, std::string_view message);

}  // namespace hubproof::tools
