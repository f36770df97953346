// The process of a node: one incarnation after the other. All calls into its program pass here, so
// a pause holds them, a slow machine spaces them, and a crash forgets those that wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/clock.hpp"
#include "sim/fetch.hpp"
#include "sim/node.hpp"
#include "sim/scheduler.hpp"
#include "sim/trace.hpp"

namespace hubproof::sim {

class Disk;
class Network;

class alignas(64) Process {
 public:
  Process(NodeId id, Program& program, Scheduler& scheduler, Trace& trace, Network& network);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  NodeId id() const { return id_; }
  bool up() const { return up_; }
  bool host_up() const { return host_up_; }  // a host without its process still answers, by RST
  std::uint32_t incarnation() const { return incarnation_; }
  Clock& clock() { return clock_; }
  bool ready() const { return up_ && !held_; }  // a call would run at once

  void start();
  void crash(bool host_too);
  void pause();
  void resume();
  void slow(Duration per_call);
  void wake_at(Instant due, std::uint64_t tag);

  // The calls. Each runs at once or waits for its turn; none reaches a program that is not up.
  void accepted(Socket socket) { call(Kind::accepted, socket, 0); }
  void connected(Socket socket) { call(Kind::connected, socket, 0); }
  void refused(Socket socket, Refusal why) {
    call(Kind::refused, socket, static_cast<std::uint64_t>(why));
  }
  void ended(Socket socket, Ending how) {
    call(Kind::ended, socket, static_cast<std::uint64_t>(how));
  }
  void drained(Socket socket) { call(Kind::drained, socket, 0); }
  void synced(std::uint64_t ticket, bool ok);
  void clock_stepped() { call(Kind::clock_stepped, Socket::none, 0); }
  // Hints (see Scheduler::foresee): what a call will touch.
  void soon() const { fetch(this, hot); }
  void soon(Socket socket, NodeId peer, int stage) const;

  // True if the program has them; false: they wait, and the network hears of it by taken().
  bool received(Socket socket, View bytes);

 private:
  friend class World;
  struct Call {
    Kind kind;
    Socket socket;
    std::uint64_t word;
    std::vector<std::uint8_t> bytes;
  };

  static void foresee_wake(const Task& task, int stage);
  static void wake(void* self, std::uint64_t incarnation, std::uint64_t tag);
  static void serve(void* self, std::uint64_t incarnation, std::uint64_t turn);
  void call(Kind kind, Socket socket, std::uint64_t word);
  bool now() const {  // not later
    return !held_ || (!paused_ && !waits() && free_at_ <= scheduler_.now());
  }
  [[gnu::noinline]] void later(Kind kind, Socket socket, std::uint64_t word, View bytes);
  void run(Kind kind, Socket socket, std::uint64_t word, View bytes);
  void arrange();  // asks for the next turn, if calls wait and may run
  void note_busy();
  bool waits() const { return next_ < waiting_.size(); }
  void forget();

  // First what every call touches, the clock included.
  static constexpr std::size_t hot = 128;
  NodeId id_;
  bool up_ = false;
  bool host_up_ = false;
  bool paused_ = false;
  bool held_ = false;  // paused, slow, or others wait already
  std::uint32_t incarnation_ = 0;
  std::uint32_t running_ = 0;  // calls on the stack
  Program& program_;
  Trace& trace_;
  Scheduler& scheduler_;
  Network& network_;
  Duration per_call_{};
  Instant free_at_{};
  Clock clock_;
  std::unique_ptr<Disk> disk_;

  std::uint64_t turn_ = 0;  // of the serve event that counts; older ones are stale
  std::vector<Call> waiting_;
  std::size_t next_ = 0;
};

}  // namespace hubproof::sim
