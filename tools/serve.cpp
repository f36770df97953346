#include "tools/serve.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string_view>

#include "tools/certificates.hpp"
#include "tools/conform/descriptor.hpp"
#include "tools/connection_string.hpp"
#include "tools/document.hpp"
#include "tools/fault_plan.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/history_file.hpp"
#include "tools/output.hpp"
#include "tools/real_hub.hpp"
#include "tools/real_net.hpp"

namespace hubproof::tools {
namespace {

constexpr int usage = 64;
constexpr int bad_input = 65;
constexpr int unreachable = 69;
constexpr int cannot_write = 73;

int refuse(int code, const std::string& what) {
  std::fprintf(stderr, "hubproof serve: %s\n", what.c_str());
  return code;
}

void remark(const std::string& what) { std::fprintf(stderr, "hubproof serve: %s\n", what.c_str()); }

struct DoorAsked {
  std::string scheme;
  RealHub::Door door = RealHub::Door::mqtt;
  bool tls = false;
  HostPort where;
};

struct Scheme {
  const char* name;
  RealHub::Door door;
  bool tls;
};
constexpr Scheme schemes[] = {
    {"mqtt", RealHub::Door::mqtt, false},
    {"mqtts", RealHub::Door::mqtt, true},
    {"amqp", RealHub::Door::amqp, false},
    {"amqps", RealHub::Door::amqp, true},
    {"http", RealHub::Door::http, false},
    {"https", RealHub::Door::http, true},
};

// A folder for the certificates of a hub that keeps nothing else; it goes with it.
class Temporary {
 public:
  ~Temporary() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  bool make(std::string& problem) {
    std::error_code error;
    std::string wanted = (std::filesystem::temp_directory_path(error) / "hubproof-XXXXXX").string();
    if (error || ::mkdtemp(wanted.data()) == nullptr) {
      problem = "cannot make a temporary folder " + wanted + ": " + std::strerror(errno);
      return false;
    }
    path_ = wanted;
    return true;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string door_text(const DoorAsked& asked, std::uint16_t port) {
  const bool v6 = asked.where.host.find(':') != std::string::npos;
  return asked.scheme + "=" + (v6 ? "[" + asked.where.host + "]" : asked.where.host) + ":" +
         std::to_string(port);
}

// SCHEME=HOST:PORT or SCHEME://HOST:PORT. Gives a problem, or nothing when all is well.
std::string read_door(std::string_view text, DoorAsked& asked) {
  const std::string shown{text};
  std::size_t end = text.find("://");
  std::size_t skip = 3;
  if (end == std::string_view::npos) end = text.find('='), skip = 1;
  if (end == std::string_view::npos)
    return "--listen " + shown + ": expected SCHEME=HOST:PORT, for example mqtt=127.0.0.1:1883";
  asked.scheme = text.substr(0, end);
  const auto* scheme = std::ranges::find(schemes, asked.scheme, &Scheme::name);
  if (scheme == std::end(schemes))
    return "--listen " + shown + ": there is no door named " + asked.scheme +
           "; there are mqtt, mqtts, amqp, amqps, http and https";
  asked.door = scheme->door;
  asked.tls = scheme->tls;
  const auto where = host_port(text.substr(end + skip));
  if (!where) return "--listen " + shown + ": expected HOST:PORT after the scheme";
  asked.where = *where;
  if (!is_loopback(asked.where))
    return "--listen " + shown + ": only loopback addresses (127.0.0.1, [::1]) are served by this "
           "version";
  return {};
}

std::vector<std::string> split(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) {
    std::size_t from = 0;
    for (std::size_t comma; (comma = text.find(',', from)) != std::string::npos; from = comma + 1)
      parts.push_back(text.substr(from, comma - from));
    parts.push_back(text.substr(from));
  }
  return parts;
}

// Creates what is not there. Gives a problem, or nothing.
std::string register_devices(RealHub& hub, const std::vector<std::string>& devices) {
  std::size_t answered = 0;
  std::string problem;
  for (const std::string& id : devices) {
    hub.request(model::CreateDevice{id, model::Credentials{}}, [&, id](const model::Response& response) {
      ++answered;
      const auto* failed = std::get_if<model::Failed>(&response);
      if (!failed || failed->error == model::Error::device_exists || !problem.empty()) return;
      problem = "--devices " + id + ": " + model::error_text(failed->error);
      if (failed->error == model::Error::bad_request)
        problem += "; an id has 1 to 128 letters, digits and - . + % _ # * ? ! ( ) , : = @ $ '";
    });
  }
  hub.run([&] { return answered == devices.size(); });
  return problem;
}

// An answer that the hub gives before it serves anybody.
std::optional<model::Response> ask(RealHub& hub, const model::Request& request) {
  std::optional<model::Response> answer;
  hub.request(request, [&](const model::Response& response) { answer = response; });
  hub.run([&] { return answer.has_value(); });
  return answer;
}

// What `conform` needs to know of this hub.
std::string target_file(RealHub& hub, const ServeOptions& options, const std::vector<std::string>& devices,
                        const std::vector<std::string>& addresses, const std::string& authorities) {
  Descriptor target;
  target.name = "hubproof serve" + (options.mutant.empty() ? "" : " --mutant " + options.mutant);
  target.target.profile = options.profile;
  target.target.limits.partitions = options.rules.hub.partitions;
  target.authorities = authorities;
  if (options.rules.broker) return write_descriptor(target, addresses);
  for (const std::string& id : devices) {
    const auto answer = ask(hub, model::GetDevice{id});
    const auto* device = answer ? std::get_if<model::DeviceIdentity>(&*answer) : nullptr;
    const bool keyed = device && device->credentials && device->credentials->type == model::CredentialType::sas;
    target.devices.push_back({id, {}, {}, keyed ? device->credentials->primary : ""});
  }
  const auto answer = ask(hub, model::ListPolicies{});
  if (const auto* policies = answer ? std::get_if<model::Policies>(&*answer) : nullptr)
    for (const model::Policy& policy : policies->list)
      target.target.policies.push_back({policy.name, {}, {}, policy.primary});
  return write_descriptor(target, addresses);
}

// A line for each connection string: of each device, of a back end, and of readers of telemetry, the built-in
// endpoint's first, where there is a door for it. Hosts that are empty have no door.
std::string connection_strings(RealHub& hub, const std::vector<std::string>& devices,
                               const std::string& host, const std::string& service,
                               const std::string& events, const std::vector<std::string>& endpoints) {
  std::string lines;
  for (const std::string& id : devices) {
    const auto answer = ask(hub, model::GetDevice{id});
    const auto* device = answer ? std::get_if<model::DeviceIdentity>(&*answer) : nullptr;
    const model::Credentials* credentials =
        device && device->credentials ? &*device->credentials : nullptr;
    lines += "device " + device_connection_string(host, id, credentials) + "\n";
  }
  if (service.empty() && events.empty()) return lines;
  const auto answer = ask(hub, model::ListPolicies{});
  const auto* policies = answer ? std::get_if<model::Policies>(&*answer) : nullptr;
  if (policies == nullptr || policies->list.empty()) return lines;
  const model::Policy& owner = policies->list.front();  // iothubowner, who may do everything
  if (!service.empty()) lines += "service " + service_connection_string(service, owner) + "\n";
  if (events.empty()) return lines;
  lines += "events " + event_hubs_connection_string(events, owner) + "\n";
  for (const std::string& endpoint : endpoints)
    lines += "events " + event_hubs_connection_string(events, owner, endpoint) + "\n";
  return lines;
}

}  // namespace

int serve(const ServeOptions& options) {
  std::vector<DoorAsked> doors;
  const std::vector<std::string> asked =
      options.listen.empty() ? std::vector<std::string>{"mqtt=127.0.0.1:1883"} : options.listen;
  for (const std::string& text : split(asked)) {
    DoorAsked door;
    if (const std::string problem = read_door(text, door); !problem.empty())
      return refuse(usage, problem);
    doors.push_back(door);
  }
  if (!options.control.empty()) {
    const auto where = host_port(options.control);
    if (!where)
      return refuse(usage, "--control " + options.control + ": expected HOST:PORT, for example "
                           "127.0.0.1:8080");
    if (!is_loopback(*where))
      return refuse(usage, "--control " + options.control + ": only loopback addresses (127.0.0.1, "
                           "[::1]) are served: this door asks nobody who they are");
    doors.push_back({"control", RealHub::Door::control, false, *where});
  }
  const std::vector<std::string> names = split(options.names);
  for (const std::string& name : names)
    if (!is_certificate_name(name))
      return refuse(usage, "--names " + name + ": expected the name of a host or an address, for example "
                           "hub.example.org or 192.0.2.7");

  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a full disk, and said so
  std::string problem;
  std::unique_ptr<HistoryFile> history;
  RealHub::Settings settings{options.store};
  if (!options.history.empty()) {
    history = HistoryFile::open(options.history, problem);
    if (!history) return refuse(cannot_write, "--history: " + problem);
    settings.on_event = [&history](const model::History& header, const model::Event& event) {
      const bool failed_before = history->failed();
      history->write(header, event);
      if (history->failed() && !failed_before)
        remark("the history cannot be written any more: it ends here");
    };
  }
  settings.on_remark = remark;
  settings.terms = options.terms;
  settings.seed = options.seed;
  settings.fault_properties = options.fault_properties;
  RealHub hub{options.rules, std::move(settings)};
  hub.on_signals();

  Temporary temporary;
  std::string authority_file;
  if (std::ranges::any_of(doors, &DoorAsked::tls)) {
    std::string directory = options.tls.empty() ? options.store : options.tls;
    if (directory.empty()) {
      if (!temporary.make(problem)) return refuse(cannot_write, problem);
      directory = temporary.path();
    }
    const auto made = certificates(directory, names, RealNet::now().wall, problem);
    if (!made) return refuse(cannot_write, "no certificate for the doors with TLS: " + problem);
    for (const std::string& what : made->remarks) remark(what);
    authority_file = std::filesystem::absolute(made->file);
    if (!hub.secure(*made, problem)) return refuse(cannot_write, "the certificate in " + directory + ": " + problem);
  }
  std::string lines;
  std::vector<std::string> addresses;  // of each door the first
  std::string authorities;
  std::string host;
  bool host_has_tls = false;
  std::string service;
  std::string events;
  for (const DoorAsked& door : doors) {
    const auto port = hub.listen(door.door, door.where, problem, door.tls);
    if (!port)
      return refuse(unreachable, "cannot listen on " + door_text(door, door.where.port) + ": " +
                                     problem + "; end the program that has the port, or choose "
                                     "another (0 takes any that is free)");
    const std::string text = door_text(door, *port);
    lines += "listening " + text + "\n";
    const std::string address = text.substr(text.find('=') + 1);
    // The name that clients look for in the certificate; they say it, too, which they do with no address.
    const std::string named =
        door.tls && door.where.host == "127.0.0.1" ? "localhost:" + std::to_string(*port) : address;
    if (door.door == RealHub::Door::mqtt && (host.empty() || (door.tls && !host_has_tls))) {
      host_has_tls = door.tls;
      host = named;
    }
    const auto same_door = [&](const DoorAsked& other) { return other.door == door.door; };
    if (door.scheme != "control" && &*std::ranges::find_if(doors, same_door) == &door) {
      addresses.push_back(door.scheme + "://" + named);
      if (door.tls) authorities = authority_file;
    }
    // A back end's own door is AMQP's; the control door stands for it as long as there is none.
    if (door.door == RealHub::Door::control && service.empty()) service = address;
    if (door.scheme.starts_with("amqp")) service = events = named;
  }
  if (!hub.open(problem))
    return refuse(cannot_write, "cannot use the store: " + problem +
                                    "; name a directory that this user may write with --store");

  for (const std::string& what : hub.remarks()) remark(what);

  const std::vector<std::string> devices = split(options.devices);
  if (const std::string bad = register_devices(hub, devices); !bad.empty())
    return refuse(usage, bad);

  const auto halted = [&] {
    return refuse(cannot_write, "stopped, because the store failed: " + hub.problem() +
                                    "; what was acknowledged is safe: make room or name another "
                                    "store, and start again");
  };
  if (!hub.problem().empty()) return halted();

  std::vector<sim::Fault> faults;
  FaultPlan plan;
  const Cast cast = hub.cast();
  if (!options.faults.empty()) {
    std::string text;
    if (!read_file(options.faults, largest_document, text, problem))
      return refuse(bad_input, "--faults: " + problem);
    Problems problems;
    plan = read_fault_plan(text, cast, !options.store.empty(), problems);
    if (!problems.empty()) {
      std::fputs(problems_text(options.faults, problems).c_str(), stderr);
      return bad_input;
    }
    faults = spell_out(plan, cast, options.seed);
  }

  for (const std::string& endpoint : options.rules.hub.routing.endpoints)
    if (endpoint == hub_name(events))
      return refuse(usage, "--routes: \"" + endpoint + "\" is what readers call the hub itself here; call the endpoint otherwise");
  if (!options.rules.broker)
    lines += connection_strings(hub, devices, host, service, events, options.rules.hub.routing.endpoints);
  if (!options.target.empty() &&
      !write_file(options.target, target_file(hub, options, devices, addresses, authorities)))
    return cannot_write;
  if (!hub.problem().empty()) return halted();
  std::fputs(lines.c_str(), stdout);
  std::fflush(stdout);
  if (options.rules.broker)
    remark("a plain MQTT broker: every client id, user name and password is accepted");
  else if (options.rules.hub.access == model::Access::open)
    remark("--open: nobody is asked for credentials: who names a device is that device");
  if (options.store.empty()) remark("no --store: all is kept in memory and lost at the end");
  if (!options.mutant.empty()) remark("this hub is wrong on purpose: mutant " + options.mutant);
  if (options.fault_properties)
    remark("--fault-properties: a device that sends AzIoTHub_FaultOperationType gets its fault");
  if (!options.faults.empty()) {
    remark(std::to_string(faults.size()) + " faults of seed " + std::to_string(options.seed) + ", then all is healed");
    hub.begin_faults(faults, cast, plan.duration);
  }

  if (hub.run() == RealHub::End::halted) return halted();
  return history && history->failed() ? cannot_write : 0;
}

}  // namespace hubproof::tools
