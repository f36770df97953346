// hubproof serve: the hub on real sockets.
#include "tools/serve.hpp"

#include <cstdio>

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
  options.mutant = arguments.mutant;
  if (!arguments.mutant.empty()) model::find_mutant(arguments.mutant)->apply(options.rules);
  options.rules.hub.access = arguments.open ? model::Access::open : model::Access::verified;
  options.devices = arguments.devices;
  options.control = arguments.control;
  options.history = arguments.history;
  return serve(options);
}

}  // namespace hubproof::tools
