// Results as people and programs read them: text, JSON and JUnit's XML, one file each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/bundle.hpp"
#include "tools/campaign.hpp"

namespace hubproof::tools {

extern const char* const version;

enum class Format : std::uint8_t { text, json, junit };

struct Rendering {
  bool machine = true;       // CPU time and paths may be told; a replay tells none
  bool history = false;      // it is a history that was judged: no runs, no seeds
  bool colour = false;
  std::string command;       // options that a reproduce line needs besides the seed
  bool by_bundle = false;    // only a bundle reproduces: the seed is the number of a run in a search
};

std::string render_text(const CampaignResult& result, const Rendering& how);
// `bundle`: the one that was replayed; the document then says what became of its failure.
std::string render_json(const CampaignResult& result, bool machine = true,
                        const std::optional<Bundle>& bundle = std::nullopt,
                        std::optional<sim::Duration> until = std::nullopt);
std::string render_junit(const CampaignResult& result);

// One history that was judged, as a result of one run; `profile` is what it was judged by.
std::string render_judged_json(const CampaignResult& result, const std::string& profile);

std::string seconds_text(std::int64_t nanoseconds);        // "93.214", exact
std::string rounded_seconds(std::int64_t nanoseconds);     // "12.3": for people
std::string hex_text(std::uint64_t value);                 // 16 digits
std::string count_text(std::uint64_t count);               // "1,234,567"
std::string span_text(std::int64_t nanoseconds);           // "30d 4h", "12m 5s", "1.2s": for people

}  // namespace hubproof::tools
