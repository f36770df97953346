// The reader of the hub's feedback: receives a message, looks at its records, settles it, receives
// the next. A settling without an answer is not tried again: the hub offers the message again.
#pragma once

#include "model/service/line.hpp"

namespace hubproof::model {

class FeedbackReader {
 public:
  void go_on(Line& line);
  Took answered(Line& line, const Answer& answer);
  void connection_ended(Line& line);
  std::optional<Instant> deadline() const {
    return asking_.under_way() ? asking_.patience : not_before_;
  }
  std::optional<Instant> patience() const {
    return asking_.under_way() ? std::optional{asking_.patience} : std::nullopt;
  }

 private:
  Took received(Line& line, const Response& response);
  Took was_settled(Line& line, const Response& response);
  Event& saw_settling(Line& line, Phase phase) const;

  Asking asking_;            // to receive, or to settle what is in hand
  std::uint64_t token_ = 0;  // of the message in hand; 0: none
  bool completes_ = true;    // else abandons
  Instant not_before_{};
};

}  // namespace hubproof::model
