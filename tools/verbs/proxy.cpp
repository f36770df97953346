// hubproof proxy: faults between any client and any server.
#include "tools/proxy/proxy.hpp"

#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {

int proxy_verb(const ProxyArguments& arguments) {
  ProxyOptions options;
  options.listen = arguments.listen;
  options.to = arguments.to;
  options.clients = arguments.clients;
  options.faults = arguments.faults;
  options.seed = arguments.seed;
  options.history = arguments.history;
  options.pcap = arguments.pcap;
  options.log = arguments.log;
  options.profile = arguments.profile;
  options.tls = arguments.tls;
  options.names = arguments.names;
  options.trust = arguments.trust;
  return proxy(options);
}

}  // namespace hubproof::tools
