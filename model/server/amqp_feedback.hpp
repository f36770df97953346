// A feedback batch as the JSON of its message [FBK-11..FBK-13].
#pragma once

#include <string>

#include "model/operations.hpp"

namespace hubproof::model {

// As the profile spells it: in camel case with the status as text, or, as in 2017, in Pascal case
// with its number.
std::string feedback_json(const Feedback& batch, bool pascal_case);

}  // namespace hubproof::model
