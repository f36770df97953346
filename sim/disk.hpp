// What a node wrote, what it synced, and what a crash leaves of the difference. Files are
// append-only and have numbers for names.
//
// The law of a crash: what a completed sync covers stays. Of the rest, each block of 512 bytes
// stays or is lost on its own, and the file may be shorter; lost blocks that lie before the end
// read as zeros. A file that was never synced may be gone. Removal is at once and for good.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "sim/choices.hpp"
#include "sim/distribution.hpp"
#include "sim/process.hpp"

namespace hubproof::sim {

struct DiskSettings {
  Distribution sync_latency =
      Distribution::uniform(std::chrono::microseconds{100}, std::chrono::microseconds{400});
  std::uint64_t capacity = ~std::uint64_t{0};
};

class Disk {
 public:
  static constexpr std::size_t block = 512;

  Disk(Process& process, Scheduler& scheduler, Choices& choices, Trace& trace);

  bool append(std::uint64_t file, View bytes);  // false: no room, or a fault says so
  // Later Program::synced(ticket, ok). It covers all earlier appends to the file; syncs are served
  // in the order asked. One that failed covers nothing; a later one may still succeed.
  void sync(std::uint64_t file, std::uint64_t ticket);
  void remove(std::uint64_t file);
  std::vector<std::uint64_t> files() const;  // ascending
  View read(std::uint64_t file) const;       // until the next append or removal
  std::uint64_t used() const { return used_; }
  std::uint64_t capacity() const { return settings_.capacity; }
  void settings(const DiskSettings& settings) { settings_ = settings; }

  // Faults. Several of a kind may hold at once, so each is set as a whole by the nemesis.
  struct Trouble {
    bool full = false;
    bool silent = false;  // syncs get no answer until this ends
    bool torn = false;    // a crash leaves garbage in the last block that it wrote
    Ratio sync_error{};
    bool slow = false;
    Distribution extra{};  // of slow, on top of each sync
  };
  void trouble(const Trouble& trouble);
  // One bit of one file with (name & mask) == value flips; nothing happens if there is none. Files that the mask
  // tells apart are copies of one another, and one of them stays whole: nothing happens either while there is a
  // file with a flipped bit among the others, which its owner has not replaced yet.
  void rot(std::uint64_t mask, std::uint64_t value);

  void crashed();  // applies the law; called by the world

 private:
  struct File {
    std::vector<std::uint8_t> bytes;
    std::uint64_t durable = 0;
    bool known = false;       // a sync completed, so the name itself is durable
    bool rotten = false;      // one of its bits has flipped
    std::uint64_t birth = 0;  // tells a file from one of the same name removed before it
  };
  struct Sync {
    std::uint64_t file;
    std::uint64_t birth;
    std::uint64_t upto;
    std::uint64_t ticket;
    std::uint32_t incarnation;
  };

  File* find(std::uint64_t name) {  // null: there is none
    return used_last_ != nullptr && used_last_name_ == name ? used_last_ : look_up(name);
  }
  File* look_up(std::uint64_t name);
  File& create(std::uint64_t name);
  static void done(void* self, std::uint64_t epoch, std::uint64_t);
  void serve();
  void lose(std::uint64_t name, File& file);

  Process& process_;
  Scheduler& scheduler_;
  Choices& choices_;
  Trace& trace_;
  DiskSettings settings_;
  Trouble trouble_;
  std::map<std::uint64_t, File> files_;
  File* used_last_ = nullptr;  // one of them, by its name; null: of none
  std::uint64_t used_last_name_ = 0;
  std::vector<std::uint8_t> spare_;  // the buffer of a file that was removed, for the next one
  std::uint64_t used_ = 0;
  std::vector<Sync> syncs_;  // asked for, in order; those before next_ are answered
  std::size_t next_ = 0;
  std::size_t due_ = 0;  // how many of those that wait have had their time
  Instant last_due_{};
  std::uint64_t epoch_ = 0;  // crashes so far
  std::uint64_t births_ = 0;
};

}  // namespace hubproof::sim
