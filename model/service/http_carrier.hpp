// A service's requests to the registry, over HTTP: devices are created, changed and deleted, queues purged.
#pragma once

#include <deque>
#include <string>

#include "model/http/codec.hpp"
#include "model/service.hpp"
#include "model/service/carrier.hpp"

namespace hubproof::model {

class HttpCarrier final : public Carrier {
 public:
  explicit HttpCarrier(const ServiceSettings& settings) : settings_{&settings} {}

  void opened(Now, ConnectionId connection, Effects&) override { connection_ = connection; }
  void ask(Now now, std::uint32_t correlation, const Request& request, Effects& effects) override;
  void received(Now now, View bytes) override;
  std::optional<Answer> next() override;
  bool broken() const override { return broken_ || decoder_.refused(); }
  void ended() override;

 private:
  const ServiceSettings* settings_;
  ConnectionId connection_{};
  http::ResponseDecoder decoder_;
  std::deque<std::uint32_t> asked_;  // in the order of sending
  std::deque<Answer> answers_;
  bool broken_ = false;
};

}  // namespace hubproof::model
