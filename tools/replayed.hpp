// What became of a bundle's failure when it was run again.
#pragma once

#include <optional>
#include <string>

#include "tools/bundle.hpp"
#include "tools/campaign.hpp"

namespace hubproof::tools {

enum class Replayed : std::uint8_t {
  same_run,       // the same failure, and all that happened was the same
  same_failure,   // the same failure in another run: the program is another
  other_failure,  // the clause fails, but in another way
  fixed,          // the clause was exercised and passes
  stale,          // what the clause is about does not come up any more, or cannot be decided
  not_reached     // the run was ended before the failure could come (--until)
};

// `until`: where the run was ended, if not at its own end.
Replayed replayed(const Bundle& bundle, const CampaignResult& result,
                  std::optional<sim::Duration> until = std::nullopt);
const char* replayed_word(Replayed how);              // "same run"
std::string replayed_sentence(const Bundle& bundle, Replayed how);

}  // namespace hubproof::tools
