// All checks over one history make a Report. START HERE. Online: the judge is told each event as it
// happens and keeps only what is in flight or may still legally come back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/verdict.hpp"
#include "model/history.hpp"

namespace hubproof::conformance {

struct MessageCounts {
  std::uint64_t d2c_sent = 0;      // handed to a device for sending
  std::uint64_t d2c_acked = 0;
  std::uint64_t d2c_read = 0;      // different messages that a reader saw
  std::uint64_t c2d_sent = 0;      // asked of the hub
  std::uint64_t c2d_received = 0;  // deliveries to an application, repeated ones too
  std::uint64_t c2d_settled = 0;   // settled by a device, and not refused
  std::uint64_t feedback = 0;      // records received, repeated ones too

  void operator+=(const MessageCounts& other);
};

struct Judged {
  std::string_view id;  // of the clause
  bool must = true;     // MUST or LIMIT: a failure fails the run; SHOULD: it is a warning
  Finding finding;
};

struct Report {
  std::vector<Judged> checks;  // every check, exercised or not, in the order of checks()
  MessageCounts messages;

  // Of all MUST and LIMIT clauses together: fail; else inconclusive, when one is; else pass, or
  // not_exercised when none was.
  Verdict verdict() const;
};

class Judge {
 public:
  // `notes`: of the history, which may grow meanwhile; only a plain broker's is judged by them.
  Judge(const model::Terms& terms, const std::vector<model::Participant>& participants,
        const std::vector<std::string>* notes = nullptr);
  ~Judge();
  Judge(Judge&&) noexcept;

  // Events in the order of the history, `finished` last.
  void saw(const model::Event& event) {
    saw_as_hubs(event);
    if (of_broker_) saw_topics(event);
  }
  // The same in two steps, for who has so many events of hubs that each question counts: what every history
  // is asked, and then what a plain broker's is asked besides.
  void saw_as_hubs(const model::Event& event);
  void saw_topics(const model::Event& event);
  // A hint: an event of this observer and about this device, and perhaps this message, is near. Told
  // twice, `again` the second time; the judge may fetch what it will look at.
  void soon(model::NodeIndex observer, model::NodeIndex device, model::MessageKey message,
            bool again) const;
  Report finish();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  bool of_broker_;
};

}  // namespace hubproof::conformance
