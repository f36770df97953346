// A verdict, the finding that carries it, and how findings combine.
#pragma once

#include <cstdint>
#include <string>

namespace hubproof::conformance {

// What is known of a clause. A fail beats all; else a pass, if any occurrence was decided; else
// inconclusive, if there was an occurrence whose outcome nobody can know.
enum class Verdict : std::uint8_t { not_exercised, inconclusive, pass, fail };

const char* verdict_text(Verdict verdict);

constexpr std::uint64_t no_event = ~std::uint64_t{0};
constexpr std::uint32_t no_witness = ~std::uint32_t{0};

struct Finding {
  Verdict verdict = Verdict::not_exercised;
  std::uint64_t event = no_event;  // the evidence: index into the history
  std::int64_t at = 0;             // true time of the evidence
  std::string text;                // what happened there, in words
  std::uint32_t witness = no_witness;  // of a failure: the participant that saw the evidence

  std::uint64_t passed = 0;        // occurrences, by how each was decided
  std::uint64_t undecided = 0;
  std::uint64_t failed = 0;

  bool exercised() const { return verdict != Verdict::not_exercised; }

  void pass() {
    ++passed;
    if (verdict < Verdict::pass) settle(Verdict::pass);
  }
  void leave_undecided(std::uint64_t index, std::int64_t when, std::string what) {
    ++undecided;
    if (verdict == Verdict::not_exercised) settle(Verdict::inconclusive, index, when, std::move(what));
  }
  // The first failure is the evidence, as it is the one to look at.
  void fail(std::uint64_t index, std::int64_t when, std::string what,
            std::uint32_t who = no_witness) {
    ++failed;
    if (verdict == Verdict::fail) return;
    settle(Verdict::fail, index, when, std::move(what));
    witness = who;
  }

  // Of one clause in two runs, or of two clauses in one.
  void merge(const Finding& other) {
    passed += other.passed;
    undecided += other.undecided;
    failed += other.failed;
    if (other.verdict <= verdict) return;
    settle(other.verdict, other.event, other.at, other.text);
    witness = other.witness;
  }

 private:
  void settle(Verdict to, std::uint64_t index = no_event, std::int64_t when = 0, std::string what = {}) {
    verdict = to;
    event = index;
    at = when;
    text = std::move(what);
  }
};

}  // namespace hubproof::conformance
