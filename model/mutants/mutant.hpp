// The zoo: wrong hubs, devices and services, each the right one with one named defect. A mutant replaces
// rules; no machine knows that it is there. Only tools and tests include this.
#pragma once

#include <span>
#include <string_view>

#include "model/rules.hpp"

namespace hubproof::model {

struct Mutant {
  const char* name;
  const char* sentence;   // the defect
  const char* found_by;   // run: by checks over a simulated run; search; conform
  const char* issue;      // where it was seen in the wild, owner/repo#number; null: nowhere known
  const char* meant_for;  // the check that should find it
  void (*apply)(Rules& rules);
  bool rare = false;      // it shows only when two or three things coincide
};

std::span<const Mutant> mutants();                 // in the order of `list mutants`
const Mutant* find_mutant(std::string_view name);  // null: there is none

// Programs that crash, hang or hoard memory once a queue has grown, for tests of what hubproof makes of
// them. They can be found by name, and nobody lists them.
std::span<const Mutant> accidents();

}  // namespace hubproof::model
