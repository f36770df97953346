// Programs and sinks for the tests of sim: they write down what they heard, and do what they are
// told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/world.hpp"

namespace hubproof::sim::test {

using namespace std::chrono_literals;

inline std::vector<std::uint8_t> bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

inline std::vector<std::uint8_t> pattern(std::size_t size, std::uint32_t from = 0) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::uint8_t>((from + i) * 2654435761U >> 24);
  return bytes;
}

inline Instant at(Duration since) { return Instant{since}; }

// A program that keeps all it hears. What it does beside that, a test gives as functions.
struct Recorder : Program {
  struct Heard {
    Instant when;
    std::string what;
    std::uint64_t word = 0;
    bool operator==(const Heard&) const = default;
  };
  World* world = nullptr;
  std::vector<Heard> heard;
  std::vector<std::uint8_t> bytes;  // of all sockets, in order
  std::vector<std::pair<Instant, std::size_t>> arrivals;
  Socket socket = Socket::none;  // the last that was accepted or connected
  std::vector<std::uint16_t> ports;
  std::function<void(Socket)> on_accepted, on_connected;
  std::function<void(Socket, View)> on_received;
  std::function<void()> on_started;
  std::function<void(std::uint64_t)> on_woken;

  NodeId join(World& into, std::string name) {
    world = &into;
    id = into.add(std::move(name), *this);
    return id;
  }
  NodeId id{};

  void note(std::string what, std::uint64_t word = 0) {
    heard.push_back({world->now(), what, word});
  }
  std::size_t count(std::string_view what) const {
    return static_cast<std::size_t>(
        std::count_if(heard.begin(), heard.end(), [&](const Heard& h) { return h.what == what; }));
  }
  Instant when(std::string_view what) const {
    for (const Heard& h : heard)
      if (h.what == what) return h.when;
    return Instant{Duration{-1}};
  }

  void started() override {
    note("started");
    for (const std::uint16_t port : ports) world->network().listen(id, port);
    if (on_started) on_started();
  }
  void crashed() override { note("crashed"); }
  void accepted(Socket s) override {
    note("accepted");
    socket = s;
    if (on_accepted) on_accepted(s);
  }
  void connected(Socket s) override {
    note("connected");
    socket = s;
    if (on_connected) on_connected(s);
  }
  void refused(Socket, Refusal why) override {
    note(why == Refusal::refused ? "refused" : why == Refusal::timed_out ? "no answer" : "no host");
  }
  void received(Socket s, View view) override {
    bytes.insert(bytes.end(), view.begin(), view.end());
    arrivals.emplace_back(world->now(), view.size());
    note("received", view.size());
    if (on_received) on_received(s, view);
  }
  void ended(Socket, Ending how) override {
    note(how == Ending::fin ? "fin" : how == Ending::reset ? "reset" : "timed out");
  }
  void drained(Socket) override { note("drained"); }
  void synced(std::uint64_t ticket, bool ok) override {
    note(ok ? "synced" : "sync failed", ticket);
  }
  void woken(std::uint64_t tag) override {
    note("woken", tag);
    if (on_woken) on_woken(tag);
  }
  void clock_stepped() override { note("clock"); }
};

struct Sink : TraceSink {
  std::vector<Record> records;
  void saw(const Record& record) override {
    records.push_back(record);
    records.back().bytes = {};
  }
  std::size_t count(Kind kind) const {
    return static_cast<std::size_t>(std::count_if(records.begin(), records.end(),
                                                  [&](const Record& r) { return r.kind == kind; }));
  }
};

// A device connected to a hub on port 8883, with a sink from the beginning.
struct Pair {
  World world;
  Sink sink;
  Recorder hub, device;

  explicit Pair(std::uint64_t seed = 1, const TcpSettings& tcp = {}, const PathSettings& path = {})
      : world{seed} {
    world.trace().sink(&sink);
    hub.join(world, "hub");
    device.join(world, "device");
    hub.ports = {8883};
    world.network().tcp(tcp);
    world.network().everywhere(path);
    world.start(hub.id);
    world.start(device.id);
  }
  void connect(Instant by = at(1s)) {
    world.network().connect(device.id, hub.id, 8883);
    world.run_until(by);
  }
  void say(View view) { world.network().write(device.socket, view); }
  void answer(View view) { world.network().write(hub.socket, view); }
  Fault fault(FaultKind kind, Duration from, Duration until) const {
    Fault fault;
    fault.kind = kind;
    fault.from = at(from);
    fault.until = at(until);
    fault.nodes = {device.id};
    return fault;
  }
};

}  // namespace hubproof::sim::test
