// The hub's half of AMQP's SASL exchange: it comes before the connection proper, on the same
// stream, when the peer's first bytes ask for it. ANONYMOUS, as Event Hubs clients and $cbs users
// send it, PLAIN [AMQP-03], and MSSBCBS, the name under which some send ANONYMOUS.
//
// Proton's own half would ask Cyrus's library, which reads files and the environment.
#pragma once

#include <optional>
#include <string>

#include "model/bytes.hpp"

namespace hubproof::model::amqp {

// What a connection begins with: eight bytes.
enum class Protocol : std::uint8_t { amqp, sasl, other };
inline constexpr std::size_t protocol_header = 8;
Protocol protocol(View eight);

class SaslServer {
 public:
  struct Login {
    std::string mechanism;
    std::string user;      // PLAIN
    std::string password;
  };

  void begin(Bytes& out);  // appends header and mechanisms
  // Takes the bytes that follow the peer's header; `bytes` loses what belongs to the exchange.
  void received(View& bytes);

  bool broken() const { return broken_; }
  // Who the peer says it is. It waits for answer().
  const std::optional<Login>& login() const { return login_; }
  void answer(bool welcome, Bytes& out);

 private:
  Bytes begun_;
  std::optional<Login> login_;
  bool broken_ = false;
};

// The client's half, for a peer that lets everybody in: what it sends, in one piece, and how long the
// server's answer is, once it is all there; nothing while it is not.
void write_sasl_anonymous(Bytes& out);
struct SaslAnswer {
  std::size_t size = 0;
  bool welcome = false;
};
std::optional<SaslAnswer> read_sasl_answer(View bytes);

}  // namespace hubproof::model::amqp
