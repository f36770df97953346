#include "tools/fault_plan.hpp"

#include "tools/live_faults.hpp"
#include "tools/scenario_fields.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;

void refuse(Problems& problems, std::string where, const sim::Fault& fault, const Cast& cast, bool has_store) {
  where += "/" + std::string{sim::name(fault.kind)};
  if (std::string what = why_not_live(fault, cast.names, has_store); !what.empty())
    problems.push_back({std::move(where), std::move(what)});
}

}  // namespace

Cast live_cast(const std::vector<std::string>& devices) {
  Cast cast;
  cast.names = {"hub"};
  cast.names.insert(cast.names.end(), devices.begin(), devices.end());
  cast.has_disk.assign(cast.names.size(), false);
  cast.has_disk[0] = true;
  for (std::size_t node = 0; node < cast.names.size(); ++node) cast.groups.push_back({cast.names[node], node, 1});
  cast.devices_begin = 1;
  return cast;
}

FaultPlan read_fault_plan(std::string_view json, const Cast& cast, bool has_store, Problems& problems) {
  FaultPlan plan;
  const auto document = object_of(json, problems);
  if (!document) return plan;
  read_fields(*document, "", cast, problems, [&](Fields& f) {
    f.text("reason", "why it exists", plan.reason);
    f.duration("duration", "how long faults last; then all is healed", plan.duration,
               {1ns, std::chrono::hours{24 * 3650}});
    f.need("duration");
    f.list("faults", "at known times", plan.faults, 1000,
           [&](Fields& inner, sim::Fault& one) { fault_fields(inner, one, plan.duration); });
    f.list("nemeses", "faults drawn from the seed", plan.nemeses, 100, [&](Fields& inner, sim::NemesisSpec& one) {
      nemesis_fields(inner, one, plan.duration, cast.names.size());
    });
  });
  if (!problems.empty()) return plan;
  for (std::size_t i = 0; i < plan.faults.size(); ++i)
    refuse(problems, "/faults/" + std::to_string(i), plan.faults[i], cast, has_store);
  for (std::size_t i = 0; i < plan.nemeses.size(); ++i)
    for (std::size_t line = 0; line < plan.nemeses[i].menu.size(); ++line) {
      const sim::Menu& menu = plan.nemeses[i].menu[line];
      const std::string where = "/nemeses/" + std::to_string(i) + "/menu/" + std::to_string(line);
      if (menu.among.empty()) {
        refuse(problems, where, menu.like, cast, has_store);
        continue;
      }
      sim::Fault drawn = menu.like;  // it may hit any one of them
      for (const sim::NodeId node : menu.among) {
        drawn.nodes = {node};
        const std::size_t before = problems.size();
        refuse(problems, where, drawn, cast, has_store);
        if (problems.size() > before) break;
      }
    }
  return plan;
}

std::optional<sim::Fault> read_fault(std::string_view json, const Cast& cast, bool has_store, Problems& problems) {
  const auto document = object_of(json, problems);
  if (!document) return std::nullopt;
  sim::Fault fault;
  read_fields(*document, "", cast, problems, [&](Fields& f) { fault_fields(f, fault, 0s); });
  if (problems.empty() && fault.until != sim::Instant{} && fault.until <= fault.from)
    problems.push_back({"/until", "it ends before it begins"});
  if (problems.empty()) refuse(problems, "", fault, cast, has_store);
  if (!problems.empty()) return std::nullopt;
  return fault;
}

std::vector<sim::Fault> spell_out(const FaultPlan& plan, const Cast& cast, std::uint64_t seed) {
  std::vector<sim::Fault> faults = plan.faults;
  sim::Choices choices{seed};
  for (std::uint32_t node = 0; node < cast.names.size(); ++node) choices.name(sim::NodeId{node}, cast.names[node]);
  for (const sim::NemesisSpec& spec : plan.nemeses) {
    const std::vector<sim::Fault> drawn = sim::draw(choices, spec);
    faults.insert(faults.end(), drawn.begin(), drawn.end());
  }
  return faults;
}

}  // namespace hubproof::tools
