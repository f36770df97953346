// The desk performs requests that the HTTP door read, or that come by other means than a connection: at
// once, or when what they wait for is there. An answer leaves when what it promises is durable [DLV-11].
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "model/hub/hub.hpp"
#include "model/operations.hpp"
#include "model/server.hpp"

namespace hubproof::model {

class Desk {
 public:
  using Answer = Server::Answer;  // empty: nobody waits for it
  // Both tell all doors: `device_gone` before a device is disabled or deleted, `credentials_changed`
  // once they are.
  using ToldOfDevice = std::function<void(Now now, DeviceIndex device, Effects& effects)>;

  Desk(Hub& hub, ToldOfDevice device_gone, ToldOfDevice credentials_changed);

  void ask(Now now, Request request, Answer to, Effects& effects);  // if limits allow
  void perform(Now now, Request request, Answer to, Effects& effects);
  void release(Effects& effects) {        // what is durable now may leave
    if (!owed_.empty()) release_owed(effects);
  }
  void wake(Now now, Effects& effects);   // answers waiting readers for whom there is something
  void woken(Now now, Effects& effects);  // answers those who have waited long enough
  std::optional<Instant> deadline() const {
    return waiting_.empty() ? std::nullopt : first_deadline();
  }

 private:
  void release_owed(Effects& effects);
  std::optional<Instant> first_deadline() const;
  struct Reply {
    Response response;
    std::optional<Event> event;  // seen when the reply leaves
  };
  struct Owed {  // an answer that is not durable yet
    Ticket ticket;
    Answer to;
    Reply reply;
  };
  struct Waiting {  // a reader for whom there is nothing yet
    Answer to;
    std::variant<ReadTelemetry, ReceiveFeedback> what;
    Instant until;
  };

  // Answers those of the waiting for whom `reply` has something.
  template <class F>
  void serve(F reply, Effects& effects);
  template <class R>
  void read(Now now, R what, Answer to, Effects& effects);
  std::optional<Ticket> try_read(Now now, const ReadTelemetry& what, Response& out, Effects& effects);
  std::optional<Ticket> try_read(Now now, const ReceiveFeedback& what, Response& out,
                                 Effects& effects);
  Error check(const ReadTelemetry& what) const;
  Error check(const ReceiveFeedback&) const { return Error::none; }
  void update(Now now, const UpdateDevice& what, Answer to, Effects& effects);
  void receive(Now now, const ReceiveCommand& what, Answer to, Effects& effects);
  std::variant<DeviceIndex, Error> device_of(std::string_view name) const;

  void answer(Answer to, const Outcome& outcome, Effects& effects);
  void answer(Answer to, Ticket ticket, Reply reply, Effects& effects);
  void send(const Answer& to, const Reply& reply, Effects& effects);

  Hub* hub_;
  Throttle* throttle_;  // null: there are no limits
  ToldOfDevice device_gone_;
  ToldOfDevice credentials_changed_;
  std::deque<Owed> owed_;
  std::vector<Waiting> waiting_;  // in the order of asking
};

}  // namespace hubproof::model
