// The suite for devices as its driver and its reports see it: the cases of conformance/devices in the
// form that all reports of `conform` have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conformance/devices/cases.hpp"
#include "tools/conform/conform.hpp"

namespace hubproof::tools {

// In the order of conformance::devices::device_cases(); of each its name, sentence and clauses.
const conformance::cases::Cases& device_case_table();
const conformance::cases::Case* find_device_case(std::string_view name);

struct DevicePlay {
  conformance::devices::Hello device{};  // without a name: no adapter ever said hello
  std::vector<CaseResult> cases{};
  std::string unreachable{};             // why nothing was played; also what ailed an adapter without a hello
};

// Those whose names fit the pattern; empty: all.
std::vector<const conformance::devices::DeviceCase*> chosen_device_cases(const std::string& only);

// Why it is nothing for a device that says this of itself, over a WebSocket or not; empty: it is.
std::string why_not(const conformance::devices::DeviceCase& which, bool websocket, const conformance::devices::Hello& device);

// The case as it is played: not at all against a device that it is nothing for.
conformance::devices::Stage::Play guarded(const conformance::devices::DeviceCase& which);

// What a finished stage has come to. `errors`: what the adapter said on standard error.
CaseResult result_of(const conformance::devices::DeviceCase& which, const conformance::devices::Stage& stage, const std::string& errors);

}  // namespace hubproof::tools
