#include "model/amqp/address.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace hubproof::model::amqp {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool same(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
                        digit(text[i + 2]) >= 0;
    if (!escape) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

// Without scheme and host, if it has a scheme.
std::string_view path(std::string_view text) {
  if (const std::size_t scheme = text.find("://"); scheme != text.npos) {
    text.remove_prefix(scheme + 3);
    text.remove_prefix(std::min(text.find('/'), text.size()));
  }
  return trimmed(text);
}

std::vector<std::string_view> segments(std::string_view text) {
  std::vector<std::string_view> parts;
  while (parts.size() < 16) {
    const std::size_t slash = text.find('/');
    parts.push_back(text.substr(0, slash));
    if (slash == text.npos) break;
    text.remove_prefix(slash + 1);
  }
  return parts;
}

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Address read_address(std::string_view text) {
  using Kind = Address::Kind;
  const std::string_view raw = path(text);
  Address address;
  address.resource = decoded(raw);
  const auto parts = segments(raw);  // an id may hold an encoded slash no more than any other name
  const auto is = [&](std::size_t at, std::string_view word) {
    return at < parts.size() && same(parts[at], word);
  };
  const std::size_t count = parts.size();
  if (count == 1 && is(0, "$cbs")) address.kind = Kind::cbs;
  if (count == 4 && is(0, "devices") && is(2, "messages")) {
    address.device = decoded(parts[1]);
    if (is(3, "events")) address.kind = Kind::telemetry;
    if (is(3, "devicebound")) address.kind = Kind::commands;
  } else if (count == 2 && is(0, "messages") && is(1, "devicebound")) {
    address.kind = Kind::device_bound;
  } else if (count == 3 && is(0, "messages") && is(1, "servicebound") && is(2, "feedback")) {
    address.kind = Kind::feedback;
  } else if (is(0, "messages") && is(1, "events") &&
             (count == 2 || (count == 3 && is(2, "$management")))) {
    address.kind = Kind::events_elsewhere;
  } else if (count <= 2 && is(count - 1, "$management")) {
    address.kind = Kind::management;
  } else if ((count == 5 || (count == 6 && is(0, "messages") && is(1, "events"))) &&  // [D2C-37]
             is(count - 4, "consumergroups") && is(count - 2, "partitions")) {
    // The entity is where the path begins, which is what a token's scope is compared with.
    address.entity = decoded(parts[count - 5]);
    address.group = decoded(parts[count - 3]);
    if (read_number(parts[count - 1], address.partition)) address.kind = Kind::events;
  }
  return address;
}

std::string audience_path(std::string_view audience) {
  const std::string text = decoded(audience);
  std::string_view rest = text;
  if (const std::size_t scheme = rest.find("://"); scheme != rest.npos)
    rest.remove_prefix(scheme + 3);
  rest.remove_prefix(std::min(rest.find('/'), rest.size()));
  return std::string{trimmed(rest)};
}

std::optional<std::string> device_of(std::string_view to) {
  const Address address = read_address(to);
  if (address.kind != Address::Kind::commands || address.device.empty()) return std::nullopt;
  return address.device;
}

std::optional<Start> read_selector(std::string_view text) {
  const auto skip = [&] {
    while (text.starts_with(' ')) text.remove_prefix(1);
  };
  const auto take = [&](std::string_view word) {
    skip();
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
  };
  Start start;
  if (!take("amqp.annotation.x-opt-")) return std::nullopt;
  if (take("offset")) start.by = Start::By::offset;
  else if (take("sequence-number")) start.by = Start::By::sequence;
  else if (take("enqueued-time")) start.by = Start::By::enqueued;
  else return std::nullopt;
  if (take(">=")) start.inclusive = true;
  else if (!take(">")) return std::nullopt;
  const bool quoted = take("'");
  const std::size_t end = quoted ? text.find('\'') : text.find(' ');
  if (quoted && end == text.npos) return std::nullopt;
  const std::string_view value = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), quoted ? end + 1 : end));
  skip();
  if (!text.empty()) return std::nullopt;
  start.latest = value == "@latest";
  if (!start.latest && !read_number(value, start.value)) return std::nullopt;
  return start;
}

}  // namespace hubproof::model::amqp
