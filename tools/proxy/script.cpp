#include "tools/proxy/script.hpp"

#include <algorithm>
#include <array>

#include "model/mqtt/codec.hpp"
#include "tools/fault_plan.hpp"
#include "tools/live_faults.hpp"
#include "tools/scenario_fields.hpp"

namespace hubproof::tools {
namespace {

using sim::FaultKind;

// A proxy has the path between the two, and nothing of either end.
std::string why_not_between(const sim::Fault& fault, const Cast& cast) {
  const sim::Family family = sim::family(fault.kind);
  if (family != sim::Family::network && family != sim::Family::radio)
    return "a proxy has no hand in the " +
           std::string{family == sim::Family::process ? "program" : family == sim::Family::clock ? "clock" : "disk"} +
           " of either end; it can drop, delay, corrupt, reset and hold up what passes";
  return why_not_live(fault, cast.names, false);
}

bool ends_connections(FaultKind kind) { return kind == FaultKind::reset || kind == FaultKind::half_open; }

bool takes_packets(FaultKind kind) {
  return ends_connections(kind) || kind == FaultKind::drop || kind == FaultKind::delay ||
         kind == FaultKind::duplicate || kind == FaultKind::reorder || kind == FaultKind::corrupt;
}

void trigger(Fields& f, Trigger& at, FaultKind kind) {
  constexpr std::array<std::string_view, 3> sides = {"either", "client", "server"};
  constexpr std::array<std::string_view, 3> places = {"before", "inside", "after"};
  constexpr std::array<std::string_view, 3> pers = {"connection", "client", "run"};
  f.text("packet", "its name, such as PUBLISH, transfer, POST, 204; \"*\": any", at.packet);
  f.need("packet");
  f.text("topic", "of a PUBLISH: a filter that its topic matches", at.topic);
  f.choice("from", "who sends it", at.from, sides);
  f.number("count", "the n-th of them alone; absent: each", at.count, {0, 1'000'000'000});
  f.choice("per", "where the count begins again", at.per, pers);
  const std::uint32_t usual = at.count > 0 || ends_connections(kind) ? 1 : 0;
  if (f.reading() && !f.given("times")) at.times = usual;
  f.number("times", "so often in all; 0: without end; absent: once with a count, a reset or a half_open, else 0",
           at.times, {0, 1'000'000'000});
  f.choice("place", "of reset and half_open: where the connection ends", at.place, places);
  if (!f.reading()) return;
  if (!is_packet_name(at.packet)) {
    const auto known = packet_names();
    f.problem("packet", "no packet is called \"" + at.packet.substr(0, 40) + "\"" + did_you_mean(at.packet, known));
  }
  if (!at.topic.empty() && !model::mqtt::valid_topic_filter(at.topic)) f.problem("topic", "not a topic filter");
  if (!at.topic.empty() && at.packet != "PUBLISH") f.problem("topic", "only a PUBLISH has one");
  if (f.given("place") && !ends_connections(kind))
    f.problem("place", "it says where a connection ends, and this fault ends none");
}

void proxy_fault(Fields& f, ProxyFault& one, sim::Duration duration) {
  fault_fields(f, one.fault, duration);
  f.optional("at", one.at, [&](Trigger& at) {
    f.object("at", "the packets that it hits; absent: all that pass between `from` and `until`", at, Trigger{},
             [&](Fields& inner, Trigger& inside) { trigger(inner, inside, one.fault.kind); });
  });
}

}  // namespace

ProxyScript read_proxy_script(std::string_view json, const Cast& cast, Problems& problems) {
  ProxyScript script;
  const auto document = object_of(json, problems);
  if (!document) return script;
  read_fields(*document, "", cast, problems, [&](Fields& f) {
    f.text("reason", "why it exists", script.reason);
    f.duration("duration", "how long faults last; then all is healed; absent: for ever", script.duration,
               {sim::Duration{0}, std::chrono::hours{24 * 3650}});
    f.list("faults", "at known times, or at packets", script.faults, 1000,
           [&](Fields& inner, ProxyFault& one) { proxy_fault(inner, one, script.duration); });
    f.list("nemeses", "faults drawn from the seed", script.nemeses, 100,
           [&](Fields& inner, sim::NemesisSpec& one) {
             nemesis_fields(inner, one, script.duration, cast.names.size());
           });
    if (!script.nemeses.empty() && script.duration == sim::Duration{0})
      f.problem("nemeses", "they need an end: say how long all lasts with \"duration\"");
  });
  if (!problems.empty()) return script;
  const auto refuse = [&](std::string where, const sim::Fault& fault) {
    const std::string what = why_not_between(fault, cast);
    if (!what.empty()) problems.push_back({where + "/" + std::string{sim::name(fault.kind)}, what});
  };
  for (std::size_t i = 0; i < script.faults.size(); ++i) {
    const ProxyFault& one = script.faults[i];
    const std::string where = "/faults/" + std::to_string(i);
    if (!one.at) {
      refuse(where, one.fault);
    } else if (!takes_packets(one.fault.kind)) {
      problems.push_back({where + "/at", std::string{sim::name(one.fault.kind)} +
                                             " hits no single packet; reset, half_open, drop, delay, duplicate, "
                                             "reorder and corrupt do"});
    }
  }
  for (std::size_t i = 0; i < script.nemeses.size(); ++i)
    for (std::size_t line = 0; line < script.nemeses[i].menu.size(); ++line) {
      const sim::Menu& menu = script.nemeses[i].menu[line];
      sim::Fault drawn = menu.like;
      if (!menu.among.empty()) drawn.nodes = menu.among;
      refuse("/nemeses/" + std::to_string(i) + "/menu/" + std::to_string(line), drawn);
    }
  return script;
}

std::vector<sim::Fault> timed_faults(const ProxyScript& script, const Cast& cast, std::uint64_t seed) {
  FaultPlan plan;
  plan.duration = script.duration;
  plan.nemeses = script.nemeses;
  for (const ProxyFault& one : script.faults)
    if (!one.at) plan.faults.push_back(one.fault);
  return spell_out(plan, cast, seed);
}

}  // namespace hubproof::tools
