#include "tools/conform/conform.hpp"

#include <algorithm>
#include <utility>

#include "tools/conform/traffic.hpp"
#include "tools/render/render.hpp"

namespace hubproof::tools {
namespace {

using namespace conformance::cases;

// The beginning of what is text for the most part.
std::string printable(View bytes) {
  constexpr std::size_t most = 400;
  std::string text;
  for (const std::uint8_t byte : bytes.first(std::min(bytes.size(), most))) {
    if (byte == '\r') continue;
    text += byte == '\n' ? " | " : byte < 0x20 || byte > 0x7e ? "." : std::string(1, static_cast<char>(byte));
  }
  return text + (bytes.size() > most ? " ... (" + std::to_string(bytes.size()) + " bytes)" : "");
}

std::string line_text(const Stage& stage, const Line& line, Instant began) {
  static constexpr const char* doors[] = {"mqtt", "amqp", "http"};
  std::string text = rounded_seconds((line.at - began).count());
  text.insert(0, text.size() < 8 ? 8 - text.size() : 0, ' ');
  if (line.client != Client::none) text += "  c" + std::to_string(static_cast<unsigned>(line.client));
  const View bytes = stage.bytes(line);
  const auto shown = [&] {
    if (line.door == Door::mqtt) return describe(bytes) + "   " + hex(bytes, 48);
    if (line.door == Door::http) return printable(bytes);
    return hex(bytes, 96);
  };
  switch (line.what) {
    case Line::What::connecting: return text + " connects to the door of " + doors[static_cast<std::size_t>(line.door)];
    case Line::What::connected: return text + " is connected";
    case Line::What::refused: return text + " is refused";
    case Line::What::sent: return text + " > " + shown();
    case Line::What::received: return text + " < " + shown();
    case Line::What::ended:
      return text + (line.by == model::EndedBy::reset ? " < the target reset the connection" : " < the target ended the connection");
    case Line::What::closed: return text + (line.by == model::EndedBy::reset ? " > reset" : " > closes");
    case Line::What::note: return text + "  (" + std::string{model::text(bytes)} + ")";
  }
  return text;
}

}  // namespace

conformance::Verdict CaseResult::verdict() const {
  conformance::Finding all;
  bool undecided = false;
  for (const Outcome& each : outcomes) {
    all.merge(each.finding);
    undecided = undecided || each.finding.verdict == conformance::Verdict::inconclusive;
  }
  if (undecided && all.verdict == conformance::Verdict::pass) return conformance::Verdict::inconclusive;
  return all.verdict;
}

CaseResult result_of(const Stage& stage) {
  CaseResult result;
  result.of = &stage.which();
  result.outcomes = stage.outcomes();
  result.missing = stage.missing();
  result.took = stage.took();
  for (const conformance::Judged& judged : judge_traffic(traffic_of(stage))) {
    if (judged.finding.verdict == conformance::Verdict::not_exercised) continue;
    // How late a broker's timers may be is not laid down; the cases of keep-alive grant them a grain, the check does not.
    if (!stage.hub() && judged.id == std::string_view{"INV-19"}) continue;
    result.checked.push_back(judged.id);
    // A case that ended before something could come decides nothing.
    if (judged.finding.verdict != conformance::Verdict::fail) continue;
    conformance::Finding finding = judged.finding;
    finding.text = "over the case's traffic: " + finding.text;
    const auto known = std::ranges::find(result.outcomes, judged.id, &Outcome::clause);
    if (known != result.outcomes.end()) known->finding.merge(finding);
    else result.outcomes.push_back({std::string{judged.id}, std::move(finding)});
  }
  if (result.verdict() != conformance::Verdict::pass && !stage.transcript().empty())
    for (const Line& line : stage.transcript())
      result.transcript.push_back(line_text(stage, line, stage.transcript().front().at));
  return result;
}

namespace {

CaseResult simulate(const Case& one, const Descriptor& descriptor, const ConformOptions& options) {
  if (descriptor.target.amqp10()) return run_simulated(one, descriptor, model::amqp::QueueRules{}, options.seed);
  return run_simulated(one, descriptor, *options.rules, options.seed);
}

// Those first that take long at our own hub in simulation, as they wait for a lock or a batch: whatever begins last is the end.
void longest_first(std::vector<CaseResult*>& chosen, const Descriptor& live, const ConformOptions& options) {
  const Descriptor simulated = simulated_descriptor(live.target.profile);
  ConformOptions right = options;
  const model::Rules* rules = model::profile(live.target.profile);
  if (rules == nullptr && !live.target.amqp10()) return;
  right.rules = rules;
  std::vector<std::pair<model::Duration, std::size_t>> order;  // and those of equal length as they stand
  for (std::size_t at = 0; at < chosen.size(); ++at) order.emplace_back(-simulate(*chosen[at]->of, simulated, right).took, at);
  std::ranges::sort(order);
  std::vector<CaseResult*> sorted;
  for (const auto& [took, at] : order) sorted.push_back(chosen[at]);
  chosen = std::move(sorted);
}

}  // namespace

ConformResult conform(const std::vector<Descriptor>& instances, const ConformOptions& options) {
  const Descriptor& descriptor = instances.front();
  ConformResult result;
  for (const Case& one : cases()) {
    if (!options.only.empty() && !fits(options.only, one.name)) continue;
    CaseResult& each = result.cases.emplace_back();
    each.of = &one;
    each.not_applicable = why_not(one, descriptor);
  }
  std::vector<CaseResult*> chosen;
  for (CaseResult& each : result.cases)
    if (each.not_applicable.empty()) chosen.push_back(&each);
  if (!descriptor.simulated) {
    if (chosen.size() > 1) longest_first(chosen, descriptor, options);
    run_live(instances, options, chosen, result.unreachable);
    result.interrupted = options.stop && options.stop();
    return result;
  }
  for (std::size_t at = 0; at < chosen.size(); ++at) {
    if (options.stop && options.stop()) {
      result.interrupted = true;
      break;
    }
    *chosen[at] = simulate(*chosen[at]->of, descriptor, options);
    if (options.on_progress) options.on_progress(at + 1, chosen.size());
  }
  return result;
}

}  // namespace hubproof::tools
