// Cloud to device: the queue's limit, locks and their tokens, one end for each message.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class QueueIsLimited : public Check {  // INV-07
 public:
  static constexpr Kinds wants{Kind::command};
  static const About about;
  void saw(const Seen& seen);

 private:
  void accepted(const Seen& seen);
  void refused(const Seen& seen);
};

class OneLiveToken : public Check {  // INV-08
 public:
  static constexpr Kinds wants{Kind::settling, Kind::feedback_record};
  static const About about;
  void saw(const Seen& seen);
};

class OneFinalState : public Check {  // INV-09
 public:
  static constexpr Kinds wants{Kind::settling, Kind::feedback_record};
  static const About about;
  void saw(const Seen& seen);

 private:
  void settled(const Seen& seen);
  void recorded(const Seen& seen);
  bool expired_late(const Seen& seen) const;
};

class NoDeliveryAfterEnd : public Check {  // INV-10
 public:
  static constexpr Kinds wants{Kind::hand_over, Kind::delivery};
  static const About about;
  void saw(const Seen& seen);

 private:
  bool after_expiry(const Seen& seen);
  bool after_end(const Seen& seen);
};

class RedeliveryHasCause : public Check {  // INV-11
 public:
  static constexpr Kinds wants{Kind::hand_over, Kind::delivery};
  static const About about;
  void saw(const Seen& seen);
};

class DeadTokenDoesNothing : public Check {  // INV-12
 public:
  static constexpr Kinds wants{Kind::settling, Kind::feedback_record};
  static const About about;
  void saw(const Seen& seen);
};

class DeliveryCount : public Check {  // INV-13
 public:
  static constexpr Kinds wants{Kind::hand_over, Kind::delivery};
  static const About about;
  void saw(const Seen& seen);
};

}  // namespace hubproof::conformance
