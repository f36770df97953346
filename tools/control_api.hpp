// The control door's words: HTTP methods, paths and JSON bodies to requests, responses to JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "model/operations.hpp"

namespace hubproof::tools {

struct ApiAnswer {
  int status = 200;
  std::string body;  // JSON; empty with 204
};

// Requests of whoever runs the hub as a laboratory.
struct InjectFault { std::string body; };  // JSON: a fault as a scenario has it; times are from now on
struct ListFaults {};
struct HealFaults {};
struct ListQueues { std::string after; std::uint32_t limit = 100; };
struct MoveClock {  // neither: it is only read
  model::Duration step{};     // of the wall clock
  model::Duration advance{};  // as if so much time had passed
};
struct Drain {};
using LabRequest = std::variant<InjectFault, ListFaults, HealFaults, ListQueues, MoveClock, Drain>;

// A request of the hub or of the laboratory, or the answer to one that is none.
std::variant<model::Request, LabRequest, ApiAnswer> api_request(model::Now now, std::string_view method,
                                                                 std::string_view target,
                                                                 std::string_view body);
ApiAnswer api_answer(const model::Request& request, const model::Response& response);
ApiAnswer api_error(int status, std::string_view code, std::string_view message);

}  // namespace hubproof::tools
