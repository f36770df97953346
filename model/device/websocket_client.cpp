#include "model/device/websocket_client.hpp"

#include <utility>

namespace hubproof::model {
namespace {

constexpr std::uint32_t ways = 16;  // of cutting what is said; most of it is not cut

}  // namespace

void WebSocketClient::connected(ConnectionId id, Effects& effects) {
  id_ = id;
  stream_.reset();
  answer_.clear();
  websocket::Nonce nonce{};
  for (std::size_t i = 0; i < nonce.size(); i += 4)
    store_big<4>(nonce.data() + i, chance_.below(ChanceSite::websocket_nonce, 0xffffffff));
  key_ = websocket::key_of(nonce);
  websocket::write_request(effects.sending(id), host_, websocket::device_path, key_, carries_);
  effects.sent();
  effects.leave_bare(id);
}

const WebSocketClient::Heard& WebSocketClient::received(ConnectionId id, View bytes, Effects& effects) {
  heard_.refused = heard_.opened = heard_.over = heard_.in_good_order = false;
  heard_.payload.clear();
  if (id != id_) return heard_;
  if (stream_) {
    hear(bytes, effects);
    return heard_;
  }
  answer_.insert(answer_.end(), bytes.begin(), bytes.end());
  const auto answer = websocket::read_answer(answer_, key_, carries_);
  if (!answer) return heard_;
  heard_.opened = answer->upgraded;
  heard_.refused = !answer->upgraded;
  if (heard_.refused) return heard_;
  stream_.emplace(websocket::End::client, rules_->websocket, chance_);
  first_words_ = true;
  hear(View{answer_}.subspan(answer->size), effects);
  answer_.clear();
  return heard_;
}

void WebSocketClient::hear(View bytes, Effects& effects) {
  scratch_.clear();
  stream_->received(bytes, heard_.payload, scratch_);
  if (!scratch_.empty()) {
    effects.send(id_, scratch_);
    effects.leave_bare(id_);
  }
  heard_.over = !stream_->open();
  heard_.in_good_order = stream_->heard_close();
}

void WebSocketClient::dress(Effects& effects) {
  effects.dress(
      [this](ConnectionId id, View bytes, Bytes& out) {
        if (id != id_ || !stream_) return false;
        write(bytes, out);
        return true;
      },
      [this](ConnectionId id, Bytes& out) {
        if (id != id_) return;
        if (stream_) stream_->close(websocket::Code::normal, out);
        id_ = ConnectionId::none;
      });
}

void WebSocketClient::write(View bytes, Bytes& out) {
  if (std::exchange(first_words_, false) && bytes.size() > 2) {  // some clients cut their CONNECT into twelve
    stream_->send(bytes.first(2), out);
    return stream_->send(bytes.subspan(2), out, 2, true);
  }
  const std::uint32_t way = chance_.below(ChanceSite::websocket_pieces, ways);
  if (way < 4 && bytes.size() > 1) {  // two messages
    stream_->send(bytes.first(bytes.size() / 2), out);
    stream_->send(bytes.subspan(bytes.size() / 2), out);
  } else if (way < 8) {               // one, in two or three frames, perhaps with a ping within
    stream_->send(bytes, out, 2 + way % 2, way < 6);
  } else {
    stream_->send(bytes, out);
  }
}

}  // namespace hubproof::model
