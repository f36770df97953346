// What a case came to, clause by clause, and the lines of its transcript that prove it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "conformance/verdict.hpp"

namespace hubproof::conformance::devices {

class Tally {
 public:
  struct Entry {
    Finding finding;
    std::size_t line = 0;  // of the transcript: the evidence, what came before it included
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // How many lines the transcript has; a verdict refers to the last of them.
  void at(std::size_t lines) { lines_ = lines; }

  void pass(std::string_view clause) { entry(clause).finding.pass(); }
  void fail(std::string_view clause, std::string what) {
    Entry& one = entry(clause);
    if (one.finding.failed == 0) one.line = lines_;
    one.finding.fail(no_event, 0, std::move(what));
  }
  void leave_undecided(std::string_view clause, std::string missing) {
    Entry& one = entry(clause);
    if (!one.finding.exercised()) one.line = lines_;
    one.finding.leave_undecided(no_event, 0, std::move(missing));
  }

  bool decided(std::string_view clause) const {
    const auto found = entries_.find(clause);
    return found != entries_.end() && found->second.finding.verdict >= Verdict::pass;
  }
  bool failed() const {
    for (const auto& [clause, one] : entries_)
      if (one.finding.verdict == Verdict::fail) return true;
    return false;
  }
  const Entries& entries() const { return entries_; }

 private:
  Entry& entry(std::string_view clause) {
    const auto found = entries_.find(clause);
    return found != entries_.end() ? found->second : entries_[std::string{clause}];
  }

  Entries entries_;
  std::size_t lines_ = 0;
};

}  // namespace hubproof::conformance::devices
