// Cloud-to-device messages: each is sent once, any number at a time. Without an answer nobody knows
// whether it was stored, and a second try might store it twice.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "model/service/line.hpp"

namespace hubproof::model {

class Commands {
 public:
  void submit(SendCommand command) { waiting_.push_back(std::move(command)); }
  void go_on(Line& line);
  Took answered(Line& line, const Answer& answer);
  void connection_ended(Line& line);
  std::optional<Instant> deadline() const { return patience(); }
  std::optional<Instant> patience() const;
  std::size_t size() const { return waiting_.size() + sent_.size(); }

 private:
  struct Sent {
    Asking asking;
    MessageKey message{};
    NodeIndex device = NodeIndex::none;
    std::optional<SendCommand> again{};  // what a service keeps that sends it again
  };

  std::deque<SendCommand> waiting_;
  std::deque<SendCommand> again_;  // those of the ended connection (see rules)
  std::vector<Sent> sent_;  // in the order of sending, so the first has waited longest
};

}  // namespace hubproof::model
