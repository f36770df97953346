#include "model/server/websocket_door.hpp"

#include <string>

#include "model/http/codec.hpp"

namespace hubproof::model {
namespace {

// The values of all fields of a name, as one list.
std::string joined(const http::Request& request, std::string_view name) {
  std::string list;
  for (const http::Field& field : request.fields) {
    if (!http::same(field.name, name)) continue;
    if (!list.empty()) list += ", ";
    list += field.value;
  }
  return list;
}

void write_refusal(Bytes& out, const websocket::Refusal& refusal) {
  http::Response response;
  response.status = refusal.status;
  response.keep_alive = false;
  response.fields.push_back({"Content-Type", "text/plain"});
  if (!refusal.header.empty()) response.fields.push_back({refusal.header, refusal.value});
  response.body = view(refusal.what);
  http::write(out, response);
}

}  // namespace

WebSocketDoor::Outcome WebSocketDoor::asked(ConnectionId id, const http::Request& request, Effects& effects) {
  const std::string_view target = any_path_ ? websocket::device_path : std::string_view{request.target};
  if (!websocket::is_path(target)) return Outcome::none;
  const std::string upgrade = joined(request, "Upgrade"), connection = joined(request, "Connection"),
                    version = joined(request, "Sec-WebSocket-Version"), key = joined(request, "Sec-WebSocket-Key"),
                    protocols = joined(request, "Sec-WebSocket-Protocol");
  const auto answer = websocket::judge(
      {request.method, target, true, upgrade, connection, version, key, protocols});
  if (const auto* refusal = std::get_if<websocket::Refusal>(&answer)) {
    write_refusal(effects.sending(id), *refusal);
    effects.sent();
    effects.close(id);
    return Outcome::refused;
  }
  const websocket::Carries carries = std::get<websocket::Accepted>(answer).carries;
  websocket::write_acceptance(effects.sending(id), key, carries);
  effects.sent();
  effects.leave_bare(id);
  sockets_.emplace(id, Socket{websocket::Stream{websocket::End::server, rules_->websocket}, carries});
  return Outcome::opened;
}

const WebSocketDoor::Heard* WebSocketDoor::received(ConnectionId id, View bytes, Effects& effects) {
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) return nullptr;
  websocket::Stream& stream = found->second.stream;
  heard_.payload.clear();
  answers_.clear();
  websocket::Stream::Heard ends;
  stream.received(bytes, heard_.payload, answers_, &ends);
  if (!answers_.empty()) {
    effects.send(id, answers_);
    effects.leave_bare(id);
  }
  heard_.carries = found->second.carries;
  heard_.ends = std::move(ends.ends);
  heard_.over = !stream.open();
  heard_.in_good_order = stream.heard_close();
  return &heard_;
}

void WebSocketDoor::dress(Effects& effects) {
  effects.dress(
      [this](ConnectionId id, View bytes, Bytes& out) {
        const auto found = sockets_.find(id);
        if (found == sockets_.end()) return false;
        found->second.stream.send(bytes, out);
        return true;
      },
      [this](ConnectionId id, Bytes& out) {
        const auto found = sockets_.find(id);
        if (found == sockets_.end()) return;
        found->second.stream.close(websocket::Code::normal, out);
        sockets_.erase(found);
      });
}

}  // namespace hubproof::model
