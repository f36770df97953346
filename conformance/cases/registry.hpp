// Devices that a script makes for itself, by the registry's door.
#pragma once

#include <functional>

#include "conformance/cases/http.hpp"

namespace hubproof::conformance::cases {

// A device that is there: created, or the case gives up. Its keys are the case's own.
struct Made {
  std::string_view id;
  std::string_view primary, secondary;  // keys
  std::string_view token;               // of the primary key
  std::string_view generation;
  std::string_view etag;
};

// Ids that nobody else uses: letters, digits, and at times a character that paths must encode.
std::string_view fresh_device_id(Stage& stage, bool plain = false);
std::string_view fresh_key(Stage& stage);
std::string_view device_token(Stage& stage, std::string_view id, std::string_view key);
// {"deviceId": ..., "status": ..., "authentication": ...}
std::string_view device_json(Stage& stage, std::string_view id, std::string_view primary, std::string_view secondary,
                             bool enabled = true);

Task<Made> made(Stage& stage, Http* registry, std::string_view id);
Task<void> removed(Stage& stage, Http* registry, std::string_view id);  // whatever comes of it

// The queues of all devices that this case used are purged, where services have a door for that.
Task<void> purged(Stage& stage);
// The script, and then that: whoever gets the devices next finds nothing of it.
Script tidied(Stage& stage, std::function<Script(Stage&)> script);

// A member of the JSON object that an answer is; empty: there is none.
std::string_view member(Stage& stage, const Answer* answer, std::string_view name);

}  // namespace hubproof::conformance::cases
