#include "model/iso_date.hpp"

#include <algorithm>
#include <limits>

namespace hubproof::model {
namespace {

constexpr std::int64_t day = 86'400'000;

// Days since 1970 of a date of the proleptic Gregorian calendar; years count from March, so that
// the leap day is the last of its year.
std::int64_t days_of(std::int64_t year, std::int64_t month, std::int64_t day_of_month) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = year / 400;  // the year is not negative here
  const std::int64_t in_era = year - era * 400;
  const std::int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day_of_month - 1;
  return era * 146'097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719'468;
}

}  // namespace

std::uint8_t* put_iso_date(std::uint8_t* to, std::int64_t at, std::string_view colon) {
  std::int64_t days = at / day;
  std::int64_t rest = at % day;
  if (rest < 0) {
    rest += day;
    --days;
  }
  const std::int64_t shifted = days + 719'468;
  const std::int64_t era = shifted / 146'097;  // not negative from the year 1 on
  const std::int64_t in_era = shifted - era * 146'097;
  const std::int64_t year_of_era =
      (in_era - in_era / 1'460 + in_era / 36'524 - in_era / 146'096) / 365;
  const std::int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t march_month = (5 * in_year + 2) / 153;
  const std::int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  const std::int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);

  const auto number = [&](std::int64_t value, int width) {
    for (int i = width - 1; i >= 0; --i, value /= 10)
      to[i] = static_cast<std::uint8_t>('0' + value % 10);
    to += width;
  };
  number(year, 4);
  *to++ = '-';
  number(month, 2);
  *to++ = '-';
  number(in_year - (153 * march_month + 2) / 5 + 1, 2);
  *to++ = 'T';
  number(rest / 3'600'000, 2);
  to = std::copy(colon.begin(), colon.end(), to);
  number(rest / 60'000 % 60, 2);
  to = std::copy(colon.begin(), colon.end(), to);
  number(rest / 1'000 % 60, 2);
  *to++ = '.';
  number(rest % 1'000, 3);
  *to++ = 'Z';
  return to;
}

namespace {

class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_{text} {}

  std::int64_t number(std::size_t width) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') {
        ok_ = false;
        return 0;
      }
      value = value * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }
  bool next_is(char c) const { return !rest_.empty() && rest_[0] == c; }
  bool next_is_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
  void take(char c) {
    if (next_is(c))
      rest_.remove_prefix(1);
    else
      ok_ = false;
  }
  bool ended() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::int64_t days_in(std::int64_t year, std::int64_t month) {
  return month == 12 ? 31 : days_of(year, month + 1, 1) - days_of(year, month, 1);
}

}  // namespace

std::optional<std::int64_t> read_iso_date(std::string_view text) {
  DateReader in{text};
  const std::int64_t year = in.number(4);
  in.take('-');
  const std::int64_t month = in.number(2);
  in.take('-');
  const std::int64_t day_of_month = in.number(2);
  in.take('T');
  const std::int64_t hour = in.number(2);
  in.take(':');
  const std::int64_t minute = in.number(2);
  in.take(':');
  const std::int64_t second = in.number(2);
  std::int64_t millisecond = 0;
  if (in.next_is('.')) {
    in.take('.');
    std::int64_t weight = 100;
    do {
      millisecond += in.number(1) * weight;
      weight /= 10;
    } while (in.next_is_digit());
  }
  std::int64_t zone = 0;
  if (in.next_is('+') || in.next_is('-')) {
    const std::int64_t sign = in.next_is('+') ? 1 : -1;
    in.take(in.next_is('+') ? '+' : '-');
    const std::int64_t zone_hour = in.number(2);
    in.take(':');
    const std::int64_t zone_minute = in.number(2);
    if (zone_hour > 14 || zone_minute > 59) return std::nullopt;
    zone = sign * (zone_hour * 60 + zone_minute);
  } else {
    in.take('Z');
  }
  if (!in.ended() || year < 1 || month < 1 || month > 12 || day_of_month < 1 ||
      day_of_month > days_in(year, month) || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  const std::int64_t at = days_of(year, month, day_of_month) * day +
                          ((hour * 60 + minute - zone) * 60 + second) * 1'000 + millisecond;
  if (at < days_of(1, 1, 1) * day || at >= days_of(10'000, 1, 1) * day) return std::nullopt;
  return at;
}

std::int64_t nanoseconds_of(std::int64_t milliseconds) {
  constexpr std::int64_t each = 1'000'000;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / each;
  return std::clamp(milliseconds, -most, most) * each;
}

}  // namespace hubproof::model
