// What scripts of commands, and of the feedback on them, do again and again over HTTPS.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/cases/amqp.hpp"
#include "conformance/cases/http.hpp"
#include "conformance/cases/registry.hpp"

namespace hubproof::conformance::cases {

inline constexpr model::Duration lock_time = 60s;  // [C2D-13]
inline constexpr model::Duration batching = 15s;   // [FBK-15]
inline constexpr std::string_view feedback_path = "/messages/serviceBound/feedback";

// A service and the device's door.
Task<void> ready(Service* service, Http* http, Who who);
// A command that was taken, or the case gives up.
Task<void> taken(Stage& stage, Service* service, std::string_view device, View flat);

void receive(Stage& stage, Http& http, Who who, const std::vector<model::http::Field>& fields = {});

enum class How : std::uint8_t { complete, reject, reject_true, abandon };
void settle(Stage& stage, Http& http, Who who, std::string_view token, How how,
            const std::vector<model::http::Field>& fields = {});
// The next command is received and settled with 204; its message id, or empty where there is none. Anything
// else makes the case give up.
Task<std::string_view> served(Stage& stage, Http* http, Who who, How how);

// The command of this body, or the case's clauses fail.
bool expect_command(Stage& stage, const Http& http, const Answer* answer, View body, std::string_view what,
                    std::string_view clauses = {});
std::int64_t number(const std::string* text);  // -1: there is none

// One record of feedback.
struct Record {
  std::string message, status, device, generation;  // the status as it is shown
  std::optional<std::int64_t> date;                 // of the outcome, in milliseconds since 1970
  bool pascal = false;                              // the members' names
};
std::optional<std::vector<Record>> records_of(const Answer& answer);  // null: it is no batch
std::string_view status_name(std::string_view status);                // also of a number [FBK-13]
bool names(const Answer& answer, std::string_view id);

// Batches are received, and those without this message completed, until one has it or the time is over; null.
Task<const Answer*> batch_with(Stage& stage, Http* http, std::string_view id, model::Duration time);
// What waits for its batch leaves now, as a batch that is full does, and not at the end of its 15 s [FBK-15]: 64 more
// commands for this device, whose queue must be empty, come to their end. Where time costs nothing, nothing is done, and
// where the target takes no more, only as much as it takes: false. Who reads waits still as long as a batch may last.
Task<bool> fill_batch(Stage& stage, Who who);

// What came of these messages in the batches that were received and completed.
struct Gathered {
  std::map<std::string, std::vector<Record>, std::less<>> records;  // by message id, of those asked for
  std::size_t largest = 0;                                          // records of one batch, whosoever's

  std::size_t of(std::string_view id) const {
    const auto found = records.find(id);
    return found == records.end() ? 0 : found->second.size();
  }
};
// Until each of them has a record, and then as long as batches wait; or the time is over.
Task<void> gather(Stage& stage, Http* http, const std::vector<std::string_view>* ids, Gathered* into, model::Duration time);

}  // namespace hubproof::conformance::cases
