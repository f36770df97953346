// The page reports/kill-matrix.md: mutants against strategies, and against checks.
#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

#include "model/mutants/mutant.hpp"
#include "tools/zoo.hpp"

namespace hubproof::tools {
namespace {

struct Median {
  bool hunted = false;
  bool found = false;
  double cpu_s = 0;
};

// The middle one of the hunts; one that found nothing is longer than all that did.
Median median_of(const ZooResult& result, std::string_view mutant, Strategy strategy) {
  std::vector<const Hunt*> hunts;
  for (const Hunt& hunt : result.hunts)
    if (hunt.mutant == mutant && hunt.strategy == strategy) hunts.push_back(&hunt);
  if (hunts.empty()) return {};
  std::ranges::sort(hunts, [](const Hunt* one, const Hunt* other) {
    return one->found != other->found ? one->found : one->cpu_s < other->cpu_s;
  });
  const Hunt& middle = *hunts[(hunts.size() - 1) / 2];
  return {true, middle.found, middle.cpu_s};
}

std::string seconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.2f" : "%.0f", value);
  return text;
}

std::string cell(const Median& median) {
  if (!median.hunted) return "";
  return median.found ? seconds(median.cpu_s) : "> " + seconds(median.cpu_s);
}

bool rare(const model::Mutant* mutant) { return mutant != nullptr && mutant->rare; }

// The best strategy's median, if it found the mutant.
std::optional<double> best_of(const ZooResult& result, std::string_view mutant) {
  std::optional<double> best;
  for (std::size_t at = 0; at < strategy_names.size(); ++at) {
    const Median median = median_of(result, mutant, static_cast<Strategy>(at));
    if (median.hunted && median.found && (!best || median.cpu_s < *best)) best = median.cpu_s;
  }
  return best;
}

std::optional<double> middle(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  return values[(values.size() - 1) / 2];
}

std::vector<std::string> columns_of(const ZooOptions& options) {
  std::vector<std::string> columns;
  for (const auto* list : {&options.strategies, &options.rare_strategies})
    for (const Strategy strategy : *list)
      if (std::ranges::count(columns, std::string{name(strategy)}) == 0) columns.emplace_back(name(strategy));
  return columns;
}

Strategy strategy_of(const std::string& column) {
  return static_cast<Strategy>(std::ranges::find(strategy_names, column) - strategy_names.begin());
}

std::string row(const ZooResult& result, const ZooOptions& options, const model::Mutant* mutant) {
  const std::string name = mutant == nullptr ? std::string{right_hub} : mutant->name;
  std::string line = "| " + name + " | " + (mutant == nullptr ? "none" : mutant->meant_for) + " | " +
                     (rare(mutant) ? "rare" : "") + " |";
  for (const std::string& column : columns_of(options))
    line += " " + cell(median_of(result, name, strategy_of(column))) + " |";
  std::vector<std::string> others;
  for (const Hunt& hunt : result.hunts)
    if (hunt.mutant == name)
      for (const std::string& check : hunt.checks)
        if ((mutant == nullptr || check != mutant->meant_for) && std::ranges::count(others, check) == 0)
          others.push_back(check);
  line += " ";
  for (std::size_t at = 0; at < others.size(); ++at) line += (at == 0 ? "" : ", ") + others[at];
  line += " | ";
  const auto shrunk = std::ranges::find(result.shrunk, name, &ShrunkFind::mutant);
  if (shrunk != result.shrunk.end())
    line += std::to_string(shrunk->faults) + ", " + std::to_string(shrunk->devices) + ", " +
            std::to_string(shrunk->messages) + " in " + seconds(shrunk->seconds) + " s" +
            (shrunk->finished ? "" : " (stopped)");
  return line + " |\n";
}

std::string summary(const ZooResult& result, const ZooOptions& options) {
  std::size_t hunted = 0, found = 0;
  std::vector<double> best, few_faults;
  for (const model::Mutant* mutant : options.mutants) {
    if (mutant == nullptr) continue;
    ++hunted;
    if (const auto one = best_of(result, mutant->name)) {
      ++found;
      best.push_back(*one);
    }
  }
  std::ostringstream text;
  text << found << " of " << hunted << " mutants found by some strategy in the median of their hunts";
  if (const auto value = middle(best)) text << "; the median over the zoo is " << seconds(*value) << " CPU seconds";
  text << ".\n";
  // The rare ones, strategy by strategy, where a hunt that found nothing counts as long as it took.
  text << "\nOver the rare ones, the median of what each strategy takes, in CPU seconds:";
  for (const Strategy strategy : options.rare_strategies) {
    std::vector<double> times;
    for (const model::Mutant* mutant : options.mutants)
      if (rare(mutant))
        if (const Median median = median_of(result, mutant->name, strategy); median.hunted)
          times.push_back(median.cpu_s);
    if (const auto value = middle(times)) text << " " << name(strategy) << " " << seconds(*value) << ";";
  }
  text << "\n";
  if (!result.shrunk.empty()) {
    std::size_t small = 0;
    double longest = 0;
    for (const ShrunkFind& one : result.shrunk) {
      if (one.faults <= 5) ++small;
      longest = std::max(longest, one.seconds);
    }
    text << "\nShrunk: " << small << " of " << result.shrunk.size()
         << " to at most five faults; the longest took " << seconds(longest) << " seconds.\n";
  }
  if (!result.whole) text << "\nThe zoo was stopped before its end; the same command goes on.\n";
  return text.str();
}

bool failed_at(const ZooResult& result, std::string_view mutant, std::string_view check) {
  return std::ranges::any_of(result.hunts, [&](const Hunt& hunt) {
    return hunt.mutant == mutant && std::ranges::count(hunt.checks, check) > 0;
  });
}

std::string consequences_section(const ZooResult& result) {
  std::ostringstream rows;
  for (const Consequence& one : consequences()) {
    std::string mutants;
    for (const std::string_view mutant : one.mutants)
      if (failed_at(result, mutant, one.check)) mutants += (mutants.empty() ? "" : ", ") + std::string{mutant};
    if (!mutants.empty()) rows << "| " << one.check << " | " << mutants << " | " << one.why << " |\n";
  }
  if (rows.str().empty()) return "";
  return "\n## What else failed, and was right to\n\n"
         "A defect breaks more than the one promise that it was made for. A person judged one finding of each; a false\n"
         "alarm of the same check at the same mutant would not show.\n\n"
         "| check | mutants | because |\n| --- | --- | --- |\n" + rows.str();
}

std::string unexplained_section(const ZooResult& result) {
  const std::vector<Unexplained> all = unexplained(result);
  if (all.empty()) return "\nNo check failed falsely, as far as these hunts show.\n";
  std::ostringstream page;
  page << "\n## What else failed, and may be a false alarm\n\n| mutant | check | where |\n| --- | --- | --- |\n";
  for (const Unexplained& one : all)
    page << "| " << one.mutant << " | " << one.check << " | " << one.where << " |\n";
  return page.str();
}

}  // namespace

std::string kill_matrix(const ZooResult& result, const ZooOptions& options, const std::string& command) {
  std::ostringstream page;
  page << "# Kill matrix\n\nMade by `" << command << "`.\n\n"
       << "Each row is a wrong hub, device or service: the right one with one named defect. A strategy has found\n"
       << "it when the check meant for it fails. The figures are CPU seconds to that, the median of "
       << options.attempts << " hunts\nwith other seeds; a hunt gives up after "
       << options.give_up.count() / 1'000'000'000 << " CPU seconds. Checks that failed besides stand beside, and\n"
       << "what the first find shrinks to: faults, devices, messages, and how long that took. The row `" << right_hub
       << "` is the\nright hub: there a find is a false alarm.\n\n"
       << summary(result, options) << "\n| mutant | meant for | |";
  for (const std::string& column : columns_of(options)) page << " " << column << " |";
  page << " also failed | shrunk to |\n| --- | --- | --- |";
  for (std::size_t at = 0; at < columns_of(options).size(); ++at) page << " ---: |";
  page << " --- | --- |\n";
  std::map<std::string, std::vector<std::string>> by_check;
  for (const model::Mutant* mutant : options.mutants) {
    page << row(result, options, mutant);
    if (mutant != nullptr && best_of(result, mutant->name)) by_check[mutant->meant_for].push_back(mutant->name);
  }
  page << "\n## By check\n\n| check | mutants that it found |\n| --- | --- |\n";
  for (const auto& [check, mutants] : by_check) {
    page << "| " << check << " | ";
    for (std::size_t i = 0; i < mutants.size(); ++i) page << (i == 0 ? "" : ", ") << mutants[i];
    page << " |\n";
  }
  page << consequences_section(result) << unexplained_section(result);
  return page.str();
}

bool all_found(const ZooResult& result, const ZooOptions& options) {
  return std::ranges::all_of(options.mutants, [&](const model::Mutant* mutant) {
    if (mutant != nullptr) return best_of(result, mutant->name).has_value();
    return std::ranges::none_of(result.hunts, [](const Hunt& hunt) { return hunt.mutant == right_hub && hunt.found; });
  });
}

}  // namespace hubproof::tools
