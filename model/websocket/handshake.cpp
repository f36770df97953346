#include "model/websocket/handshake.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>

namespace hubproof::model::websocket {
namespace {

constexpr std::string_view magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// The next element of a list with commas; takes it from the list.
std::string_view next_element(std::string_view& list) {
  const std::size_t comma = std::min(list.find(','), list.size());
  const std::string_view element = trimmed(list.substr(0, comma));
  list.remove_prefix(std::min(comma + 1, list.size()));
  return element;
}

bool lists(std::string_view list, std::string_view token) {
  while (!list.empty())
    if (same_ignoring_case(next_element(list), token)) return true;
  return false;
}

std::string_view without_query(std::string_view target) { return target.substr(0, target.find('?')); }

bool is(std::string_view target, std::string_view path) {
  target = without_query(target);
  if (target == path) return true;
  return target.starts_with("/%24") && target.substr(4) == path.substr(2);
}

// 16 bytes in base64.
bool is_key(std::string_view key) {
  const auto digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return key.size() == 24 && key.ends_with("==") && std::ranges::all_of(key.substr(0, 22), digit);
}

std::string base64(View bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the zero that OpenSSL puts behind it
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

std::string_view subprotocol(Carries what) { return what == Carries::mqtt ? "mqtt" : "AMQPWSB10"; }

bool is_path(std::string_view target) { return is(target, device_path) || is(target, events_path); }

std::variant<Accepted, Refusal> judge(const Upgrade& request) {
  if (!is_path(request.target))
    return Refusal{404, "WebSockets are at /$iothub/websocket and /$servicebus/websocket"};
  if (request.method != "GET") return Refusal{405, "a WebSocket is opened with GET", "Allow", "GET"};
  if (!request.http_1_1) return Refusal{400, "a WebSocket needs HTTP/1.1"};
  if (!lists(request.upgrade, "websocket") || !lists(request.connection, "upgrade"))
    return Refusal{426, "expected Upgrade: websocket and Connection: Upgrade", "Upgrade", "websocket"};
  if (request.version != "13")
    return Refusal{426, "expected Sec-WebSocket-Version: 13", "Sec-WebSocket-Version", "13"};
  if (!is_key(request.key)) return Refusal{400, "expected a Sec-WebSocket-Key of 16 bytes in base64"};
  std::string_view offers = request.protocols;
  while (!offers.empty()) {
    const std::string_view offer = next_element(offers);
    if (offer == subprotocol(Carries::amqp)) return Accepted{Carries::amqp};
    if (offer == subprotocol(Carries::mqtt) && is(request.target, device_path)) return Accepted{Carries::mqtt};
  }
  return Refusal{400, is(request.target, device_path)
                          ? "expected Sec-WebSocket-Protocol: mqtt or AMQPWSB10"
                          : "expected Sec-WebSocket-Protocol: AMQPWSB10"};
}

void write_acceptance(Bytes& out, std::string_view key, Carries carries) {
  Writer writer{out};
  writer.bytes(view("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
  writer.bytes(view("Sec-WebSocket-Accept: "));
  writer.bytes(view(accept_key(key)));
  writer.bytes(view("\r\nSec-WebSocket-Protocol: "));
  writer.bytes(view(subprotocol(carries)));
  writer.bytes(view("\r\n\r\n"));
}

std::string accept_key(std::string_view key) {
  const std::string text = std::string{key} + std::string{magic};
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64(digest);
}

std::string key_of(const Nonce& nonce) { return base64(nonce); }

void write_request(Bytes& out, std::string_view host, std::string_view path, std::string_view key,
                   Carries wanted) {
  Writer writer{out};
  for (const std::string_view part :
       {std::string_view{"GET "}, path, std::string_view{" HTTP/1.1\r\nHost: "}, host,
        std::string_view{"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: "},
        key, std::string_view{"\r\nSec-WebSocket-Protocol: "}, subprotocol(wanted),
        std::string_view{"\r\n\r\n"}})
    writer.bytes(view(part));
}

std::optional<Answer> read_answer(View bytes, std::string_view key, Carries wanted) {
  const std::string_view all = text(bytes);
  const std::size_t end = all.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > longest_answer) {
    if (all.size() < longest_answer) return {};
    return Answer{false, "the answer's head is longer than 16 KiB", 0};
  }
  Answer answer{false, {}, end + 4};
  const auto refused = [&](std::string why) {
    answer.why = std::move(why);
    return answer;
  };
  std::string_view head = all.substr(0, end + 2);
  const auto line = [&head] {
    const std::size_t at = head.find("\r\n");
    const std::string_view taken = head.substr(0, at);
    head.remove_prefix(at + 2);
    return taken;
  };
  const std::string_view status = line();
  if (!status.starts_with("HTTP/1.1 101") || (status.size() > 12 && status[12] != ' '))
    return refused("expected HTTP/1.1 101, found " + std::string{status.substr(0, 80)});
  bool upgrade = false, connection = false;
  std::optional<std::string_view> accept, chosen;
  while (!head.empty()) {
    const std::string_view field = line();
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos || colon == 0)
      return refused("a line of the answer is no header: " + std::string{field.substr(0, 80)});
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = trimmed(field.substr(colon + 1));
    if (same_ignoring_case(name, "Upgrade")) upgrade = upgrade || lists(value, "websocket");
    if (same_ignoring_case(name, "Connection")) connection = connection || lists(value, "upgrade");
    if (same_ignoring_case(name, "Sec-WebSocket-Accept")) accept = value;
    if (same_ignoring_case(name, "Sec-WebSocket-Protocol")) chosen = value;
    if (same_ignoring_case(name, "Sec-WebSocket-Extensions"))
      return refused("an extension that nobody offered: " + std::string{value.substr(0, 80)});
  }
  if (!upgrade || !connection) return refused("no Upgrade: websocket, or no Connection: Upgrade");
  if (accept != accept_key(key)) return refused("Sec-WebSocket-Accept does not fit the key");
  if (chosen != subprotocol(wanted)) return refused("the subprotocol is not the one that was asked for");
  answer.upgraded = true;
  return answer;
}

}  // namespace hubproof::model::websocket
