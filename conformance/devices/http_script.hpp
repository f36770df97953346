// The steps that cases about HTTP are made of, beside those of script.hpp.
#pragma once

#include "conformance/devices/http_hub.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices::script {

// Has the device begin; `wish.poll` is a second unless it says otherwise.
Task<> http_begun(Stage& stage, Wish wish = {});

Stage::Waiting request_for(Stage& stage, Asked::What what, model::Duration patience);
Stage::Waiting settling(Stage& stage, model::Duration patience);  // of whatever kind
// The answer to a look for a command: this one, under this lock token.
HttpHub::Answer answer_with(const Command& command, const std::string& lock);

}  // namespace hubproof::conformance::devices::script
