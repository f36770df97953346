// Dates as ISO 8601 writes them, 2026-11-23T10:19:03.722Z, to and from milliseconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hubproof::model {

inline constexpr std::size_t longest_iso_date = 32;

// Writes to where there is room for it, and gives its end. Years from 1 to 9999. Where a colon may
// not stand as it is, `colon` says what stands for it.
std::uint8_t* put_iso_date(std::uint8_t* to, std::int64_t milliseconds,
                           std::string_view colon = ":");

// A fraction of any length is cut to milliseconds (the .NET SDK sends seven digits); the zone is Z
// or an offset, and there must be one.
std::optional<std::int64_t> read_iso_date(std::string_view text);

// Nanoseconds since 1970, of milliseconds; where those go further than a Date does, its nearest end.
std::int64_t nanoseconds_of(std::int64_t milliseconds);

}  // namespace hubproof::model
