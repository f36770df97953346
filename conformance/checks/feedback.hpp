// Feedback: what senders of cloud-to-device messages are told of their outcome.
#pragma once

#include <map>
#include <set>

#include "conformance/check.hpp"

namespace hubproof::conformance {

class FullIsAnswered : public Check {  // FBK-04
 public:
  static constexpr Kinds wants{Kind::feedback_record, Kind::finished};
  static const About about;
  void saw(const Seen& seen);

 private:
  bool owed(const Facts& facts, const Command& command) const;
  void finish(const Seen& seen);
};

class OneTrueRecord : public Check {  // INV-14
 public:
  static constexpr Kinds wants{Kind::feedback_record};
  static const About about;
  void saw(const Seen& seen);

 private:
  const char* untrue(const Seen& seen) const;
  const char* never_completed(const Facts& facts, const Command& command) const;
};

class BatchesAreSmallAndSoon : public Check {  // INV-15
 public:
  static constexpr Kinds wants{Kind::feedback_batch, Kind::feedback_record, Kind::finished};
  static const About about;
  void saw(const Seen& seen);

 private:
  struct Batch {
    std::uint64_t event = 0;
    std::int64_t at = 0;
    std::int64_t created = model::no_date;
    std::int64_t oldest = model::no_date;
    std::int64_t awake = model::no_date;  // the hub's date when it was last seen at work before
    std::uint32_t said = 0;
    std::uint32_t records = 0;
  };
  void opened(const Seen& seen);
  void closed(const Seen& seen);
  std::int64_t due(const Facts& facts, const Batch& batch) const;
  bool late(const Facts& facts, const Batch& batch) const;
  bool awake(const Facts& facts, const Batch& batch) const;
  void finish(const Seen& seen);

  Batch batch_;                        // being received
  bool open_ = false;
  bool again_ = false;                 // it was received before
  std::map<std::int64_t, std::uint32_t> seen_;  // created -> records; the latest
  std::vector<Batch> late_;            // unless a full batch that has not come yet explains them
};

}  // namespace hubproof::conformance
