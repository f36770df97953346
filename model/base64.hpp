// Base64 with its padding, as RFC 4648 section 4 has it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/bytes.hpp"

namespace hubproof::model {

std::string to_base64(View bytes);
// Nothing: not Base64, a character or a length that is none.
std::optional<Bytes> from_base64(std::string_view text);

}  // namespace hubproof::model
