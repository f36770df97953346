#include "sim/process.hpp"

#include <utility>

#include "sim/disk.hpp"
#include "sim/ensure.hpp"
#include "sim/network.hpp"

namespace hubproof::sim {

Process::Process(NodeId id, Program& program, Scheduler& scheduler, Trace& trace, Network& network)
    : id_{id}, program_{program}, trace_{trace}, scheduler_{scheduler}, network_{network} {}

Process::~Process() = default;

void Process::start() {
  if (up_) return;
  up_ = true;
  host_up_ = true;
  network_.started(id_);
  ++incarnation_;
  trace_.note(id_, Kind::started, incarnation_);
  free_at_ = scheduler_.now();
  ++running_;
  program_.started();
  --running_;
  note_busy();
}

void Process::crash(bool host_too) {
  ensure(running_ == 0);  // who is being called cannot be destroyed under the caller's feet
  if (up_) {
    up_ = false;
    trace_.note(id_, Kind::crashed, incarnation_, host_too ? 1 : 0);
    forget();
    host_up_ = !host_too;
    network_.crashed(id_, host_too);
    if (host_too && disk_ != nullptr) disk_->crashed();
    program_.crashed();
  } else if (host_too && host_up_) {
    host_up_ = false;
    network_.crashed(id_, true);
    if (disk_ != nullptr) disk_->crashed();
  }
}

void Process::forget() {
  waiting_.clear();
  next_ = 0;
  ++turn_;
  paused_ = false;
  held_ = per_call_ > Duration::zero();
}

void Process::pause() {
  if (!up_ || paused_) return;
  paused_ = held_ = true;
  trace_.note(id_, Kind::paused);
}

void Process::resume() {
  if (!up_ || !paused_) return;
  paused_ = false;
  held_ = waits() || per_call_ > Duration::zero();
  trace_.note(id_, Kind::resumed);
  arrange();
}

void Process::slow(Duration per_call) {
  if (per_call == per_call_) return;
  per_call_ = per_call;
  trace_.note(id_, Kind::slowed, static_cast<std::uint64_t>(per_call.count()));
  free_at_ = scheduler_.now();
  held_ = paused_ || waits() || per_call_ > Duration::zero();
  if (up_) arrange();
}

void Process::wake_at(Instant due, std::uint64_t tag) {
  if (up_) scheduler_.at(due, {&Process::wake, this, incarnation_, tag});
}

// This, received() and synced() do it as run() does: nearly all calls are of these kinds.
void Process::wake(void* self, std::uint64_t incarnation, std::uint64_t tag) {
  auto& process = *static_cast<Process*>(self);
  if (!process.up_ || process.incarnation_ != incarnation) return;
  if (!process.now()) return process.later(Kind::woken, Socket::none, tag, {});
  process.trace_.note(process.id_, Kind::woken, 0, tag);
  ++process.running_;
  process.program_.woken(tag);
  --process.running_;
  if (process.held_) process.note_busy();
}

void Process::soon(Socket socket, NodeId peer, int stage) const {
  constexpr std::size_t start_of_a_program = 384;  // where it keeps what every call touches
  if (stage == 1)
    fetch(&program_, start_of_a_program);
  else if (up_)
    program_.soon(socket, peer, stage == 3);
}

void Process::foresee_wake(const Task& task, int stage) {
  const auto* process = static_cast<const Process*>(task.self);
  if (stage == 0)
    process->soon();
  else
    process->soon(Socket::none, process->id_, stage);
}

void Process::synced(std::uint64_t ticket, bool ok) {
  if (!up_) return;
  const auto answer = static_cast<Socket>(ok ? 1 : 0);
  if (!now()) return later(Kind::synced, answer, ticket, {});
  trace_.note(id_, Kind::synced, static_cast<std::uint64_t>(answer), ticket);
  ++running_;
  program_.synced(ticket, ok);
  --running_;
  if (held_) note_busy();
}

void Process::call(Kind kind, Socket socket, std::uint64_t word) {
  if (!up_) return;
  if (now())
    run(kind, socket, word, {});
  else
    later(kind, socket, word, {});
}

void Process::later(Kind kind, Socket socket, std::uint64_t word, View bytes) {
  waiting_.push_back({kind, socket, word, {bytes.begin(), bytes.end()}});
  held_ = true;
  if (waiting_.size() - next_ == 1) arrange();
}

bool Process::received(Socket socket, View bytes) {
  if (!up_) return true;
  if (!now()) {
    later(Kind::received, socket, 0, bytes);
    return false;
  }
  trace_.note(id_, Kind::received, static_cast<std::uint64_t>(socket), 0, bytes);
  ++running_;
  program_.received(socket, bytes);
  --running_;
  if (held_) note_busy();
  return true;
}

void Process::run(Kind kind, Socket socket, std::uint64_t word, View bytes) {
  trace_.note(id_, kind, static_cast<std::uint64_t>(socket), word, bytes);
  ++running_;
  switch (kind) {
    case Kind::received:
      program_.received(socket, bytes);
      break;
    case Kind::woken:
      program_.woken(word);
      break;
    case Kind::synced:
      program_.synced(word, socket != Socket::none);
      break;
    case Kind::accepted:
      program_.accepted(socket);
      break;
    case Kind::connected:
      program_.connected(socket);
      break;
    case Kind::refused:
      program_.refused(socket, static_cast<Refusal>(word));
      network_.told(socket);
      break;
    case Kind::ended:
      program_.ended(socket, static_cast<Ending>(word));
      network_.told(socket);
      break;
    case Kind::drained:
      program_.drained(socket);
      break;
    case Kind::clock_stepped:
      program_.clock_stepped();
      break;
    default:
      ensure(false);
  }
  --running_;
  if (held_) note_busy();
}

void Process::note_busy() {
  if (per_call_ > Duration::zero()) free_at_ = scheduler_.now() + per_call_;
}

void Process::arrange() {
  if (!waits() || paused_) return;
  scheduler_.at(free_at_, {&Process::serve, this, incarnation_, ++turn_});
}

void Process::serve(void* self, std::uint64_t incarnation, std::uint64_t turn) {
  auto& process = *static_cast<Process*>(self);
  if (!process.up_ || process.incarnation_ != incarnation || process.turn_ != turn) return;
  while (process.waits() && !process.paused_) {
    const Call call = std::move(process.waiting_[process.next_++]);
    // A call about a socket that the program has closed meanwhile would come from the dead.
    const bool about_socket = call.kind != Kind::synced && call.socket != Socket::none;
    if (about_socket && !process.network_.alive(call.socket)) continue;
    process.run(call.kind, call.socket, call.word, call.bytes);
    if (call.kind == Kind::received) process.network_.taken(call.socket, call.bytes.size());
    if (process.per_call_ > Duration::zero()) break;
  }
  if (!process.waits()) {
    process.waiting_.clear();
    process.next_ = 0;
    process.held_ = process.paused_ || process.per_call_ > Duration::zero();
  } else {
    process.arrange();
  }
}

}  // namespace hubproof::sim
