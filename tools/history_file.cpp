#include "tools/history_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "conformance/history_json.hpp"

namespace hubproof::tools {
namespace {

constexpr std::size_t first_line = 64u << 10;  // who joins when it is full has no name

}  // namespace

std::unique_ptr<HistoryFile> HistoryFile::open(const std::string& path, std::string& problem) {
  auto history = std::make_unique<HistoryFile>();
  history->file_.reset(std::fopen(path.c_str(), "wb"));
  if (!history->file_) {
    problem = "cannot write " + path + ": " + std::strerror(errno);
    return nullptr;
  }
  return history;
}

void HistoryFile::write(const model::History& header, const model::Event& event) {
  if (failed_) return;
  if (room_ == 0 || header.participants.size() > written_.participants.size())
    write_header(header);
  for (std::size_t note = written_.notes.size(); note < header.notes.size(); ++note)
    written_.notes.push_back(header.notes[note]);
  const std::string line = conformance::write_event(written_, event);
  failed_ = failed_ || std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size();
  // What happens seldom may wait for its reader no longer than what happens often.
  if (event.what != model::What::packet) failed_ = failed_ || std::fflush(file_.get()) != 0;
}

void HistoryFile::write_header(const model::History& header) {
  std::string line = conformance::write_header(header);
  const bool first = room_ == 0;
  if (first) {
    room_ = std::max(first_line, line.size());
  } else if (line.size() > room_) {
    return;
  }
  line.insert(line.size() - 1, room_ - line.size(), ' ');
  const auto size = static_cast<ssize_t>(line.size());
  if (first) {
    failed_ = std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size();
  } else {
    failed_ = std::fflush(file_.get()) != 0 ||
              ::pwrite(::fileno(file_.get()), line.data(), line.size(), 0) != size;
  }
  written_.terms = header.terms;
  written_.participants = header.participants;
}

}  // namespace hubproof::tools
