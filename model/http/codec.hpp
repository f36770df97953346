// HTTP/1.1 between bytes and structs, on Boost.Beast's parser. A decoder takes a stream in any
// split and gives whole messages, one after the other; what is no HTTP, or larger than allowed, is
// refused with the status that says so, and nothing after it is read.
#pragma once

#include <cstdint>
#include <memory>

#include "model/http/packet.hpp"

namespace hubproof::model::http {

struct Limits {
  std::uint32_t header = 64u << 10;  // bytes of start line and fields; of the lines around a chunk
  std::uint32_t body = 1u << 20;     // bytes, without the framing of chunks
};

struct Refused {
  unsigned status = 400;  // what a server answers before it closes: 400, 413, 417, 431, 501 or 505
  const char* what = "";  // e.g. "a field that is no field"
};

// What requests and responses share.
template <class Message>
class Decoder {
 public:
  explicit Decoder(Limits limits = {});
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  void feed(View bytes);  // copies them
  // The next whole message; null when more bytes are needed or after a refusal. Its views live
  // until the next call of next().
  const Message* next();
  const std::optional<Refused>& refused() const;
  // Requests: true once for each whose sender waits for "100 Continue" before it sends the body.
  // Ask when next() gave null.
  bool wants_continue();
  // Responses: the stream has ended. True: that was the end of a response without a length, which
  // next() gives now.
  bool finish();
  View rest() const;  // what was fed and not read: what follows an upgrade is no HTTP
  bool idle() const;  // between two messages

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

using RequestDecoder = Decoder<Request>;
using ResponseDecoder = Decoder<Response>;

// Append one message. Names and values must be legal. What frames the message is added:
// Content-Length, and Connection where it is not kept alive.
void write(Bytes& out, const Request& request);
// `to_head`: the answer to a HEAD, which has all but the body.
void write(Bytes& out, const Response& response, bool to_head = false);

inline constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

// Can it travel as a field, and arrive as it left? Names are tokens; values have no control
// characters, and no white space at either end.
bool legal_name(std::string_view name);
bool legal_value(std::string_view value);

}  // namespace hubproof::model::http
