#include "tools/output.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "tools/render/render.hpp"

namespace hubproof::tools {
namespace {

volatile sig_atomic_t interruptions = 0;

void interrupted(int) {
  interruptions = interruptions + 1;
  signal(SIGINT, SIG_DFL);
}

bool complain(const std::string& where) {
  std::fprintf(stderr, "hubproof: cannot write %s: %s\n", where.c_str(), std::strerror(errno));
  return false;
}

}  // namespace

bool colour_wanted() {
  const char* no = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (no == nullptr || *no == '\0');
}

bool print(const std::string& text) {
  errno = 0;
  const bool good = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return good || complain("standard output");
}

bool make_folder(const std::string& verb, const std::string& path) {
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed)
    std::fprintf(stderr, "hubproof %s: cannot make the folder %s: %s\n", verb.c_str(), path.c_str(),
                 failed.message().c_str());
  return !failed;
}

bool may_be_written(const std::string& path) {
  std::error_code ignored;
  const bool was_there = std::filesystem::exists(path, ignored);
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return complain(path);
  std::fclose(file);
  if (!was_there) std::filesystem::remove(path, ignored);
  return true;
}

// Beside it first, so that a full disk takes nothing that was there; a device or a pipe at once.
bool write_file(const std::string& path, const std::string& text) {
  std::error_code ignored;
  const std::filesystem::file_status there = std::filesystem::status(path, ignored);
  const bool in_place = exists(there) && !is_regular_file(there);
  const std::string first = in_place ? path : path + ".part";
  std::FILE* file = std::fopen(first.c_str(), "wb");
  if (file == nullptr) return complain(path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool good = std::fclose(file) == 0 && written &&
                    (in_place || std::rename(first.c_str(), path.c_str()) == 0);
  if (good) return true;
  complain(path);
  if (!in_place) std::filesystem::remove(first, ignored);
  return false;
}

ProgressLine::ProgressLine() : terminal_{isatty(STDERR_FILENO) == 1} {}

void ProgressLine::show(const Progress& progress) {
  if (!terminal_ || progress.elapsed < std::chrono::seconds{1}) return;
  std::fprintf(stderr, "\r\x1b[K%s", progress_text(progress).c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) std::fprintf(stderr, "\r\x1b[K");
  shown_ = false;
}

std::string progress_text(const Progress& progress) {
  const auto elapsed = static_cast<std::uint64_t>(std::max<std::int64_t>(1, progress.elapsed.count()));
  const double seconds = static_cast<double>(elapsed) * 1e-9;
  const double rate = static_cast<double>(progress.done) / seconds;
  std::string text = count_text(progress.done);
  if (progress.total > 0) text += " of " + count_text(progress.total);
  text += " runs  " + count_text(static_cast<std::uint64_t>(rate)) + "/s";
  if (progress.total > progress.done && progress.done > 0) {
    const double left = static_cast<double>(progress.total - progress.done) / rate;
    text += "  " + span_text(static_cast<std::int64_t>(left) * 1'000'000'000) + " left";
  }
  return text + "  " + count_text(progress.failures) + (progress.failures == 1 ? " run" : " runs") +
         " with findings";
}

Interruption::Interruption() {
  interruptions = 0;
  signal(SIGINT, interrupted);
}
Interruption::~Interruption() { signal(SIGINT, SIG_DFL); }
bool Interruption::asked() { return interruptions > 0; }

}  // namespace hubproof::tools
