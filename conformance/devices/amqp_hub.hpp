// The hub of a case, for devices that speak AMQP 1.0: connections with their links, and what a well-behaved
// hub does by itself, which a case may leave out. It tells the stage each event of a connection, judges what
// every connection of a device owes, and leaves the rest to the case.
//
// A device puts a token to $cbs, over a pair of links, and asks for its own links when that is accepted
// [AMQP-04]; SASL, if it wants that first, lets everybody in.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/devices/amqp_frames.hpp"
#include "conformance/devices/stage.hpp"
#include "model/amqp/engine.hpp"
#include "model/amqp/sasl.hpp"

namespace hubproof::conformance::devices {

namespace amqp = model::amqp;

class AmqpHub final : public Speaker {
 public:
  // `idle`: the silence of the device that is announced as the longest to be borne; 0: none is.
  explicit AmqpHub(Stage& stage, model::Duration idle = {});
  ~AmqpHub() { stage_.spoken_by(nullptr); }

  // What it does by itself.
  struct Manners {
    std::optional<int> tokens = 200;   // the status that answers one; nothing: no answer
    std::uint32_t credit = 100;        // of a link for telemetry, as soon as it is there
    bool links = true;                 // are accepted; else they stay without an answer
    bool telemetry = false;            // is accepted
    bool settles = true;               // a command, when a device says what became of it and waits for the hub
    bool speaks = true;                // else nothing leaves
    std::size_t bytes_of_transfer = 0; // of a message, at most; 0: as many as go into a frame
    std::size_t bytes_of_write = 0;    // of the stream, at most; 0: a frame
  };
  Manners manners{};

  // The stage's calls.
  void opened(LinkId link) override;
  void received(LinkId link, model::View bytes) override;
  void ended(LinkId link) override;
  void woken() override;
  std::optional<model::Instant> deadline() const override;

  // The case's. Links that are not there take nothing.
  bool has(LinkId link, Use use) const;
  void grant(LinkId link, std::uint32_t credit);  // to telemetry
  void settle(const Heard& arrived, amqp::Outcome outcome, const amqp::Error& error = {});
  // A command as a message that write_command gives; none: there is no link, or no credit.
  amqp::DeliveryId send(LinkId link, model::View message, model::View tag);
  std::uint32_t credit(LinkId link) const;  // that the device gave for commands
  void detach(LinkId link, Use use, const amqp::Error& error);
  void end_session(LinkId link, const amqp::Error& error);
  void close(LinkId link, const amqp::Error& error);  // says close; the device answers it

  model::Duration longest_silence(LinkId link) const;              // of the device, up to now
  std::optional<model::Duration> idle_of(LinkId link) const;       // that the device announced to bear
  int accepted(std::string_view body) const;                       // how often telemetry with this body was

 private:
  struct Word {               // of the device on a delivery of ours
    std::uint64_t state = 0;  // 0x24: accepted, and so on
    bool settled = false;
  };
  struct Connection {
    model::Bytes before;      // bytes of a header that is not whole
    bool in_sasl = false;
    amqp::SaslServer sasl{};
    std::unique_ptr<amqp::Engine> engine{};
    FrameCutter heard{};
    FrameCutter said{};
    std::map<amqp::LinkId, Use> links{};
    bool has_token = false;
    std::vector<model::Bytes> answers{};   // to tokens, that have no credit yet
    model::Instant last{};                 // when something came
    model::Duration longest{};             // silence so far
    std::optional<model::Duration> idle{};
    std::map<std::string, Use> names{};           // of links that were asked for
    std::map<std::uint32_t, Use> our_handles{};
    std::map<std::uint32_t, Word> words{};        // by the delivery-ids of commands
    bool closed = false;                          // the device has said close, or nothing that can be read
    bool over = false;
  };

  Connection* find(LinkId link);
  const Connection* find(LinkId link) const;
  static amqp::LinkId link_of(const Connection& c, Use use);
  void converse(LinkId link, Connection& c, model::View bytes);
  void take_events(LinkId link, Connection& c);
  void on(LinkId link, Connection& c, amqp::Event& event);
  void attached(Connection& c, const amqp::Attached& said);
  void token_came(Connection& c, const amqp::Arrived& token);
  void answer_tokens(Connection& c);
  Use use_of(const amqp::Attach& said);
  void saw(Connection& c, const FrameView& frame);   // of the device
  void saw_word(Connection& c, const FrameView& disposition);
  void told(Connection& c, const FrameView& frame);  // of ours
  void flush(LinkId link, Connection& c);
  void write(LinkId link, const model::Bytes& frame);

  Stage& stage_;
  model::Duration idle_;
  std::map<LinkId, Connection> connections_;
  std::map<std::string, int, std::less<>> accepted_;
  std::uint64_t tags_ = 0;
};

// The body of a message that came, all data sections together; nothing: it is no message.
std::optional<std::string> body_of(const amqp::Arrived& arrived);

}  // namespace hubproof::conformance::devices
