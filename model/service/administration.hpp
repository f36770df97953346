// Registry operations and purges: one at a time, so that none overtakes another, each tried until
// the answer is definite.
#pragma once

#include <deque>

#include "model/service/line.hpp"

namespace hubproof::model {

class Administration {
 public:
  void submit(Request request) { waiting_.push_back({std::move(request), false, false}); }
  void go_on(Line& line);
  Took answered(Line& line, const Answer& answer);
  void connection_ended(Line& line);
  std::optional<Instant> deadline() const;
  std::optional<Instant> patience() const;
  std::size_t size() const { return waiting_.size(); }

 private:
  struct Operation {
    Request request;
    bool invoked;
    bool tried_before;  // and without a definite answer: it may have been done
  };

  void failed(Line& line, const Operation& operation, Error error);

  std::deque<Operation> waiting_;  // the first is under way, or next
  Asking asking_;
  Instant not_before_{};
};

}  // namespace hubproof::model
