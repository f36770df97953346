// Quantities as people write them, read and written exactly: durations ("1h30m"), ratios ("1/3",
// 0.05), sizes ("4KiB") and dates. Integers throughout: no double decides anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/choices.hpp"
#include "sim/time.hpp"

namespace hubproof::tools {

// "90s", "200us", "1h30m", "2d", "1.5s", "-2h": numbers with units from d to ns, falling.
std::optional<sim::Duration> read_duration(std::string_view text);
std::string write_duration(sim::Duration duration);

// "0.05", "5e-2" with at most `decimals` decimals, or "1/3". Never negative; in lowest terms.
std::optional<sim::Ratio> read_ratio(std::string_view text, int decimals = 9);
std::string write_ratio(sim::Ratio ratio);       // "0.05" when that is exact, else "1/3"

// "512", "4KiB", "1MiB", "2GiB", "10kB", "1MB", "1GB".
std::optional<std::uint64_t> read_size(std::string_view text);
std::string write_size(std::uint64_t size);      // "4KiB" when that is exact, else "512"

// "2026-01-31T12:00:00Z", with up to nine decimals of the second; nanoseconds since 1970.
std::optional<std::int64_t> read_date(std::string_view text);
std::string write_date(std::int64_t date);

std::optional<std::uint64_t> read_hex(std::string_view digits);    // 16 of them

std::optional<std::uint64_t> read_whole(std::string_view digits);  // nothing but digits, no overflow

}  // namespace hubproof::tools
