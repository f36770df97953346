// One participant of a small world, alone: its machine, its disk, and the numbers that it counts on
// beyond crashes. It is fed one input after the other, and what it does is a function of the row of
// inputs and of nothing else: inputs carry the time, and chance always says its first value.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/history.hpp"
#include "model/message.hpp"
#include "model/rules.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools::exhaustive {

struct Input {
  enum class Kind : std::uint8_t {
    boot,       // the first start
    create,     // hub: device `bytes` is registered
    opened,     // hub: a new connection; `variant` is a Door
    connected,  // the others: what they dialled is up
    refused,    // or will never be
    received,   // `bytes` on `connection`
    ended,      // `connection`; `variant` is an EndedBy
    synced,     // the oldest sync under way is done
    woken,      // its deadline is there; after a crash it starts again
    submit,     // the application hands over the next message
    crash       // `variant`: does what was not synced stay?
  };
  Kind kind{};
  std::uint8_t variant = 0;
  std::uint32_t connection = 0;
  std::int64_t now = 0;    // ns since the start of the run
  std::uint32_t text = 0;  // the number of `bytes`: equal ones have equal numbers
  std::string_view bytes{};
};

// What one input made it do: to its connections, in order, and what it saw.
struct Deed {
  enum class Kind : std::uint8_t { send, close, abort, connect };
  Kind kind{};
  std::uint32_t connection = 0;
  std::string bytes;
};
struct Output {
  std::vector<Deed> deeds;
  std::vector<model::Event> events;  // stamped
};

// How it stands after an input, as far as the world must know.
struct Standing {
  std::int64_t deadline = never;
  std::uint32_t syncs = 0;  // under way
  bool unsynced = false;    // a crash has two outcomes
  bool halted = false;      // it cannot go on
  bool down = false;        // it will start again at its deadline
  static constexpr std::int64_t never = INT64_MAX;
  bool operator==(const Standing&) const = default;
};

class Participant {
 public:
  virtual ~Participant() = default;
  virtual void feed(const Input& input, Output& output) = 0;
  virtual Standing standing() const = 0;
  // All that it is after a crash, before it starts again: two with equal remains have equal
  // futures.
  virtual std::string remains() const = 0;
};

// Messages of a load: its bursts at known times, or one.
std::size_t messages_of(const TelemetryLoad& load);
std::size_t messages_of(const CommandLoad& load);

// The cast of a scenario: the hub, then the services, then the devices.
struct Cast {
  const Scenario& scenario;
  const model::Rules& rules;  // as the mutant left them
  std::vector<std::string> names;
  std::size_t first_device = 1;

  Cast(const Scenario& the_scenario, const model::Rules& the_rules);
  bool is_device(std::size_t node) const { return node >= first_device; }
  bool is_service(std::size_t node) const { return node > 0 && node < first_device; }
  const DeviceGroup& group(std::size_t node) const { return *groups[node - first_device]; }
  std::size_t work(std::size_t node) const;  // messages that its application hands over
  model::NodeIndex index_of(std::string_view id) const;
  std::unique_ptr<Participant> make(std::size_t node) const;

  std::vector<const DeviceGroup*> groups;  // by device
};

}  // namespace hubproof::tools::exhaustive
