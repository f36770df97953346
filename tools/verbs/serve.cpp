// hubproof serve: the hub on real sockets.
#include "tools/serve.hpp"

#include "model/mutants/mutant.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {

int serve_verb(const ServeArguments& arguments) {
  ServeOptions options;
  options.listen = arguments.listen;
  if (options.listen.empty()) options.listen.emplace_back("mqtt=127.0.0.1:1883");
  options.store = arguments.store;
  options.tls = arguments.tls;
  options.names = arguments.names;
  options.rules = arguments.profile.empty() ? model::Rules{} : *model::profile(arguments.profile);
  options.mutant = arguments.mutant;
  if (!arguments.mutant.empty()) model::find_mutant(arguments.mutant)->apply(options.rules);
  options.rules.hub.access = arguments.open ? model::Access::open : model::Access::verified;
  options.devices = arguments.devices;
  options.control = arguments.control;
  options.history = arguments.history;
  return serve(options);
}

}  // namespace hubproof::tools
