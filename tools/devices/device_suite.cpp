#include "tools/devices/device_suite.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "tools/render/render.hpp"

namespace hubproof::tools {

using conformance::devices::DeviceCase;
using conformance::devices::Needs;
using conformance::devices::Stage;

const conformance::cases::Cases& device_case_table() {
  static const conformance::cases::Cases table = [] {
    conformance::cases::Cases all;
    for (const DeviceCase& each : conformance::devices::device_cases()) {
      conformance::cases::Case& one = all.emplace_back();
      one.name = each.name;
      one.sentence = each.sentence;
      one.clauses = each.clauses;
    }
    return all;
  }();
  return table;
}

const conformance::cases::Case* find_device_case(std::string_view name) {
  const auto found = std::ranges::find(device_case_table(), name, &conformance::cases::Case::name);
  return found == device_case_table().end() ? nullptr : &*found;
}

std::vector<const DeviceCase*> chosen_device_cases(const std::string& only) {
  std::vector<const DeviceCase*> chosen;
  for (const DeviceCase& each : conformance::devices::device_cases())
    if (only.empty() || ::fnmatch(only.c_str(), each.name.c_str(), 0) == 0) chosen.push_back(&each);
  return chosen;
}

std::string why_not(const DeviceCase& which, bool websocket, const conformance::devices::Hello& device) {
  Needs needs = which.needs;
  needs.websocket = websocket;
  return not_for(needs, device);
}

namespace {

conformance::devices::Task<> play_if_it_applies(Stage& stage, const DeviceCase& which) {
  const std::string why = why_not(which, stage.settings().websocket, stage.device());
  if (!why.empty()) co_await stage.does_not_apply(why.c_str());
  co_await which.play(stage);
}

}  // namespace

Stage::Play guarded(const DeviceCase& which) {
  return [&which](Stage& stage) { return play_if_it_applies(stage, which); };
}

CaseResult result_of(const DeviceCase& which, const Stage& stage, const std::string& errors) {
  CaseResult result;
  result.of = find_device_case(which.name);
  result.not_applicable = stage.not_applicable();
  if (!result.not_applicable.empty()) return result;
  bool passed = true;
  for (const auto& [clause, entry] : stage.tally().entries()) {
    result.outcomes.push_back({clause, entry.finding});
    passed = passed && entry.finding.verdict == conformance::Verdict::pass;
  }
  if (passed) return result;
  for (const conformance::devices::TranscriptLine& line : stage.transcript()) {
    std::string time = rounded_seconds((line.at - stage.began()).count());
    if (time.find('.') == std::string::npos) time += '.';
    time.resize(std::max<std::size_t>(time.size(), time.find('.') + 4), '0');
    result.transcript.push_back(std::string(time.size() < 8 ? 8 - time.size() : 0, ' ') + time + "  " + line.text);
  }
  result.missing = stage.broken();
  if (!stage.broken().empty() && !errors.empty()) {
    result.transcript.emplace_back("standard error of the adapter:");
    for (std::size_t from = 0; from < errors.size();) {
      const std::size_t end = std::min(errors.find('\n', from), errors.size());
      result.transcript.push_back("  " + errors.substr(from, end - from));
      from = end + 1;
    }
  }
  return result;
}

}  // namespace hubproof::tools
