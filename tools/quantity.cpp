#include "tools/quantity.hpp"

#include <array>
#include <limits>
#include <numeric>

#include "sim/wide.hpp"

namespace hubproof::tools {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

// Takes the digits at the front.
std::string_view take_digits(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && digit(text[length])) ++length;
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

constexpr std::array<Unit, 7> time_units{{{"d", 86'400'000'000'000},
                                          {"h", 3'600'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"s", 1'000'000'000},
                                          {"ms", 1'000'000},
                                          {"us", 1'000},
                                          {"ns", 1}}};

constexpr std::array<Unit, 7> size_units{{{"GiB", 1u << 30},
                                          {"MiB", 1u << 20},
                                          {"KiB", 1u << 10},
                                          {"GB", 1'000'000'000},
                                          {"MB", 1'000'000},
                                          {"kB", 1'000},
                                          {"B", 1}}};

// `whole` and `decimals` times `unit`, if that is a whole number that fits.
std::optional<std::uint64_t> times(std::string_view whole, std::string_view decimals,
                                   std::uint64_t unit) {
  const auto count = read_whole(whole);
  if (!count || *count > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  std::uint64_t sum = *count * unit;
  for (const char c : decimals) {
    if (unit % 10 != 0) {
      if (c != '0') return std::nullopt;
      continue;
    }
    unit /= 10;
    const std::uint64_t part = static_cast<std::uint64_t>(c - '0') * unit;
    if (sum > std::numeric_limits<std::uint64_t>::max() - part) return std::nullopt;
    sum += part;
  }
  return sum;
}

// Days since 1970-01-01 of a date of the Gregorian calendar, and back (after Howard Hinnant).
constexpr std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto of_era = static_cast<unsigned>(year - era * 400);
  const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + static_cast<std::int64_t>(of_era * 365 + of_era / 4 - of_era / 100 + of_year) -
         719'468;
}

struct Day {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

constexpr Day day_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto of_era = static_cast<unsigned>(days - era * 146'097);
  const unsigned year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
  const unsigned m = (5 * of_year + 2) / 153;
  const unsigned month = m < 10 ? m + 3 : m - 9;
  return {static_cast<std::int64_t>(year) + era * 400 + (month <= 2 ? 1 : 0), month,
          of_year - (153 * m + 2) / 5 + 1};
}

std::string padded(std::uint64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

}  // namespace

std::optional<std::uint64_t> read_hex(std::string_view digits) {
  if (digits.size() != 16) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    const std::size_t digit = std::string_view{"0123456789abcdef"}.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

std::optional<std::uint64_t> read_whole(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!digit(c)) return std::nullopt;
    const auto next = static_cast<std::uint64_t>(c - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - next) / 10) return std::nullopt;
    value = value * 10 + next;
  }
  return value;
}

std::optional<sim::Duration> read_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t sum = 0;
  std::size_t next_unit = 0;  // units fall
  while (!text.empty()) {
    const std::string_view whole = take_digits(text);
    std::string_view decimals;
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      decimals = take_digits(text);
      if (decimals.empty()) return std::nullopt;
    }
    std::size_t length = 0;
    while (length < text.size() && !digit(text[length])) ++length;
    const std::string_view name = text.substr(0, length);
    text.remove_prefix(length);
    while (next_unit < time_units.size() && time_units[next_unit].name != name) ++next_unit;
    if (next_unit == time_units.size()) return std::nullopt;
    const auto part = times(whole, decimals, time_units[next_unit++].size);
    if (!part || *part > most || sum > most - *part) return std::nullopt;
    sum += *part;
  }
  const auto count = static_cast<std::int64_t>(sum);
  return sim::Duration{negative ? -count : count};
}

std::string write_duration(sim::Duration duration) {
  if (duration.count() == 0) return "0s";
  std::string text = duration.count() < 0 ? "-" : "";
  auto left = static_cast<std::uint64_t>(duration.count());
  if (duration.count() < 0) left = 0 - left;
  for (const Unit& unit : time_units) {
    if (left < unit.size) continue;
    text += std::to_string(left / unit.size) + std::string{unit.name};
    left %= unit.size;
  }
  return text;
}

std::optional<sim::Ratio> read_ratio(std::string_view text, int decimals) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  std::uint64_t num = 0;
  std::uint64_t den = 1;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto above = read_whole(text.substr(0, slash));
    const auto below = read_whole(text.substr(slash + 1));
    if (!above || !below || *below == 0) return std::nullopt;
    num = *above;
    den = *below;
  } else {
    std::string digits{take_digits(text)};
    if (digits.empty()) return std::nullopt;
    std::int64_t scale = 0;  // the value is digits / 10^scale
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      const std::string_view after = take_digits(text);
      if (after.empty()) return std::nullopt;
      digits += after;
      scale = static_cast<std::int64_t>(after.size());
    }
    if (text.starts_with('e') || text.starts_with('E')) {
      text.remove_prefix(1);
      const bool down = text.starts_with('-');
      if (down || text.starts_with('+')) text.remove_prefix(1);
      const auto exponent = read_whole(take_digits(text));
      if (!exponent || *exponent > 1'000) return std::nullopt;
      scale += down ? static_cast<std::int64_t>(*exponent) : -static_cast<std::int64_t>(*exponent);
    }
    if (!text.empty()) return std::nullopt;
    while (digits.size() > 1 && digits.ends_with('0') && scale > 0) {
      digits.pop_back();
      --scale;
    }
    if (digits.find_first_not_of('0') == std::string::npos) return sim::Ratio{0, 1};
    if (scale > decimals || scale < -9) return std::nullopt;
    const auto value = read_whole(digits);
    if (!value) return std::nullopt;
    num = *value;
    for (; scale > 0; --scale) den *= 10;
    for (; scale < 0; ++scale) {
      if (num > most) return std::nullopt;
      num *= 10;
    }
  }
  const std::uint64_t common = std::gcd(num, den);
  num /= common;
  den /= common;
  if (num > most || den > most) return std::nullopt;
  return sim::Ratio{static_cast<std::uint32_t>(num), static_cast<std::uint32_t>(den)};
}

std::string write_ratio(sim::Ratio ratio) {
  std::uint64_t scale = 1;
  for (std::size_t decimals = 0; decimals <= 9; ++decimals, scale *= 10) {
    const std::uint64_t scaled = std::uint64_t{ratio.num} * scale;
    if (scaled % ratio.den != 0) continue;
    const std::uint64_t value = scaled / ratio.den;
    std::string text = std::to_string(value / scale);
    if (decimals > 0) text += "." + padded(value % scale, decimals);
    return text;
  }
  return std::to_string(ratio.num) + "/" + std::to_string(ratio.den);
}

std::optional<std::uint64_t> read_size(std::string_view text) {
  const std::string_view whole = take_digits(text);
  if (text.empty()) return read_whole(whole);
  for (const Unit& unit : size_units)
    if (unit.name == text) return times(whole, {}, unit.size);
  return std::nullopt;
}

std::string write_size(std::uint64_t size) {
  for (std::size_t at = 0; at < 3; ++at)
    if (size != 0 && size % size_units[at].size == 0)
      return std::to_string(size / size_units[at].size) + std::string{size_units[at].name};
  return std::to_string(size);
}

std::optional<std::int64_t> read_date(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= form.size() || !text.ends_with('Z')) return std::nullopt;
  for (std::size_t at = 0; at < form.size(); ++at)
    if (form[at] == 'd' ? !digit(text[at]) : form[at] != text[at]) return std::nullopt;
  const auto part = [text](std::size_t at, std::size_t size) {
    return static_cast<unsigned>(*read_whole(text.substr(at, size)));
  };
  const unsigned year = part(0, 4), month = part(5, 2), day = part(8, 2);
  const unsigned hour = part(11, 2), minute = part(14, 2), second = part(17, 2);
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  const std::int64_t days = days_of(year, month, day);
  if (day_of(days).day != day) return std::nullopt;  // such as the 30th of February
  std::string_view rest = text.substr(form.size(), text.size() - form.size() - 1);
  std::uint64_t fraction = 0;
  if (!rest.empty()) {
    if (!rest.starts_with('.') || rest.size() < 2) return std::nullopt;
    const auto exact = times("0", rest.substr(1), 1'000'000'000);
    if (rest.substr(1).find_first_not_of("0123456789") != std::string_view::npos || !exact)
      return std::nullopt;
    fraction = *exact;
  }
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
  std::int64_t result = 0;
  if (__builtin_mul_overflow(seconds, std::int64_t{1'000'000'000}, &result) ||
      __builtin_add_overflow(result, static_cast<std::int64_t>(fraction), &result))
    return std::nullopt;
  return result;
}

std::string write_date(std::int64_t date) {
  std::int64_t seconds = date / 1'000'000'000;
  std::int64_t fraction = date % 1'000'000'000;
  if (fraction < 0) {
    fraction += 1'000'000'000;
    --seconds;
  }
  std::int64_t days = seconds / 86'400;
  std::int64_t of_day = seconds % 86'400;
  if (of_day < 0) {
    of_day += 86'400;
    --days;
  }
  const Day day = day_of(days);
  const auto two = [](std::int64_t number) { return padded(static_cast<std::uint64_t>(number), 2); };
  std::string text = padded(static_cast<std::uint64_t>(day.year), 4) + "-" + two(day.month) + "-" +
                     two(day.day) + "T" + two(of_day / 3600) + ":" + two(of_day / 60 % 60) + ":" +
                     two(of_day % 60);
  if (fraction != 0) {
    std::string decimals = padded(static_cast<std::uint64_t>(fraction), 9);
    while (decimals.ends_with('0')) decimals.pop_back();
    text += "." + decimals;
  }
  return text + "Z";
}

}  // namespace hubproof::tools
