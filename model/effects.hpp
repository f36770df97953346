// What a machine wants done, and what it saw. A driver hands one Effects to a machine's call,
// performs what is in it in order, and clears it; the buffers stay, so a warm one does not allocate.
#pragma once

#include <cstdint>
#include <vector>

#include "model/bytes.hpp"
#include "model/history.hpp"

namespace hubproof::model {

// A driver's name of a connection, unique while the driver lives (in history too).
enum class ConnectionId : std::uint32_t { none = 0 };
enum class FileId : std::uint64_t {};
enum class Ticket : std::uint64_t { none = 0 };

// What a store holds when a process starts: files by number, in ascending order.
struct StoredFile {
  FileId id{};
  View bytes;
};

struct Effect {
  enum class Kind : std::uint8_t {
    send,     // bytes on `connection`
    close,    // `connection`: after what was sent, close it in good order
    abort,    // `connection`: cut it
    connect,  // a device or service wants a connection; `connection` is the id it will use
    append,   // bytes to the end of `file`, which comes to be if it was not there
    sync,     // `file` must be durable: stored(ticket) follows
    remove,   // `file`
    halt      // the machine cannot go on (its storage failed): stop this process; recovery is its cure
  };
  Kind kind;
  ConnectionId connection{};
  std::uint64_t file = 0;  // of a send: how many of its bytes are dressed already, see dress()
  Ticket ticket{};
  std::uint32_t from = 0;  // bytes: from, size in the arena
  std::uint32_t size = 0;
};

class Effects {
 public:
  void send(ConnectionId to, View bytes) {
    Writer{sending(to)}.bytes(bytes);
    sent();
  }
  // Encode in place: append to what sending() returns, then call sent(). Sends in a row to one
  // connection become one effect.
  Bytes& sending(ConnectionId to) {
    if (list_.empty() || list_.back().kind != Effect::Kind::send || list_.back().connection != to)
      list_.push_back({Effect::Kind::send, to, 0, {}, position(), 0});
    return arena_;
  }
  void sent() { list_.back().size = position() - list_.back().from; }

  void close(ConnectionId which) { list_.push_back({Effect::Kind::close, which, 0, {}, 0, 0}); }
  void abort(ConnectionId which) { list_.push_back({Effect::Kind::abort, which, 0, {}, 0, 0}); }
  void connect(ConnectionId which) { list_.push_back({Effect::Kind::connect, which, 0, {}, 0, 0}); }

  // Puts sends into frames, in place: what dress_one(connection, bytes, out) appends to `out` leaves in
  // place of the bytes, unless it says false. farewell(connection, out), told of each connection that is
  // closed or aborted, appends what is said before a close. Bytes are dressed once.
  template <class DressOne, class Farewell>
  void dress(DressOne&& dress_one, Farewell&& farewell);
  // What this connection was sent so far leaves as it is.
  void leave_bare(ConnectionId which) {
    for (Effect& effect : list_)
      if (effect.kind == Effect::Kind::send && effect.connection == which) effect.file = effect.size;
  }

  // Appends in a row to one file become one effect, as with sending().
  Bytes& appending(FileId to) {
    const auto file = static_cast<std::uint64_t>(to);
    if (list_.empty() || list_.back().kind != Effect::Kind::append || list_.back().file != file)
      list_.push_back({Effect::Kind::append, {}, file, {}, position(), 0});
    return arena_;
  }
  void appended() { sent(); }
  void sync(FileId which, Ticket ticket) {
    list_.push_back({Effect::Kind::sync, {}, static_cast<std::uint64_t>(which), ticket, 0, 0});
  }
  void remove(FileId which) {
    list_.push_back({Effect::Kind::remove, {}, static_cast<std::uint64_t>(which), {}, 0, 0});
  }
  void halt() { list_.push_back({Effect::Kind::halt, {}, 0, {}, 0, 0}); }

  // The driver stamps at, local and observer.
  Event& saw(What what, Phase phase = Phase::ok) {
    Event& event = events_.emplace_back();
    event.what = what;
    event.phase = phase;
    return event;
  }

  const std::vector<Effect>& list() const { return list_; }
  std::vector<Event>& events() { return events_; }
  View bytes(const Effect& effect) const { return View{arena_}.subspan(effect.from, effect.size); }
  bool empty() const { return list_.empty() && events_.empty(); }
  void clear() {
    list_.clear();
    arena_.clear();
    events_.clear();
  }

 private:
  std::uint32_t position() const { return static_cast<std::uint32_t>(arena_.size()); }
  void place(Effect& send) {  // what is in dressed_
    send.from = position();
    send.size = static_cast<std::uint32_t>(dressed_.size());
    send.file = send.size;
    arena_.insert(arena_.end(), dressed_.begin(), dressed_.end());
  }

  std::vector<Effect> list_;
  std::vector<Event> events_;
  Bytes arena_;
  Bytes dressed_;  // scratch
};

template <class DressOne, class Farewell>
void Effects::dress(DressOne&& dress_one, Farewell&& farewell) {
  for (std::size_t i = 0; i < list_.size(); ++i) {
    if (list_[i].kind == Effect::Kind::close || list_[i].kind == Effect::Kind::abort) {
      dressed_.clear();
      farewell(list_[i].connection, dressed_);
      if (list_[i].kind == Effect::Kind::abort || dressed_.empty()) continue;
      // Behind what was sent, in one go.
      if (i > 0 && list_[i - 1].kind == Effect::Kind::send && list_[i - 1].connection == list_[i].connection) {
        const View all = bytes(list_[i - 1]);
        dressed_.insert(dressed_.begin(), all.begin(), all.end());
      } else {
        list_.insert(list_.begin() + static_cast<std::ptrdiff_t>(i),
                     {Effect::Kind::send, list_[i].connection, 0, {}, 0, 0});
        ++i;
      }
      place(list_[i - 1]);
      continue;
    }
    Effect& send = list_[i];
    if (send.kind != Effect::Kind::send || send.file == send.size) continue;
    const View all = bytes(send);
    dressed_.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(send.file));
    if (!dress_one(send.connection, all.subspan(send.file), dressed_)) continue;
    place(send);
  }
  // The last effect may be appended to, so its bytes are the last ones.
  if (list_.empty()) return;
  Effect& last = list_.back();
  if (last.size == 0 || last.from + last.size == position()) return;
  dressed_.assign(arena_.begin() + last.from, arena_.begin() + last.from + last.size);
  last.from = position();
  arena_.insert(arena_.end(), dressed_.begin(), dressed_.end());
}

}  // namespace hubproof::model
