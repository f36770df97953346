// TLS 1.2 and 1.3 by OpenSSL as a machine of bytes: what the network brought in, plain bytes out, and the
// other way round. It opens no socket and knows no time: AsioPort has both.
//
// Asio's own ssl::stream would keep two buffers of 17 KiB and a pair of BIOs of the same size for each
// connection, whether it says anything or not; here only what has to wait is kept.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model/bytes.hpp"
#include "model/identity.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace hubproof::tools {

// What all connections of one kind share. Must outlive them.
class TlsContext {
 public:
  // A server with its certificate (and those between it and its authority) and key, as PEM. Clients are
  // asked for a certificate and need none; `authorities`, as PEM, are those that a client's may end at.
  static std::unique_ptr<TlsContext> server(const std::string& chain, const std::string& key,
                                            const std::string& authorities, std::string& problem);
  // A client that trusts these authorities, and shows a certificate if it has one.
  static std::unique_ptr<TlsContext> client(const std::string& authorities, const std::string& chain,
                                            const std::string& key, std::string& problem);
  ssl_ctx_st* get() const { return context_.get(); }
  bool is_server() const { return is_server_; }

 private:
  TlsContext(ssl_ctx_st* context, bool is_server);
  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
  bool is_server_;
};

class Tls {
 public:
  enum class State : std::uint8_t {
    greeting,  // the handshake is not over
    open,
    ended,     // the peer said that it will send no more
    failed     // see problem(); an alert may have to leave
  };

  // `server_name`: of a client's peer, which its certificate must name.
  explicit Tls(const TlsContext& context, const std::string& server_name = {});
  ~Tls();

  void start();                                     // a client's first words
  void received(model::View bytes, model::Bytes& plain);  // appends what they say
  void send(model::View plain);                     // once it is open
  void close();                                     // says that no more will be sent

  // What is to go to the network, in order; whoever sends it takes it out.
  model::Bytes& outgoing() { return wire_.out; }

  State state() const { return state_; }
  const std::string& problem() const { return problem_; }
  std::optional<model::ClientCertificate> certificate() const;  // that the peer showed

 private:
  friend struct WireCalls;
  struct Wire {
    model::View in;
    model::Bytes out;
  };
  void greet();
  void fail(const char* what, int result);

  Wire wire_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  State state_ = State::greeting;
  std::string problem_;
};

}  // namespace hubproof::tools
