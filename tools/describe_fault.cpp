#include "tools/describe_fault.hpp"

namespace hubproof::tools {
namespace {

std::string list(const std::vector<sim::NodeId>& nodes, const std::vector<std::string>& names) {
  if (nodes.empty()) return "everybody";
  std::string text;
  for (std::size_t i = 0; i < nodes.size() && i < 5; ++i)
    text += (i == 0 ? "" : ", ") + names[static_cast<std::size_t>(nodes[i])];
  if (nodes.size() > 5) text += " and " + std::to_string(nodes.size() - 5) + " more";
  return text;
}

std::string ratio(sim::Ratio odds) {
  return std::to_string(odds.num) + "/" + std::to_string(odds.den);
}

}  // namespace

std::string describe_fault(const sim::Fault& fault, const std::vector<std::string>& names) {
  std::string text = std::string{sim::name(fault.kind)} + " of " + list(fault.nodes, names);
  if (sim::family(fault.kind) == sim::Family::network && !fault.peers.empty())
    text += (fault.one_way ? " towards " : " and ") + list(fault.peers, names);
  if (fault.odds.num != 0) text += ", odds " + ratio(fault.odds);
  if (fault.loss.good.num != 0) text += ", odds " + ratio(fault.loss.good);
  if (fault.amount.count() != 0)
    text += ", by " + std::to_string(fault.amount.count() / 1'000'000) + " ms";
  if (fault.ppm != 0) text += ", " + std::to_string(fault.ppm) + " ppm";
  return text;
}

}  // namespace hubproof::tools
