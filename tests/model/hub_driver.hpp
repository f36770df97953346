// A hub with a store in memory and clocks that a test sets: what a driver does, in few lines.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/hub/hub.hpp"

namespace hubproof::model::test {

inline Chance no_chance() {
  return {[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr};
}

// A flat message with this id.
inline Bytes message(std::string_view id, Ack ack = Ack::none,
                     std::optional<Date> expiry = std::nullopt, std::string_view body = "body") {
  Bytes flat;
  MessageWriter writer{flat};
  writer.system(System::message_id, id);
  writer.ack(ack);
  if (expiry) writer.expiry(*expiry);
  writer.body(view(body));
  return flat;
}

// A hub's files, and the syncs that it waits for.
struct MemoryStore {
  // Does what the effects ask of a store, and empties them.
  void take(Effects& effects) {
    Effects done;
    std::swap(done, effects);
    for (const Effect& effect : done.list()) {
      const FileId file{effect.file};
      if (effect.kind == Effect::Kind::append) {
        const View bytes = done.bytes(effect);
        files[file].insert(files[file].end(), bytes.begin(), bytes.end());
      } else if (effect.kind == Effect::Kind::sync) {
        syncs.push_back({effect.ticket, file, files[file].size()});
      } else if (effect.kind == Effect::Kind::remove) {
        files.erase(file);
        synced.erase(file);
      } else if (effect.kind == Effect::Kind::halt) {
        halted = true;
      }
    }
  }
  std::vector<StoredFile> stored() const {
    std::vector<StoredFile> all;
    for (const auto& [id, bytes] : files) all.push_back({id, bytes});
    return all;
  }

  struct Sync {
    Ticket ticket{};
    FileId file{};
    std::size_t size = 0;
  };
  std::map<FileId, Bytes> files;
  std::vector<Sync> syncs;
  std::map<FileId, std::size_t> synced;  // bytes that no crash takes away
  bool halted = false;
};

class HubDriver : public MemoryStore {
 public:
  explicit HubDriver(HubRules with = {}) : rules{with} { start(); }

  // Runs the hub from what the store holds.
  void start() {
    hub.emplace(rules, no_chance());
    halted = false;
    effects.clear();
    syncs.clear();
    hub->recover(now, stored(), effects);
    perform();
  }
  // Does what the effects ask for; syncs succeed at once unless they are held back.
  void perform() {
    while (!effects.empty()) {
      take(effects);
      if (!hold_syncs) answer_syncs();
    }
  }
  void answer_syncs(bool ok = true) {
    for (const Sync& sync : std::exchange(syncs, {})) {
      if (ok && files.contains(sync.file)) synced[sync.file] = sync.size;
      hub->stored(now, sync.ticket, ok, effects);
    }
  }
  // The process dies, and of what was not synced only `kept` of 256 parts are there afterwards.
  void crash(std::uint8_t kept) {
    for (auto& [file, bytes] : files) {
      const std::size_t safe = synced[file];
      bytes.resize(safe + (bytes.size() - safe) * kept / 256);
    }
    start();
  }
  void flush() {
    hub->flush(now, effects);
    perform();
  }
  // Lets time go on, waking the hub whenever it wants to be.
  void pass(Duration time) {
    const Instant until = now.mono + time;
    while (true) {
      const auto due = hub->deadline();
      if (!due || *due > until) break;
      const Duration step = std::max(*due - now.mono, Duration{0});
      now = {now.mono + step, now.wall + step};
      ++wakes;
      hub->woken(now, effects);
      perform();
    }
    const Duration rest = until - now.mono;
    now = {until, now.wall + rest};
  }

  DeviceIndex device(std::string_view id) {
    if (hub->find(id) == DeviceIndex::none) hub->create(now, {std::string{id}}, effects);
    flush();
    return hub->find(id);
  }
  Ticket telemetry(std::string_view id, View flat) {
    const Ticket ticket = hub->append_telemetry(now, hub->find(id), flat, false, effects);
    flush();
    return ticket;
  }
  Outcome enqueue(std::string_view id, View flat) {
    const Outcome outcome = hub->enqueue(now, id, flat, effects);
    flush();
    return outcome;
  }
  std::optional<Delivery> deliver(std::string_view id, Holder holder = Holder{1}) {
    auto delivery = hub->deliver(now, hub->find(id), holder, effects);
    flush();
    return delivery;
  }
  Error settle(std::string_view id, LockToken token, Settle how) {
    const Outcome outcome = hub->settle(now, hub->find(id), token, how, effects);
    flush();
    return outcome.error;
  }
  Feedback feedback() {
    Feedback out;
    hub->receive_feedback(now, out, effects);
    flush();
    return out;
  }
  Telemetry read(std::uint32_t partition, std::uint64_t from, std::uint32_t limit = 100'000) {
    Telemetry out;
    hub->read(partition, from, limit, out);
    return out;
  }
  // Sequence numbers of everything that a reader can see in the partition of the device.
  std::vector<std::uint64_t> sequences(std::string_view id) {
    std::vector<std::uint64_t> numbers;
    if (hub->find(id) == DeviceIndex::none) return numbers;
    for (std::uint64_t from = 1;;) {
      const Telemetry part = read(hub->partition(hub->find(id)), from);
      if (part.events.empty()) return numbers;
      for (const auto& event : part.events) numbers.push_back(event.sequence);
      from = numbers.back() + 1;
    }
  }
  std::size_t stored_bytes() const {
    std::size_t bytes = 0;
    for (const auto& [id, content] : files) bytes += content.size();
    return bytes;
  }

  HubRules rules;
  Now now{Instant{Duration{1'000'000'000}}, Date{Duration{1'700'000'000'000'000'000}}};
  Effects effects;
  bool hold_syncs = false;
  std::size_t wakes = 0;
  std::optional<Hub> hub;
};

}  // namespace hubproof::model::test
