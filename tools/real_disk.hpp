// A machine's files on a real disk: a directory with files named by number. Appends, syncs and
// removals are done in the order asked, on one thread beside the loop, so that a slow disk holds up
// no connection; what was asked for while it worked is done in one go.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/effects.hpp"

namespace hubproof::tools {

class RealDisk {
 public:
  struct Hooks {
    std::function<void(std::function<void()>)> post;         // runs a function on the loop's thread
    std::function<void(model::Ticket, bool ok)> synced;      // called there, in the order asked
  };

  // Null and a problem in words when the directory cannot be used, or when another process uses it.
  static std::unique_ptr<RealDisk> open(const std::string& directory, Hooks hooks,
                                        std::string& problem);
  // Keeps nothing: every sync succeeds.
  static std::unique_ptr<RealDisk> nowhere(Hooks hooks);

  explicit RealDisk(Hooks hooks);
  ~RealDisk();  // what was flushed is done first

  struct File {
    std::uint64_t name = 0;
    model::Bytes bytes;
  };
  // What the directory holds, ascending. Before the first append.
  bool read(std::vector<File>& files, std::string& problem) const;
  std::string path(std::uint64_t file) const;
  // Keeps a copy of a file beside it, before the machine may remove it; gives the copy's path, or
  // nothing and a problem. A copy that is there already stays.
  std::string set_aside(const File& file, std::string& problem) const;

  void append(std::uint64_t file, model::View bytes);
  void sync(std::uint64_t file, model::Ticket ticket);
  void remove(std::uint64_t file);
  void lose();   // what was asked for since the last batch went to the disk never was: a crash
  void flush();  // call when a burst of the above is complete

  std::size_t backlog() const;         // bytes asked for and not yet written
  bool idle() const;                   // all that was flushed is done, and told
  const std::string& problem() const;  // the first failure in words; from then on every sync fails

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::tools
