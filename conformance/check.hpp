// A check is a fold over a history: a small type for one invariant or clause, told of each event
// that it wants, with a finding in the end. It remembers nothing that Facts remembers for all.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/facts.hpp"
#include "conformance/verdict.hpp"

namespace hubproof::conformance {

enum class Level : std::uint8_t { must, should, limit, note };
const char* level_text(Level level);

// Events as checks tell them apart.
enum class Kind : std::uint8_t {
  telemetry,
  read,
  read_from,
  checkpoint,
  command,
  delivery,
  settling,          // complete, reject, abandon
  feedback_batch,
  feedback_record,
  registry,          // create_device, delete_device
  purge,
  hub_connection,    // accepted and ended, at the hub's end
  hub_received,      // any packet that the hub received
  hand_over,         // the hub began a delivery
  device_connection, // opened, accepted, refused, ended, at the device's end
  publish_sent,      // by a device
  device_sent,       // any other packet, by a device
  ack_received,      // PUBACK or PUBREC, by a device
  c2d_received,      // PUBLISH, by a device
  life,              // started, crashed
  healed,
  finished,
  throttle,          // what became of a request, at a hub that has limits
  other
};

// A set of kinds, so that each event meets only the checks that want it.
class Kinds {
 public:
  constexpr Kinds(std::initializer_list<Kind> kinds) {
    for (const Kind kind : kinds) bits_ |= bit(kind);
  }
  constexpr bool has(Kind kind) const { return (bits_ & bit(kind)) != 0; }

 private:
  static constexpr std::uint32_t bit(Kind kind) { return std::uint32_t{1} << static_cast<unsigned>(kind); }
  std::uint32_t bits_ = 0;
};

// An event with all that the judge looked up about it, as things stood before it.
struct Seen {
  const model::Event& event;
  std::uint64_t index;
  const Facts& facts;
  const Telemetry* telemetry = nullptr;  // the message of a telemetry or read event, where it is known
  const Reading& reading;                // of a read event
  const Command* command = nullptr;      // of a command, delivery, settling, hand-over or record
};

// What every check has. `wants` and `about` are its own:
//   static constexpr Kinds wants{...};
//   static const About about;
//   void saw(const Seen& seen);
struct About {
  std::string_view id;                     // the clause that it judges
  Level level = Level::must;
  std::string_view sentence;
  std::vector<std::string_view> rests_on;  // further clauses
};

class Check {
 public:
  const Finding& finding() const { return finding_; }

 protected:
  void pass() { finding_.pass(); }
  void undecided(const Seen& seen, std::string what) {
    finding_.leave_undecided(seen.index, seen.event.at, std::move(what));
  }
  void fail(const Seen& seen, std::string what) {
    finding_.fail(seen.index, seen.event.at, std::move(what),
                  static_cast<std::uint32_t>(seen.event.observer));
  }

  Finding finding_;
};

// Every check, in the order of a Report.
const std::vector<const About*>& checks();

}  // namespace hubproof::conformance
