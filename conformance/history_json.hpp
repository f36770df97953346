// A history as JSON lines, the public form: anybody may write one and have it judged.
//
//   {"hubproof-history": 1, "terms": {...}, "participants": [{"name": "hub", "role": "hub"}, ...]}
//   {"at": 1000, "observer": "d1", "what": "telemetry", "phase": "invoke", "message": "t1-1", ...}
//
// One line opens it and one tells each event, in order. Names are those of model/history.hpp; what
// has its default is left out. Both ways are streams: no history needs to fit into memory.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/history.hpp"

namespace hubproof::conformance {

// Each ends with a line feed.
std::string write_header(const model::History& history);
std::string write_event(const model::History& header, const model::Event& event);

struct HistoryProblem {
  std::uint64_t line = 0;  // from 1
  std::string pointer;     // JSON pointer into that line; empty: the line
  std::string what;        // what was expected and found
  bool operator==(const HistoryProblem&) const = default;
};

class HistoryReader {
 public:
  using OnHeader = std::function<void(const model::History& header)>;
  using OnEvent = std::function<void(const model::Event& event)>;
  HistoryReader(OnHeader on_header, OnEvent on_event);

  void feed(std::string_view bytes);  // any split
  void end();                         // after the last

  // After problems of the header, or too many, nothing more is read or told.
  bool stopped() const { return stopped_; }
  const std::vector<HistoryProblem>& problems() const { return problems_; }
  const std::vector<HistoryProblem>& warnings() const { return warnings_; }  // unknown keys
  const model::History& header() const { return header_; }
  std::uint64_t events() const { return events_; }

  static constexpr std::size_t most_problems = 100;
  static constexpr std::size_t longest_line = 1 << 20;

 private:
  struct Parts;
  void line(std::string_view text);

  OnHeader on_header_;
  OnEvent on_event_;
  std::string rest_;
  model::History header_;
  std::map<std::string, model::NodeIndex, std::less<>> nodes_;
  std::map<std::string, std::uint32_t, std::less<>> notes_;
  std::vector<HistoryProblem> problems_;
  std::vector<HistoryProblem> warnings_;
  std::uint64_t line_ = 0;
  std::uint64_t events_ = 0;
  std::int64_t last_at_ = 0;
  bool open_ = false;
  bool finished_ = false;
  bool stopped_ = false;
};

}  // namespace hubproof::conformance
