// A bundle as a test: what a file that `hubproof shrink` generates calls.
#pragma once

#include <string>
#include <string_view>

namespace hubproof::tests {

// What fails when the bundle is run again, in words; empty: its failure is gone.
std::string failure_of(std::string_view bundle);

}  // namespace hubproof::tests
