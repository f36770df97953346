// What stands between the stream and Proton's engine: it cuts the stream into frames and lets only
// those pass that the engine can take. The engine of 0.37 stops the process (an assertion) on a
// transfer of several frames without a delivery id, decodes nested values by recursion without a
// bound, and trusts handles and channels to be used once; a peer may do all of that.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "model/bytes.hpp"

namespace hubproof::model::amqp {

class Frames {
 public:
  static constexpr std::uint32_t max_frame = 65'536;  // what both ends announce
  static constexpr std::uint16_t channel_max = 255;
  static constexpr std::size_t most_links = 2'048;    // of a connection, begun and not ended

  struct Problem {
    const char* condition;
    std::string description;
  };
  // `answers`: the peer answers our begins; a hub begins no session itself.
  explicit Frames(bool answers) : answers_{answers} {}

  // The next whole frame of `bytes`, which loses what was looked at. It stays good until the next
  // call. Empty: there is none, or a problem.
  View next(View& bytes);
  const std::optional<Problem>& problem() const { return problem_; }

  // The message-format of the last frame that began a delivery; Proton does not tell it.
  std::uint32_t format() const { return format_; }

 private:
  struct Channel {
    std::map<std::uint32_t, bool> handles;  // attached; true: a delivery of several frames is under way
  };

  bool passes(View frame);
  bool fail(const char* condition, std::string description);

  Bytes begun_;
  Bytes whole_;
  std::map<std::uint16_t, Channel> channels_;
  std::size_t links_ = 0;
  std::optional<Problem> problem_;
  std::uint32_t format_ = 0;
  bool answers_ = false;
  bool opened_ = false;
  bool closed_ = false;
};

}  // namespace hubproof::model::amqp
