#include "model/mqtt/bag.hpp"

#include <array>

#include "model/utf8.hpp"

namespace hubproof::model::mqtt {
namespace {

struct Name {
  std::string_view text;  // behind "$."
  System key;
};
constexpr std::array<Name, 16> names{{{"mid", System::message_id},
                                      {"cid", System::correlation_id},
                                      {"uid", System::user_id},
                                      {"to", System::to},
                                      {"exp", System::expiry},
                                      {"ct", System::content_type},
                                      {"ce", System::content_encoding},
                                      {"ctime", System::creation_time},
                                      {"on", System::output_name},
                                      {"schema", System::schema},
                                      {"ifid", System::interface_id},
                                      {"sub", System::component},
                                      {"cdid", System::connection_device_id},
                                      {"cmid", System::connection_module_id},
                                      {"diagid", System::diagnostic_id},
                                      {"diagctx", System::diagnostic_context}}};
constexpr std::string_view ack_name = "iothub-ack";
constexpr std::array<std::string_view, 4> acks{"none", "positive", "negative", "full"};

// ---- Percent-encoding.

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `text` itself when nothing in it is encoded, else a view of `scratch`.
std::optional<std::string_view> decoded(std::string_view text, std::string& scratch) {
  if (text.find('%') != std::string_view::npos) {
    scratch.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
      char c = text[i];
      if (c == '%') {
        if (text.size() - i < 3) return std::nullopt;
        const int high = digit(text[i + 1]);
        const int low = digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        c = static_cast<char>(high << 4 | low);
        i += 2;
      }
      scratch += c;
    }
    text = scratch;
  }
  if (utf8(text) == Utf8::broken) return std::nullopt;
  return text;
}

// What stays as it is: RFC 2396's unreserved characters, as the vendor's SDKs have it.
constexpr std::array<bool, 256> plain = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-_.!~*'()"})
    table[static_cast<std::uint8_t>(c)] = true;
  return table;
}();

void encode(Bytes& out, std::string_view text) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    if (plain[c]) continue;
    const View before = view(text.substr(from, i - from));
    out.insert(out.end(), before.begin(), before.end());
    constexpr char digits[] = "0123456789ABCDEF";
    out.push_back('%');
    out.push_back(static_cast<std::uint8_t>(digits[c >> 4]));
    out.push_back(static_cast<std::uint8_t>(digits[c & 15]));
    from = i + 1;
  }
  const View last = view(text.substr(from));
  out.insert(out.end(), last.begin(), last.end());
}

// ---- Dates: 2026-11-23T10:19:03.722Z, to and from milliseconds since 1970.

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

void write_date(Bytes& out, std::int64_t at) {
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
    char text[4];
    for (int i = width - 1; i >= 0; --i, value /= 10) text[i] = static_cast<char>('0' + value % 10);
    out.insert(out.end(), text, text + width);
  };
  number(year, 4);
  out.push_back('-');
  number(month, 2);
  out.push_back('-');
  number(in_year - (153 * march_month + 2) / 5 + 1, 2);
  out.push_back('T');
  number(rest / 3'600'000, 2);
  encode(out, ":");
  number(rest / 60'000 % 60, 2);
  encode(out, ":");
  number(rest / 1'000 % 60, 2);
  out.push_back('.');
  number(rest % 1'000, 3);
  out.push_back('Z');
}

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

// A fraction of any length is cut to milliseconds (the .NET SDK sends seven digits); the zone is Z
// or an offset, and there must be one.
std::optional<std::int64_t> read_date(std::string_view text) {
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

// ---- One property.

bool read_system(System key, std::string_view value, MessageWriter& out) {
  if (key != System::expiry) {
    out.system(key, value);
    return true;
  }
  const auto at = read_date(value);
  if (!at) return false;
  out.expiry_milliseconds(*at);
  return true;
}

bool read_ack(std::string_view value, MessageWriter& out) {
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (acks[i] != value) continue;
    out.ack(static_cast<Ack>(i));
    return true;
  }
  return false;
}

bool read_pair(std::string_view pair, std::string& name_scratch, std::string& value_scratch,
               MessageWriter& out) {
  const std::size_t equals = pair.find('=');
  const auto name = decoded(pair.substr(0, equals), name_scratch);
  if (!name || name->empty()) return false;
  const bool has_value = equals != std::string_view::npos;
  const auto value =
      has_value ? decoded(pair.substr(equals + 1), value_scratch) : std::string_view{};
  if (!value) return false;
  if (name->starts_with("$."))
    for (const Name& known : names)
      if (name->substr(2) == known.text) return has_value && read_system(known.key, *value, out);
  if (*name == ack_name) return has_value && read_ack(*value, out);
  if (has_value)
    out.property(*name, *value);
  else
    out.null_property(*name);
  return true;
}

}  // namespace

bool read_bag(std::string_view bag, MessageWriter& out) {
  std::string name_scratch;
  std::string value_scratch;
  while (!bag.empty()) {
    const std::size_t end = bag.find('&');
    const std::string_view pair = bag.substr(0, end);
    bag.remove_prefix(end == std::string_view::npos ? bag.size() : end + 1);
    // Nothing between two '&' says nothing.
    if (!pair.empty() && !read_pair(pair, name_scratch, value_scratch, out)) return false;
  }
  return true;
}

void write_bag(Bytes& out, const MessageView& message) {
  const std::size_t from = out.size();
  const auto begin = [&] {
    if (out.size() > from) out.push_back('&');
  };
  const auto raw = [&](std::string_view text) { out.insert(out.end(), text.begin(), text.end()); };
  message.each(
      [&](System key, std::string_view value) {
        begin();
        if (key == System::ack) {
          raw(ack_name);
          raw("=");
          raw(acks[static_cast<std::uint8_t>(message.ack())]);
          return;
        }
        raw("%24.");
        for (const Name& known : names)
          if (known.key == key) raw(known.text);
        raw("=");
        if (key == System::expiry)
          write_date(out, Reader{view(value)}.i64());
        else
          encode(out, value);
      },
      [&](std::string_view name, std::optional<std::string_view> value) {
        begin();
        encode(out, name);
        if (!value) return;
        raw("=");
        encode(out, *value);
      });
}

}  // namespace hubproof::model::mqtt
