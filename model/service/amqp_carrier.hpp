// A service's requests over AMQP 1.0: commands on a link to /messages/devicebound, feedback on one from
// /messages/servicebound/feedback, telemetry on a link for each partition, as Event Hubs clients read it. All
// on one connection. What the hub gives away on its own account waits here until a lane asks for it.
//
// Registry operations do not travel here: AMQP has none.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "model/amqp/engine.hpp"
#include "model/service.hpp"
#include "model/service/carrier.hpp"
#include "model/service/checkpoints.hpp"

namespace hubproof::model {

class AmqpCarrier final : public Carrier {
 public:
  explicit AmqpCarrier(const ServiceSettings& settings) : settings_{&settings} {}

  void started(std::span<const StoredFile> files) override { checkpoints_.started(files); }
  void opened(Now now, ConnectionId connection, Effects& effects) override;
  void ask(Now now, std::uint32_t correlation, const Request& request, Effects& effects) override;
  void store_checkpoint(std::uint32_t correlation, std::uint32_t partition, std::uint64_t sequence,
                        Effects& effects) override {
    storing_[checkpoints_.store(partition, sequence, effects)] = correlation;
  }
  void received(Now now, View bytes) override;
  std::optional<Answer> next() override;
  bool broken() const override { return broken_; }
  void ended() override;
  void flush(Now now, Effects& effects) override;
  void stored(Ticket ticket, bool ok, Effects& effects) override;
  void woken(Now now) override;
  std::optional<Instant> deadline() const override;

 private:
  struct Waiting {  // a question that an arrival answers, or time
    std::uint32_t correlation = 0;  // 0: none
    Instant until{};
  };
  struct Reader {
    amqp::LinkId link{};
    std::uint64_t next = 0;         // what the next question must ask for, or else the link is placed anew
    std::uint32_t limit = 0;
    Waiting asked;
    std::deque<std::pair<amqp::DeliveryId, TelemetryEvent>> got;
  };
  struct Batch {
    amqp::DeliveryId delivery{};
    Feedback feedback;
  };

  void answer(std::uint32_t correlation, Response response) {
    answers_.push_back({correlation, std::move(response)});
  }
  void listen();  // takes the engine's events
  void on(const amqp::Arrived& event);
  void on(const amqp::Settled& event);
  void ask_for_links();
  void put_token(Now now);
  void send_commands();
  void read(Now now, std::uint32_t correlation, const ReadTelemetry& what);
  void place(std::uint32_t partition, Reader& reader, std::uint64_t from);
  void give_events(std::uint32_t partition, Reader& reader);
  void give_feedback();
  void settle(std::uint32_t correlation, const SettleFeedback& what);

  const ServiceSettings* settings_;
  Checkpoints checkpoints_;
  ConnectionId connection_{};
  std::optional<amqp::Engine> engine_;
  bool broken_ = false;
  std::deque<Answer> answers_;
  std::uint64_t tags_ = 0;

  amqp::LinkId tokens_{}, token_answers_{};
  bool may_ask_ = false;                       // for links
  Instant renew_ = Instant::max();

  amqp::LinkId commands_{};
  std::deque<std::pair<std::uint32_t, SendCommand>> to_send_;
  std::map<amqp::DeliveryId, std::uint32_t> sent_;

  std::map<std::uint32_t, Reader> readers_;    // by partition
  std::map<Ticket, std::uint32_t> storing_;

  amqp::LinkId feedback_{};
  Waiting feedback_asked_;
  std::deque<Batch> batches_;
  std::map<std::uint64_t, amqp::DeliveryId> in_hand_;  // by token
  std::map<amqp::DeliveryId, std::uint32_t> settling_;
  Bytes out_;                                  // scratch
};

}  // namespace hubproof::model
