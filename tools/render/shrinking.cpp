// The page reports/shrinking.md: what the first find of each mutant shrinks to.
#include <algorithm>
#include <cstdio>
#include <sstream>

#include "tools/zoo.hpp"

namespace hubproof::tools {
namespace {

// Of real time, as somebody waits for it: CPU of all processes, counted before, is twice that on two idle cores and says nothing of
// the wait. A zoo stops each before; whether one would have taken longer is told by those that did not end by themselves.
constexpr double most_seconds = 30;
constexpr std::size_t most_faults = 5;
constexpr double most_of_minimum = 1.5;

std::string figure(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

double middle(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[(values.size() - 1) / 2];
}

struct Beside {
  const Minimum* minimum = nullptr;
  const ShrunkFind* shrunk = nullptr;
  std::size_t size = 0;
  double ratio = 0;
};

// Minima that fail in the same way as the find that was shrunk.
std::vector<Beside> beside(const ZooResult& result, const std::vector<Minimum>& minima) {
  std::vector<Beside> all;
  for (const Minimum& minimum : minima) {
    const auto shrunk = std::ranges::find(result.shrunk, minimum.mutant, &ShrunkFind::mutant);
    if (shrunk == result.shrunk.end() || std::ranges::count(minimum.signatures, shrunk->signature) == 0) continue;
    const std::size_t size = shrunk->faults + shrunk->devices + shrunk->messages;
    all.push_back({&minimum, &*shrunk, size, static_cast<double>(size) / static_cast<double>(minimum.size)});
  }
  return all;
}

std::vector<double> each(const std::vector<Beside>& all) {
  std::vector<double> ratios;
  for (const Beside& one : all) ratios.push_back(one.ratio);
  return ratios;
}

struct Summary {
  std::size_t ended = 0, same = 0, few_faults = 0, quick = 0;
  std::vector<double> seconds;
};

Summary summary_of(const ZooResult& result) {
  Summary all;
  for (const ShrunkFind& one : result.shrunk) {
    all.ended += one.finished ? 1 : 0;
    all.same += one.same ? 1 : 0;
    all.few_faults += one.faults <= most_faults ? 1 : 0;
    all.quick += one.seconds <= most_seconds ? 1 : 0;
    all.seconds.push_back(one.seconds);
  }
  return all;
}

}  // namespace

std::string shrinking_page(const ZooResult& result, const std::vector<Minimum>& minima, const std::string& command) {
  const Summary summary = summary_of(result);
  const std::size_t count = result.shrunk.size();
  const std::vector<Beside> near = beside(result, minima);
  std::ostringstream page;
  page << "# Shrinking\n\nMade by `" << command << "`.\n\n"
       << "The first find of each mutant, made as small as `hubproof shrink` can. Size is faults, devices and messages,\n"
       << "where commands and registry operations count as messages, clients of a plain broker as devices, and what they\n"
       << "publish as far as it fits into the time that is left to it. It is the same failure when what it shrank to,\n"
       << "run once more, fails with the signature that was found, and the right hub does not. Seconds are of real\n"
       << "time; beside them is the CPU time of all processes.\n\n"
       << "- " << count << " finds were shrunk; " << summary.ended << " ended by themselves.\n"
       << "- The same failure: " << summary.same << " of " << count << ".\n"
       << "- At most " << most_faults << " faults: " << summary.few_faults << " of " << count << ".\n"
       << "- At most " << most_seconds << " seconds: " << summary.quick << " of " << count << "; the median is "
       << figure(middle(summary.seconds)) << " s, the longest "
       << figure(summary.seconds.empty() ? 0 : std::ranges::max(summary.seconds)) << " s.\n"
       << "- Beside the minima that were made by hand: the median ratio of " << near.size() << " is "
       << figure(middle(each(near))) << ".\n";
  if (!result.whole) page << "\nIt was stopped before its end; the same command goes on.\n";
  page << "\n## Beside minima made by hand\n\nThey are in `scenarios/minima/`. Under the hub of the scenario: its "
          "figures stay as they are.\n\n"
       << "| mutant | by hand | shrunk | ratio |\n| --- | ---: | ---: | ---: |\n";
  for (const Minimum& minimum : minima) {
    const auto found = std::ranges::find(near, &minimum, &Beside::minimum);
    page << "| " << minimum.mutant << " | " << minimum.size << " | ";
    if (found != near.end())
      page << found->size << " | " << figure(found->ratio) << " |\n";
    else
      page << "not found in this way | |\n";
  }
  page << "\n## All\n\n| mutant | faults | devices | messages | s | CPU s | runs | | failure |\n"
       << "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |\n";
  for (const ShrunkFind& one : result.shrunk)
    page << "| " << one.mutant << " | " << one.faults << " | " << one.devices << " | " << one.messages << " | "
         << figure(one.seconds) << " | " << figure(one.cpu_s) << " | " << one.runs << " | " << (one.same ? "" : "another ")
         << (one.finished ? "" : "stopped") << " | " << one.signature << " |\n";
  return page.str();
}

bool shrunk_well(const ZooResult& result, const std::vector<Minimum>& minima) {
  const Summary summary = summary_of(result);
  const std::size_t count = result.shrunk.size();
  return result.whole && summary.ended == count && summary.same == count && summary.quick == count &&
         summary.few_faults * 10 >= count * 9 && middle(each(beside(result, minima))) <= most_of_minimum;
}

}  // namespace hubproof::tools
