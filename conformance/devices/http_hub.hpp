// The hub of a case, for devices that speak HTTP: it takes requests on any number of connections, answers those
// that a case does not want to answer itself, each connection's in their order, and judges what every request of a
// device owes [HTTP-01, HTTP-02]. It has no queue: a command is the answer that a case gives.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conformance/devices/stage.hpp"
#include "model/http/codec.hpp"

namespace hubproof::conformance::devices {

class HttpHub final : public Speaker {
 public:
  explicit HttpHub(Stage& stage) : stage_{stage} { stage_.spoken_by(this); }
  ~HttpHub() { stage_.spoken_by(nullptr); }

  // What it answers by itself.
  struct Manners {
    bool receives = true;            // a look for a command, with 204: there is none. The case does not hear of it
    bool telemetry = false;          // with 204
    bool settles = true;             // with 204
    std::size_t bytes_of_write = 0;  // of an answer, at most; 0: all
  };
  Manners manners{};

  // The stage's calls.
  void opened(LinkId link) override { connections_[link]; }
  void received(LinkId link, model::View bytes) override;
  void ended(LinkId link) override { connections_.erase(link); }
  void woken() override {}
  std::optional<model::Instant> deadline() const override { return std::nullopt; }

  // The case's. An answer leaves when those before it on its connection have.
  struct Answer {
    unsigned status = 204;
    std::vector<std::pair<std::string, std::string>> fields{};
    std::string body{};
    bool last = false;     // the connection ends with it
    bool chunked = false;  // the body, a few bytes a piece
    bool waits = false;    // "100 Continue" goes before it
  };
  void answer(const Heard& request, const Answer& answer);

  int accepted(std::string_view body) const;  // how often telemetry with this body was

 private:
  struct Pending {
    std::uint64_t serial = 0;
    std::optional<Answer> answer{};
  };
  struct Connection {
    model::http::RequestDecoder requests{};
    std::deque<Pending> pending{};
    bool deaf = false;
  };

  void take(LinkId link, const model::http::Request& request);
  void flush(LinkId link);
  void write(LinkId link, const Answer& answer);

  Stage& stage_;
  std::map<LinkId, Connection> connections_;
  std::map<std::string, int, std::less<>> accepted_;
  std::uint64_t serials_ = 0;
};

}  // namespace hubproof::conformance::devices
