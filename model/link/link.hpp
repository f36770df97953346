// The interim link: requests and responses as frames on a connection, until AMQP and HTTPS open
// their doors. Each frame: length u32 (of what follows), correlation u32, kind u8, fields.
// A connection's first 4 bytes are "HPL1", so that one port tells it from MQTT.
#pragma once

#include <optional>
#include <variant>

#include "model/operations.hpp"

namespace hubproof::model::link {

inline constexpr std::string_view preamble = "HPL1";

struct RequestFrame { std::uint32_t correlation = 0; Request request; };
struct ResponseFrame { std::uint32_t correlation = 0; Response response; };

void write_request(Bytes& out, std::uint32_t correlation, const Request& request);
void write_response(Bytes& out, std::uint32_t correlation, const Response& response);

// Takes a stream in any split. next_*() gives each whole frame once; broken() stays true after a
// frame that cannot be read (too long, unknown kind, fields that do not fit).
class Decoder {
 public:
  void feed(View bytes);
  std::optional<RequestFrame> next_request();
  std::optional<ResponseFrame> next_response();
  bool broken() const { return broken_; }

 private:
  std::optional<View> frame();
  Bytes buffer_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

inline constexpr std::uint32_t max_frame = 4u << 20;

}  // namespace hubproof::model::link
