// Claims-based security as a client sees it: tokens are put to the node $cbs, over a pair of links,
// before any other link is asked for [AMQP-04].
#pragma once

#include <optional>
#include <string_view>

#include "model/amqp/engine.hpp"
#include "model/bytes.hpp"

namespace hubproof::model::amqp {

inline constexpr std::string_view cbs_address = "$cbs";

// The pair of links, asked for on a connection that is new.
struct CbsLinks {
  LinkId tokens;   // to the node
  LinkId answers;  // from it
};
CbsLinks attach_cbs(Engine& engine);

// The message that puts a token. `audience` is what it is for: host/path.
void write_put_token(Bytes& out, std::uint64_t id, std::string_view audience, std::string_view token);

// The status of the hub's answer; nothing when the message is no answer.
std::optional<int> read_put_token_status(View message);

}  // namespace hubproof::model::amqp
