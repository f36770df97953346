#include "tools/real_disk.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace hubproof::tools {
namespace {

constexpr std::string_view ending = ".hpj";
constexpr std::size_t most_open = 16;
constexpr std::uint64_t last_file = 9'999'999'999;  // of ten digits, as all names are

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_{number} {}
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

std::string with_reason(const std::string& what, int error) {
  return what + ": " + std::strerror(error);
}

std::string file_name(std::uint64_t number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%010llu", static_cast<unsigned long long>(number));
  return text.data() + std::string{ending};
}

std::optional<std::uint64_t> file_number(std::string_view name) {
  if (!name.ends_with(ending)) return {};
  name.remove_suffix(ending.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return {};
  if (number > last_file || file_name(number) != std::string{name} + std::string{ending}) return {};
  return number;
}

bool read_whole(const std::string& path, model::Bytes& bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0) return false;
  bytes.resize(static_cast<std::size_t>(about.st_size));
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + at, bytes.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    at += static_cast<std::size_t>(got);
  }
  bytes.resize(at);
  return true;
}

// What is asked of the disk, in order; bytes lie in one arena.
struct Batch {
  enum class Kind : std::uint8_t { append, sync, remove };
  struct Operation {
    Kind kind;
    std::uint64_t file = 0;
    model::Ticket ticket{};
    std::size_t from = 0;
    std::size_t size = 0;
  };
  std::vector<Operation> list;
  model::Bytes arena;
};

// What the thread knows: the directory, the files that are open, and the first failure.
class Writer {
 public:
  Writer(std::string directory, Descriptor folder)
      : directory_{std::move(directory)}, folder_{std::move(folder)} {}

  std::vector<std::pair<model::Ticket, bool>> perform(const Batch& batch) {
    std::vector<std::pair<model::Ticket, bool>> done;
    for (const Batch::Operation& operation : batch.list) {
      switch (operation.kind) {
        case Batch::Kind::append:
          append(operation.file, model::View{batch.arena}.subspan(operation.from, operation.size));
          break;
        case Batch::Kind::sync: done.emplace_back(operation.ticket, sync(operation.file)); break;
        case Batch::Kind::remove: remove(operation.file); break;
      }
    }
    return done;
  }
  const std::string& problem() const { return problem_; }

 private:
  std::string path(std::uint64_t file) const { return directory_ + "/" + file_name(file); }
  void failed(const char* verb, std::uint64_t file, int error) {
    if (problem_.empty()) problem_ = with_reason(std::string{verb} + " " + path(file), error);
  }

  int descriptor(std::uint64_t file) {
    if (const auto found = open_.find(file); found != open_.end()) return found->second.get();
    const std::string name = file_name(file);
    Descriptor opened{::openat(folder_.get(), name.c_str(),
                               O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (opened) {
      folder_changed_ = true;
    } else if (errno == EEXIST) {
      opened = Descriptor{
          ::openat(folder_.get(), name.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC, 0644)};
    }
    if (!opened) {
      failed("cannot open", file, errno);
      return -1;
    }
    if (open_.size() >= most_open) open_.erase(open_.begin());
    return open_.emplace(file, std::move(opened)).first->second.get();
  }

  void append(std::uint64_t file, model::View bytes) {
    if (!problem_.empty()) return;  // a gap in a file would be worse than its end
    const int to = descriptor(file);
    while (to >= 0 && !bytes.empty()) {
      const ssize_t written = ::write(to, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("cannot write to", file, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  bool sync(std::uint64_t file) {
    if (!problem_.empty()) return false;
    const int to = descriptor(file);
    if (to < 0) return false;
    if (::fdatasync(to) != 0) {
      failed("cannot sync", file, errno);
      return false;
    }
    if (folder_changed_ && ::fsync(folder_.get()) != 0) {
      failed("cannot sync the directory of", file, errno);
      return false;
    }
    folder_changed_ = false;
    return true;
  }

  void remove(std::uint64_t file) {
    if (!problem_.empty()) return;
    open_.erase(file);
    if (::unlinkat(folder_.get(), file_name(file).c_str(), 0) == 0) folder_changed_ = true;
  }

  std::string directory_;
  Descriptor folder_;
  std::map<std::uint64_t, Descriptor> open_;
  bool folder_changed_ = false;
  std::string problem_;
};

}  // namespace

struct RealDisk::Parts {
  Hooks hooks;
  std::string directory;
  Descriptor lock;                 // held as long as this lives
  std::optional<Writer> writer;    // the thread's own; absent: nothing is kept
  Batch collected;                 // the loop's own
  bool busy = false;               // the thread has a batch, or the loop has not seen its results
  std::size_t handed = 0;          // its bytes
  std::string problem;

  std::mutex mutex;                // for the three below
  std::condition_variable changed;
  std::optional<Batch> order;
  bool stop = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // the loop's; posts may come late
  std::thread thread;

  void work(const std::weak_ptr<bool>& still_wanted) {
    for (;;) {
      std::unique_lock hold{mutex};
      changed.wait(hold, [&] { return order || stop; });
      if (!order) return;
      const Batch batch = std::move(*order);
      order.reset();
      hold.unlock();
      auto done = writer->perform(batch);
      hooks.post([this, still_wanted, done = std::move(done), what = writer->problem()] {
        if (!still_wanted.expired()) finished(done, what);
      });
    }
  }

  void finished(const std::vector<std::pair<model::Ticket, bool>>& done, const std::string& what) {
    busy = false;
    handed = 0;
    if (problem.empty()) problem = what;
    for (const auto& [ticket, ok] : done) hooks.synced(ticket, ok);
    hand_over();
  }

  void hand_over() {
    if (busy || collected.list.empty()) return;
    busy = true;
    handed = collected.arena.size();
    if (!writer) {
      std::vector<std::pair<model::Ticket, bool>> done;
      for (const Batch::Operation& operation : collected.list)
        if (operation.kind == Batch::Kind::sync) done.emplace_back(operation.ticket, true);
      collected = {};
      hooks.post([this, still = std::weak_ptr{alive}, done = std::move(done)] {
        if (!still.expired()) finished(done, {});
      });
      return;
    }
    {
      const std::lock_guard hold{mutex};
      order = std::exchange(collected, {});
    }
    changed.notify_one();
  }
};

RealDisk::RealDisk(Hooks hooks) : parts_{std::make_unique<Parts>()} {
  parts_->hooks = std::move(hooks);
}

RealDisk::~RealDisk() {
  parts_->alive.reset();
  if (!parts_->thread.joinable()) return;
  {
    const std::lock_guard hold{parts_->mutex};
    parts_->stop = true;
  }
  parts_->changed.notify_one();
  parts_->thread.join();
  parts_->writer->perform(parts_->collected);
}

std::unique_ptr<RealDisk> RealDisk::nowhere(Hooks hooks) {
  return std::make_unique<RealDisk>(std::move(hooks));
}

std::unique_ptr<RealDisk> RealDisk::open(const std::string& directory, Hooks hooks,
                                         std::string& problem) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    problem = "cannot create " + directory + ": " + error.message();
    return nullptr;
  }
  Descriptor folder{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder) {
    problem = with_reason("cannot open " + directory, errno);
    return nullptr;
  }
  Descriptor lock{::openat(folder.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  if (!lock) {
    problem = with_reason("cannot write in " + directory, errno);
    return nullptr;
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    problem = errno == EWOULDBLOCK ? directory + " is in use by another process"
                                   : with_reason("cannot lock " + directory, errno);
    return nullptr;
  }
  auto disk = std::make_unique<RealDisk>(std::move(hooks));
  Parts& parts = *disk->parts_;
  parts.directory = directory;
  parts.lock = std::move(lock);
  parts.writer.emplace(directory, std::move(folder));
  parts.thread =
      std::thread{[&parts, wanted = std::weak_ptr{parts.alive}] { parts.work(wanted); }};
  return disk;
}

bool RealDisk::read(std::vector<File>& files, std::string& problem) const {
  if (!parts_->writer) return true;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{parts_->directory, error}, end;
       !error && entry != end; entry.increment(error))
    if (const auto number = file_number(entry->path().filename().string()))
      files.push_back({*number, {}});
  if (error) {
    problem = "cannot list " + parts_->directory + ": " + error.message();
    return false;
  }
  std::ranges::sort(files, {}, &File::name);
  for (File& file : files) {
    if (read_whole(path(file.name), file.bytes)) continue;
    problem = with_reason("cannot read " + path(file.name), errno);
    return false;
  }
  return true;
}

std::string RealDisk::path(std::uint64_t file) const { return parts_->directory + "/" + file_name(file); }

// One more name when another file has this one; none of its own for a copy that is there already.
std::string RealDisk::set_aside(const File& file, std::string& problem) const {
  std::string aside;
  for (int turn = 1;; ++turn) {
    aside = path(file.name) + ".damaged" + (turn == 1 ? "" : "." + std::to_string(turn));
    model::Bytes there;
    std::error_code ignored;
    if (!std::filesystem::exists(std::filesystem::symlink_status(aside, ignored))) break;
    if (std::filesystem::is_regular_file(aside, ignored) && read_whole(aside, there) && there == file.bytes)
      return aside;
  }
  const std::string part = aside + ".part";
  const Descriptor out{::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  std::size_t at = 0;
  bool good = static_cast<bool>(out);
  while (good && at < file.bytes.size()) {
    const ssize_t put = ::write(out.get(), file.bytes.data() + at, file.bytes.size() - at);
    good = put > 0 || (put < 0 && errno == EINTR);
    if (put > 0) at += static_cast<std::size_t>(put);
  }
  if (good && ::fsync(out.get()) == 0 && ::rename(part.c_str(), aside.c_str()) == 0) return aside;
  problem = with_reason("cannot keep a copy of " + path(file.name) + " as " + aside, errno);
  ::unlink(part.c_str());
  return {};
}

void RealDisk::append(std::uint64_t file, model::View bytes) {
  Batch& batch = parts_->collected;
  batch.list.push_back({Batch::Kind::append, file, {}, batch.arena.size(), bytes.size()});
  if (parts_->writer) batch.arena.insert(batch.arena.end(), bytes.begin(), bytes.end());
}

void RealDisk::sync(std::uint64_t file, model::Ticket ticket) {
  parts_->collected.list.push_back({Batch::Kind::sync, file, ticket, 0, 0});
}

void RealDisk::remove(std::uint64_t file) {
  parts_->collected.list.push_back({Batch::Kind::remove, file, {}, 0, 0});
}

void RealDisk::lose() { parts_->collected = {}; }

void RealDisk::flush() { parts_->hand_over(); }

std::size_t RealDisk::backlog() const { return parts_->handed + parts_->collected.arena.size(); }

bool RealDisk::idle() const { return !parts_->busy && parts_->collected.list.empty(); }

const std::string& RealDisk::problem() const { return parts_->problem; }

}  // namespace hubproof::tools
