#include "model/server/amqp_feedback.hpp"

#include <array>
#include <chrono>
#include <utility>

namespace hubproof::model {
namespace {

constexpr std::array<std::string_view, 5> statuses{"Success", "Expired", "DeliveryCountExceeded",
                                                   "Rejected", "Purged"};  // [FBK-09]

void put_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      constexpr std::string_view digits = "0123456789abcdef";
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void put_number(std::string& out, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

// "2026-11-23T09:19:21.9320000Z": seven digits of a second, as the documentation shows them.
std::string date_text(std::int64_t since_1970) {
  using namespace std::chrono;
  const nanoseconds at{since_1970};
  const sys_days day{floor<days>(at)};
  const year_month_day date{day};
  const hh_mm_ss time{at - day.time_since_epoch()};
  std::string text;
  put_number(text, int{date.year()}, 4);
  text += '-';
  put_number(text, unsigned{date.month()}, 2);
  text += '-';
  put_number(text, unsigned{date.day()}, 2);
  text += 'T';
  put_number(text, time.hours().count(), 2);
  text += ':';
  put_number(text, time.minutes().count(), 2);
  text += ':';
  put_number(text, time.seconds().count(), 2);
  text += '.';
  put_number(text, time.subseconds().count() / 100, 7);
  text += 'Z';
  return text;
}

}  // namespace

std::string feedback_json(const Feedback& batch, bool pascal_case) {
  std::string out = "[";
  for (const FeedbackRecord& record : batch.records) {
    if (out.size() > 1) out += ',';
    out += '{';
    bool first = true;
    const auto name = [&](std::string_view camel) {
      if (!std::exchange(first, false)) out += ',';
      std::string spelt{camel};
      if (pascal_case) spelt[0] = static_cast<char>(spelt[0] - 'a' + 'A');
      put_text(out, spelt);
      out += ':';
    };
    const auto status = statuses[static_cast<std::size_t>(record.status)];
    name("originalMessageId");
    put_text(out, record.original_message_id);
    name("description");
    put_text(out, status);
    name("deviceGenerationId");
    put_text(out, std::to_string(record.generation));
    name("deviceId");
    put_text(out, record.device);
    name("enqueuedTimeUtc");
    put_text(out, date_text(record.date));
    name("statusCode");
    if (pascal_case) out += std::to_string(static_cast<unsigned>(record.status));
    else put_text(out, status);
    out += '}';
  }
  return out + "]";
}

}  // namespace hubproof::model
