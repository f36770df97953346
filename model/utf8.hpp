// UTF-8 as MQTT wants it: well formed, no surrogates, no overlong forms; U+0000 told apart, because
// some texts may hold it and others may not.
#pragma once

#include <cstdint>
#include <string_view>

namespace hubproof::model {

enum class Utf8 : std::uint8_t { good, holds_nul, broken };

Utf8 utf8(std::string_view text);

}  // namespace hubproof::model
