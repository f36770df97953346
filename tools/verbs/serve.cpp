// hubproof serve: the hub on real sockets.
#include "tools/serve.hpp"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "model/mutants/mutant.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/scenario_fields.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {

namespace {

// Gives true, or says what is wrong.
bool read_routes(const std::string& file, model::Routing& routing) {
  std::string text;
  std::string wrong;
  if (!read_file(file, largest_document, text, wrong)) {
    std::fprintf(stderr, "hubproof serve: --routes: %s\n", wrong.c_str());
    return false;
  }
  Problems problems;
  if (const auto document = object_of(text, problems))
    read_fields(*document, "", {}, problems, [&](Fields& fields) { routing_fields(fields, routing); });
  if (problems.empty()) return true;
  std::fprintf(stderr, "%s", problems_text(file, problems).c_str());
  return false;
}

}  // namespace

int serve_verb(const ServeArguments& arguments) {
  ServeOptions options;
  options.listen = arguments.listen;
  if (options.listen.empty()) options.listen.emplace_back("mqtt=127.0.0.1:1883");
  options.store = arguments.store;
  options.tls = arguments.tls;
  options.names = arguments.names;
  options.rules = arguments.profile.empty() ? model::Rules{} : *model::profile(arguments.profile);
  if (!arguments.routes.empty() && !read_routes(arguments.routes, options.rules.hub.routing)) return exit_bad_input;
  options.rules.hub.access = arguments.open ? model::Access::open : model::Access::verified;
  options.terms = model::terms(options.rules);
  options.mutant = arguments.mutant;
  if (!arguments.mutant.empty()) model::find_mutant(arguments.mutant)->apply(options.rules);
  options.devices = arguments.devices;
  options.control = arguments.control;
  options.history = arguments.history;
  options.faults = arguments.faults;
  options.seed = arguments.seed;
  options.fault_properties = arguments.fault_properties;
  const int code = serve(options);
  std::error_code ignored;
  if (code != exit_pass || !std::filesystem::is_regular_file(arguments.history, ignored)) return code;
  JudgeArguments judge;
  judge.history = arguments.history;
  return judge_verb(judge);
}

}  // namespace hubproof::tools
