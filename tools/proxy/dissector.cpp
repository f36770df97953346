#include "tools/proxy/dissector.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "model/http/packet.hpp"
#include "model/mqtt/codec.hpp"

namespace hubproof::tools {
namespace {

using model::View;

constexpr std::array<std::string_view, 16> mqtt_names = {
    "",       "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",     "PUBCOMP",
    "SUBSCRIBE", "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", ""};
constexpr std::array<std::string_view, 9> performatives = {"open",        "begin",  "attach", "flow", "transfer",
                                                           "disposition", "detach", "end",    "close"};
constexpr std::array<std::string_view, 5> sasl_names = {"sasl-mechanisms", "sasl-init", "sasl-challenge",
                                                        "sasl-response", "sasl-outcome"};
constexpr std::array<std::string_view, 3> amqp_others = {"header", "empty", "frame"};
constexpr std::array<std::string_view, 9> http_methods = {"GET",    "POST",    "PUT",     "PATCH", "DELETE",
                                                          "HEAD",   "OPTIONS", "CONNECT", "TRACE"};
constexpr std::array<std::string_view, 4> general = {"*", "bytes", "request", "response"};

constexpr std::size_t largest_header = 64u << 10;  // of an HTTP message, and of a line around a chunk

bool is_status(std::string_view name) {
  return name.size() == 3 && name[0] >= '1' && name[0] <= '5' &&
         std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  // A chunk's size may have an extension behind it.
  if (base == 10 && end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::vector<std::string_view> packet_names() {
  std::vector<std::string_view> names;
  const auto add = [&](auto& some) {
    for (const std::string_view name : some)
      if (!name.empty()) names.push_back(name);
  };
  add(general);
  add(mqtt_names);
  add(performatives);
  add(sasl_names);
  add(amqp_others);
  add(http_methods);
  return names;
}

bool is_packet_name(std::string_view name) {
  const auto names = packet_names();
  return is_status(name) || std::ranges::find(names, name) != names.end();
}

void Dissector::take(From from, View bytes, std::vector<Piece>& pieces) {
  Way& way = this->way(from);
  model::Bytes all = std::move(way.held);
  all.insert(all.end(), bytes.begin(), bytes.end());
  View rest = all;
  const auto put = [&](Piece piece, std::size_t size) {
    piece.bytes.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
    rest = rest.subspan(size);
    pieces.push_back(std::move(piece));
  };
  while (!rest.empty()) {
    if (!way.opaque && !upgraded_ && way.inside) {
      bool ends = false;
      std::size_t size = rest.size();
      if (way.body == Way::Body::sized) {
        size = static_cast<std::size_t>(std::min<std::uint64_t>(size, way.remaining));
        way.remaining -= size;
        ends = way.remaining == 0;
      } else if (way.body == Way::Body::chunked) {
        size = chunked_part(way, rest, ends);
        way.opaque = size == 0 && rest.size() > largest_header;
      }
      if (size == 0 && !way.opaque) break;
      if (way.opaque) continue;
      way.inside = !ends;
      Piece piece;
      piece.begins = false;
      piece.ends = ends;
      put(std::move(piece), size);
      continue;
    }
    Head next;
    if (!way.opaque && !upgraded_) next = head(from, rest);
    way.opaque = way.opaque || upgraded_ || next.is == Head::Is::unknown;
    if (way.opaque) {
      Piece piece;
      piece.name = "bytes";
      put(std::move(piece), rest.size());
      continue;
    }
    if (next.is == Head::Is::incomplete) break;
    const bool sized = next.body == Way::Body::sized;
    // What is decided for a packet must not hang on how its bytes came: of a large one, that is its head.
    const bool large = sized && next.total > most_held;
    const bool whole = sized && !large && next.total <= rest.size();
    if (sized && !whole && !large && !next.at_once) break;
    if (protocol_ == WireProtocol::http) follow(from, next.piece);
    if (named_) next.piece.client.clear();
    named_ = named_ || !next.piece.client.empty();
    way.inside = !whole;
    way.body = next.body;
    way.chunk = Way::Chunk::size;
    const std::size_t size = whole ? static_cast<std::size_t>(next.total) : next.header;
    way.remaining = next.total - size;
    next.piece.ends = whole;
    put(std::move(next.piece), size);
  }
  way.held.assign(rest.begin(), rest.end());
}

void Dissector::finish(From from, std::vector<Piece>& pieces) {
  Way& way = this->way(from);
  if (way.held.empty()) return;
  way.opaque = true;
  take(from, {}, pieces);
}

void Dissector::follow(From from, const Piece& message) {
  if (from == From::client) {
    if (asked_.size() < 1000) asked_.push_back(message.name);
    return;
  }
  upgraded_ = message.name == "101";
  const bool interim = message.name[0] == '1' && !upgraded_;
  if (!interim && !asked_.empty()) asked_.pop_front();
}

Dissector::Head Dissector::head(From from, View held) {
  switch (protocol_) {
    case WireProtocol::mqtt: return mqtt_head(from, held);
    case WireProtocol::amqp: return amqp_head(held);
    case WireProtocol::http: return http_head(from, held);
    case WireProtocol::bytes: break;
  }
  return unknown();
}

Dissector::Head Dissector::unknown() {
  Head head;
  head.is = Head::Is::unknown;
  return head;
}

Dissector::Head Dissector::mqtt_head(From from, View held) {
  Head found;
  found.piece.name = mqtt_names[held[0] >> 4];
  if (found.piece.name.empty()) return unknown();
  std::uint32_t remaining = 0;
  std::size_t header = 1;
  for (unsigned shift = 0;; shift += 7) {
    if (header == held.size()) return found;
    const std::uint8_t byte = held[header++];
    remaining |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
    if (shift == 21) return unknown();
  }
  found.total = header + remaining;
  const bool large = found.total > most_held;
  if (!large && found.total > held.size()) return found;
  const View body = held.subspan(header, std::min<std::size_t>(remaining, held.size() - header));
  model::Reader reader{body};
  const int type = held[0] >> 4;
  if (type == 3) {
    found.piece.topic = reader.string16();
    if ((held[0] & 6) != 0) found.piece.id = reader.u16();
    if (!reader.ok()) found.piece.topic.clear();
  } else if (type >= 4 && type <= 11) {
    found.piece.id = reader.u16();
  } else if (type == 1 && from == From::client) {
    reader.string16();
    reader.u8(), reader.u8(), reader.u16();
    const std::string_view id = reader.string16();
    if (reader.ok()) found.piece.client = id;
  }
  if (!reader.ok()) {
    if (large && body.size() < remaining) return found;
    found.piece.id = 0;
  }
  found.header = header + (body.size() - reader.left());
  found.is = Head::Is::known;
  return found;
}

Dissector::Head Dissector::amqp_head(View held) {
  Head found;
  if (held.size() < 8) return found;
  if (model::text(held.first(4)) == "AMQP") {
    found.is = Head::Is::known;
    found.header = found.total = 8;
    found.piece.name = "header";
    return found;
  }
  const std::uint64_t size = model::load_big<4>(held.data());
  const std::size_t begin = std::size_t{held[4]} * 4;
  if (size < 8 || begin < 8 || begin > size || held[5] > 1) return unknown();
  found.header = 8;
  found.total = size;
  if (size == begin) {
    if (held.size() < size) return found;
    found.is = Head::Is::known;
    found.piece.name = "empty";
    return found;
  }
  // A large frame is known by the first bytes of its body.
  constexpr std::size_t descriptor = 10;
  if (held.size() < (size > most_held ? begin + descriptor : size)) return found;
  if (size > most_held) found.header = begin + descriptor;
  found.is = Head::Is::known;
  found.piece.name = "frame";
  // A described type: 0x00, then the descriptor as smallulong or ulong. What stands behind the frame is another's.
  const View body = held.first(static_cast<std::size_t>(std::min<std::uint64_t>(size, held.size()))).subspan(begin);
  std::uint64_t code = 0;
  if (body.size() >= 3 && body[0] == 0 && body[1] == 0x53) code = body[2];
  else if (body.size() >= 10 && body[0] == 0 && body[1] == 0x80) code = model::load_big<8>(body.data() + 2);
  if (held[5] == 0 && code >= 0x10 && code < 0x10 + performatives.size()) found.piece.name = performatives[code - 0x10];
  if (held[5] == 1 && code >= 0x40 && code < 0x40 + sasl_names.size()) found.piece.name = sasl_names[code - 0x40];
  return found;
}

Dissector::Head Dissector::http_head(From from, View bytes) {
  const std::string_view held = model::text(bytes);
  Head found;
  const std::size_t end = held.find("\r\n\r\n");
  if (end == std::string_view::npos)
    return held.size() > largest_header ? unknown() : found;
  found.header = found.total = end + 4;
  found.is = Head::Is::known;
  std::string_view text = held.substr(0, end + 2);
  while (from == From::client && text.starts_with("\r\n")) text.remove_prefix(2);  // RFC 7230, section 3.5
  const std::string_view first = take_line(text);
  const std::size_t gap = first.find(' ');
  if (gap == std::string_view::npos) return unknown();
  bool bodiless = false;
  if (from == From::client) {
    const std::string_view method = first.substr(0, gap);
    if (first.find(" HTTP/1.") == std::string_view::npos) return unknown();
    found.piece.name = method;
    found.piece.kind = "request";
    constexpr std::string_view devices = "/devices/";
    const std::string_view target = first.substr(gap + 1);
    if (const std::size_t at = target.find(devices); at != std::string_view::npos) {
      const std::string_view id = target.substr(at + devices.size());
      if (const std::size_t stop = id.find_first_of("/? "); stop > 0) found.piece.client = id.substr(0, stop);
    }
  } else {
    const std::string_view status = first.substr(gap + 1, 3);
    if (!first.starts_with("HTTP/1.") || !is_status(status)) return unknown();
    found.piece.name = status;
    found.piece.kind = "response";
    bodiless = status[0] == '1' || status == "204" || status == "304" ||
               (!asked_.empty() && asked_.front() == "HEAD");
  }
  std::optional<std::uint64_t> length;
  bool chunked = false;
  bool waits = false;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (model::http::same(name, "content-length")) {
      length = number(value, 10);
      if (!length || *length > (std::uint64_t{1} << 62)) return unknown();
    }
    if (model::http::same(name, "transfer-encoding") && model::http::same(value, "chunked")) chunked = true;
    if (model::http::same(name, "expect")) waits = true;
  }
  if (bodiless) return found;
  if (chunked) {
    found.body = Way::Body::chunked;
  } else if (length) {
    found.total += *length;
    found.at_once = waits;
  } else if (from == From::server) {
    found.body = Way::Body::endless;
  }
  return found;
}

// Of what is held, bytes up to the next border within a chunked body. 0: a line is not whole yet.
std::size_t Dissector::chunked_part(Way& way, View bytes, bool& ends) {
  const std::string_view held = model::text(bytes);
  std::size_t at = 0;
  for (;;) {
    if (way.chunk == Way::Chunk::data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(way.chunk_left, held.size() - at));
      at += size;
      way.chunk_left -= size;
      if (way.chunk_left > 0) return at;
      way.chunk = Way::Chunk::data_end;
    }
    const std::size_t end = held.find("\r\n", at);
    if (end == std::string_view::npos) return at;
    const std::string_view line = held.substr(at, end - at);
    at = end + 2;
    if (way.chunk == Way::Chunk::data_end) {
      way.chunk = Way::Chunk::size;
    } else if (way.chunk == Way::Chunk::size) {
      const auto size = number(line, 16);
      way.chunk_left = size.value_or(0);
      way.chunk = way.chunk_left > 0 ? Way::Chunk::data : Way::Chunk::trailer;
    } else if (line.empty()) {
      ends = true;
      return at;
    }
  }
}

}  // namespace hubproof::tools
