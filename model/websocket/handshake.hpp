// The opening handshake of a WebSocket, RFC 6455 chapter 4: which requests become a stream and of what,
// and what a client asks and expects. The HTTP around it is read by whoever has the connection; only the
// client's end reads its one answer here.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "model/bytes.hpp"

namespace hubproof::model::websocket {

enum class Carries : std::uint8_t { mqtt, amqp };

inline constexpr std::string_view device_path = "/$iothub/websocket";
inline constexpr std::string_view events_path = "/$servicebus/websocket";
std::string_view subprotocol(Carries what);  // "mqtt", "AMQPWSB10": in exactly this case

// The server's end.

// Does the target of a request, its query aside, name a WebSocket? `$` may be written %24.
bool is_path(std::string_view target);

// What a request says of an upgrade. Values of a header that came more than once are joined by ", ".
struct Upgrade {
  std::string_view method;
  std::string_view target;
  bool http_1_1 = true;  // or a later HTTP/1
  std::string_view upgrade;
  std::string_view connection;
  std::string_view version;    // Sec-WebSocket-Version
  std::string_view key;        // Sec-WebSocket-Key
  std::string_view protocols;  // Sec-WebSocket-Protocol, the offers in order
};
struct Accepted {
  Carries carries = Carries::mqtt;
};
struct Refusal {
  std::uint16_t status = 400;
  std::string_view what;          // a sentence for people
  std::string_view header = {};   // one that the answer must have; empty: none
  std::string_view value = {};
};
std::variant<Accepted, Refusal> judge(const Upgrade& request);

// 101 Switching Protocols, whole. Extensions are declined by silence.
void write_acceptance(Bytes& out, std::string_view key, Carries carries);

std::string accept_key(std::string_view key);  // [RFC 6455, 4.2.2]

// The client's end.

using Nonce = std::array<std::uint8_t, 16>;
std::string key_of(const Nonce& nonce);
void write_request(Bytes& out, std::string_view host, std::string_view path, std::string_view key,
                   Carries wanted);

inline constexpr std::size_t longest_answer = 16'384;  // bytes of the answer's head

struct Answer {
  bool upgraded = false;
  std::string why;       // not, if not
  std::size_t size = 0;  // bytes of its head; what follows is the stream
};
// Nothing while the answer is not whole.
std::optional<Answer> read_answer(View bytes, std::string_view key, Carries wanted);

}  // namespace hubproof::model::websocket
