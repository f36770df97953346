// What makes two failures the same: the clause, the kind of participant that saw the evidence, and
// the facts without their names and figures. One bug in a thousand seeds has one signature.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/scenario.hpp"

namespace hubproof::tools {

// "INV-01 hub: # of a device was acknowledged at # and never read". Names become the role of who
// bears them, words with a digit become #, and what is told of further occurrences is left out.
// `witness`: a node, or conformance::no_witness.
std::string signature_of(std::string_view clause, std::uint32_t witness, std::string_view what,
                         const Scenario& scenario);

}  // namespace hubproof::tools
