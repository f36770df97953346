// Requests as frames of the interim link.
#pragma once

#include "model/service/carrier.hpp"

namespace hubproof::model {

class LinkCarrier final : public Carrier {
 public:
  void opened(Now, ConnectionId connection, Effects& effects) override {
    connection_ = connection;
    effects.send(connection, view(link::preamble));
  }
  void ask(Now, std::uint32_t correlation, const Request& request, Effects& effects) override {
    link::write_request(effects.sending(connection_), correlation, request);
    effects.sent();
  }
  void received(Now, View bytes) override { decoder_.feed(bytes); }
  std::optional<link::ResponseFrame> next() override { return decoder_.next_response(); }
  bool broken() const override { return decoder_.broken(); }
  void ended() override { decoder_ = {}; }

 private:
  ConnectionId connection_{};
  link::Decoder decoder_;
};

}  // namespace hubproof::model
