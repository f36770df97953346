// A guided search: runs that reached a combination of protocol state that none before had reached are
// kept, and changed further: faults, commands and registry work put beside what happened in them, most of
// all beside what was new; faults moved beside each other, to other nodes or to telling times, added, left
// out, made short; packet ids that begin shortly before their wrap; or another future drawn from some point
// on. Up to what was changed the run happens again as it was, so a fault meets the moment that it is put
// beside; soon after the last of these moments it is healed, so that a run costs little. A function of its
// seed and of what it was told, in the order told.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tools/search/dice.hpp"
#include "tools/search/state_coverage.hpp"
#include "tools/variation.hpp"

namespace hubproof::tools {

struct Lesson {
  std::vector<std::uint32_t> reached;  // (StateCoverage)
  std::vector<Moment> moments;
  std::uint64_t events = 0;            // how much work the run was
  std::vector<Moment> firsts{};        // when each of `reached` was; none: nobody knows
};

class Guide {
 public:
  Guide(const Scenario& scenario, std::uint64_t seed);

  Variation propose();
  std::uint64_t learn(const Variation& variation, const Lesson& lesson);  // how much of it was new

  std::size_t kept() const { return corpus_.size(); }
  std::size_t reached() const { return reached_count_; }

 private:
  struct Kept {
    Variation variation;
    std::uint64_t news = 0;    // features that it was first to reach
    std::uint64_t tries = 0;   // how often it was changed further
    std::uint64_t events = 0;
    std::vector<Moment> moments;
    std::vector<Moment> newest;  // of what it was first to reach
  };

  Variation fresh();
  void meet(Variation& variation, const Kept& before);
  void change(Variation& variation);
  Kept& parent();

  const Scenario& scenario_;
  Dice dice_;
  std::vector<sim::Fault> pool_;
  std::vector<sim::Duration> apart_;
  std::vector<std::string> nodes_;
  std::vector<std::string> ids_;
  std::uint64_t next_seed_;
  std::uint64_t proposed_ = 0;
  std::vector<Kept> corpus_;
  std::vector<bool> seen_;
  std::size_t reached_count_ = 0;
};

// The guides of some scenarios, and whose turn it is: more often the one whose runs found more that was
// new, for less work.
class Guides {
 public:
  Guides(const std::vector<Scenario>& scenarios, std::uint64_t seed);

  std::size_t next();
  Variation propose(std::size_t scenario) { return guides_[scenario].propose(); }
  void learn(std::size_t scenario, const Variation& variation, const Lesson& lesson);
  const std::deque<Guide>& all() const { return guides_; }

 private:
  std::uint64_t worth(std::size_t scenario) const;

  struct Yield {              // of the runs of a scenario, the latest counting most
    std::uint64_t news = 0;   // in 1/1024
    std::uint64_t events = 1;
  };
  Dice dice_;
  std::deque<Guide> guides_;
  std::vector<Yield> yields_;
  std::size_t begun_ = 0;
};

}  // namespace hubproof::tools
