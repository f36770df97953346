#include "tools/real_hub.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <map>
#include <random>
#include <set>
#include <unordered_set>

#include "model/hub/segments.hpp"
#include "tools/asio_port.hpp"
#include "tools/control.hpp"
#include "tools/control_history.hpp"
#include "tools/endpoint.hpp"
#include "tools/real_disk.hpp"

namespace hubproof::tools {
namespace {

using boost::asio::ip::tcp;

// A disk that falls behind by so much holds its senders back; a peer that reads too slowly is cut.
constexpr std::size_t most_backlog = 16u << 20;
// How soon after somebody set the wall clock the machine looks at it again.
constexpr model::Duration longest_sleep = std::chrono::seconds{1};
// The system's clock may be slewed by so much before the history tells of it.
constexpr model::Duration clock_noise = std::chrono::milliseconds{5};
// Participants of the history; devices follow.
constexpr model::NodeIndex hub_node{0};
constexpr model::NodeIndex service_node{1};
// Kinds of failed handshakes that are told of.
constexpr std::size_t most_failures = 20;
// For what was said last to reach the peers.
constexpr std::chrono::seconds last_words{1};

std::uint32_t draw(void* generator, model::ChanceSite, std::uint32_t bound) {
  return std::uniform_int_distribution<std::uint32_t>{0, bound - 1}(
      *static_cast<std::random_device*>(generator));
}

std::optional<boost::asio::ip::address> address(const std::string& host) {
  if (host == "localhost") return boost::asio::ip::address_v4::loopback();
  boost::system::error_code error;
  const auto found = boost::asio::ip::make_address(host, error);
  if (error) return {};
  return found;
}

model::Door model_door(RealHub::Door door) {
  switch (door) {
    case RealHub::Door::mqtt: return model::Door::mqtt;
    case RealHub::Door::amqp: return model::Door::amqp;
    case RealHub::Door::http: return model::Door::http;
    case RealHub::Door::link:
    case RealHub::Door::control: break;
  }
  return model::Door::link;
}

void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::optional<HostPort> host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return {};
  }
  HostPort found{std::string{host}, 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), found.port);
  if (host.empty() || error != std::errc{} || end != port.data() + port.size()) return {};
  return found;
}

bool is_loopback(const HostPort& where) {
  const auto found = address(where.host);
  return found && found->is_loopback();
}

struct RealHub::Parts final : PortUser {
  Parts(const model::Rules& which, Settings settings_)
      : rules{which},
        settings{std::move(settings_)},
        server{which, model::Chance{draw, &generator}},
        port{context, *this},
        control{{RealNet::now,
                 [this](const model::Request& request, Control::Answer answer) {
                   ask_as_service(request, std::move(answer));
                 },
                 [this](model::ConnectionId to, model::View bytes) { port.send(to, bytes); },
                 [this](model::ConnectionId ended_one) {
                   controls.erase(ended_one);
                   port.close(ended_one);
                 },
                 [this](std::function<void()> work) { boost::asio::post(context, work); }}},
        signals{context},
        began{RealNet::now().mono} {
    history.terms = model::terms(which);
    history.participants = {{"hub", model::Role::hub}, {"control", model::Role::service}};
    server.name_devices([this](std::string_view id) { return index_of(id); });
  }

  // The loop's calls.
  void accepted(model::ConnectionId connection, std::size_t door) override {
    if (static_cast<Door>(door) == Door::control) {
      controls.insert(connection);
      control.opened(connection);
      return;
    }
    server.opened(RealNet::now(), connection, model_door(static_cast<Door>(door)), effects,
                  port.certificate(connection));
    done();
  }
  // Why a handshake failed is said to whoever runs the hub, once: clients say little of it.
  void not_accepted(std::size_t, const std::string& why) override {
    if (!settings.on_remark || told_failures.size() >= most_failures || !told_failures.insert(why).second) return;
    std::string what = "a client was not let in: " + why;
    if (why.find("unknown ca") != std::string::npos || why.find("certificate unknown") != std::string::npos ||
        why.find("bad certificate") != std::string::npos)
      what += "; it does not trust this hub: give it the authority's file, ca.pem";
    if (why.find("http request") != std::string::npos || why.find("wrong version number") != std::string::npos)
      what += "; it speaks no TLS: this is a door with TLS";
    settings.on_remark(what);
  }
  void connected(model::ConnectionId) override {}  // a hub waits to be called
  void refused(model::ConnectionId) override {}
  void received(model::ConnectionId connection, model::View bytes) override {
    if (controls.contains(connection)) return control.received(connection, bytes);
    server.received(RealNet::now(), connection, bytes, effects);
    done();
  }
  void ended(model::ConnectionId connection, model::EndedBy by) override {
    if (controls.erase(connection) > 0) return control.ended(connection);
    server.ended(RealNet::now(), connection, by, effects);
    done();
  }
  void woken() override {
    next_look = RealNet::now().mono + longest_sleep;
    control.woken();
    if (clock_was_set()) tell_clock();
    server.woken(RealNet::now(), effects);
    done();
  }
  void synced(model::Ticket ticket, bool ok) {
    server.stored(RealNet::now(), ticket, ok, effects);
    done();
  }
  void ask(const model::Request& request, model::Server::Answer answer) {
    server.request(RealNet::now(), request, std::move(answer), effects);
    done();
  }

  // The control door's caller is a service, and tells what a service tells.
  void ask_as_service(const model::Request& request, Control::Answer answer) {
    if (!settings.on_event) return ask(request, std::move(answer));
    const auto name = [this](std::string_view id) { return index_of(id); };
    const auto tell = [this, request](std::vector<model::Event> events) {
      name_endpoint(history.terms, request, events);
      record(service_node, std::move(events));
    };
    tell(events_of(request, name));
    ask(request, [tell, name, request, answer = std::move(answer)](const model::Response& response) {
      tell(events_of(request, response, name));
      answer(response);
    });
  }

  // History.
  void record(model::NodeIndex observer, std::vector<model::Event> events) {
    const model::Now now = RealNet::now();
    for (model::Event& event : events) {
      event.at = (now.mono - began).count();
      event.local = now.wall.time_since_epoch().count();
      event.observer = observer;
      settings.on_event(history, event);
    }
  }
  void tell(model::NodeIndex node, model::What what) {
    if (!settings.on_event) return;
    model::Event event;
    event.what = what;
    event.device = node;
    record(node, {event});
  }
  // Hub and service read the system's clock: its date, less true time, until somebody sets it.
  void tell_clock() {
    const model::Now now = RealNet::now();
    clock_offset = now.wall.time_since_epoch() - (now.mono - began);
    if (!settings.on_event) return;
    for (const model::NodeIndex node : {hub_node, service_node}) {
      model::Event event;
      event.what = model::What::clock;
      event.device = node;
      event.offset_low = (clock_offset - clock_noise).count();
      event.offset_high = (clock_offset + clock_noise).count();
      record(node, {event});
    }
  }
  bool clock_was_set() const {
    const model::Now now = RealNet::now();
    const auto moved = now.wall.time_since_epoch() - (now.mono - began) - clock_offset;
    return moved > clock_noise || moved < -clock_noise;
  }

  // Port.
  void record(std::vector<model::Event>& events) {
    if (settings.on_event) record(hub_node, std::move(events));
  }
  void send(model::ConnectionId connection, model::View bytes) { port.send(connection, bytes); }
  void close(model::ConnectionId connection) { port.close(connection); }
  void abort(model::ConnectionId connection) { port.abort(connection); }
  void connect(model::ConnectionId) {}
  void append(std::uint64_t file, model::View bytes) { disk->append(file, bytes); }
  void sync(std::uint64_t file, model::Ticket ticket) { disk->sync(file, ticket); }
  void remove(std::uint64_t file) { disk->remove(file); }
  void halt() {
    halted = true;
    problem = disk->problem().empty() ? "the store did not answer in time" : disk->problem();
    context.stop();
  }

  void done() {
    perform(effects, *this);
    disk->flush();
    if (const bool behind = disk->backlog() > most_backlog; behind != held_back)
      port.pause(held_back = behind);
    std::optional<model::Instant> wake = server.deadline();
    if (!wake || next_look < *wake) wake = next_look;
    if (!halted) port.wake_at(wake);
  }

  model::NodeIndex index_of(std::string_view id) {
    const auto [found, is_new] = participants.try_emplace(
        std::string{id}, static_cast<model::NodeIndex>(history.participants.size()));
    if (is_new) history.participants.push_back({std::string{id}, model::Role::device});
    return found->second;
  }

  // What recovery will leave out is said, and kept.
  bool look_for_damage(const std::vector<RealDisk::File>& held, const std::vector<model::StoredFile>& files,
                       std::string& problem_with_copy) {
    using Kind = model::Unreadable::Kind;
    for (const model::Unreadable& one : model::unreadable(files)) {
      const auto name = static_cast<std::uint64_t>(one.file);
      const RealDisk::File& file = *std::ranges::find(held, name, &RealDisk::File::name);
      std::string text = disk->path(name);
      const std::string bytes = std::to_string(one.bytes) + " bytes";
      if (one.kind == Kind::torn && one.from == 0)
        text += ": nothing in it can be used, and it is left out";
      else if (one.kind == Kind::torn)
        text += ", byte " + std::to_string(one.from) + ": the last " + bytes +
                " are no whole record and are left out, as after a crash while it was written";
      else if (one.kind == Kind::damaged)
        text += ", byte " + std::to_string(one.from) + ": damaged; the " + bytes +
                " from there on are left out, so what was acknowledged may be missing";
      else
        text += ": no snapshot in this store is whole, so nothing that it held can be used (" + bytes +
                " here): what was acknowledged is missing";
      if (!file.bytes.empty()) {
        const std::string copy = disk->set_aside(file, problem_with_copy);
        if (copy.empty()) return false;
        text += ". A copy of the file is kept as " + copy;
      }
      remarks.push_back(text);
    }
    return true;
  }

  const model::Rules& rules;
  Settings settings;
  boost::asio::io_context context{1};
  std::random_device generator;
  model::Server server;
  model::Effects effects;
  std::unique_ptr<TlsContext> tls;
  AsioPort<RealNet> port;
  std::unique_ptr<RealDisk> disk;
  Control control;
  boost::asio::signal_set signals;
  model::Instant began;
  model::Instant next_look{};
  model::Duration clock_offset{};
  model::History history;
  std::map<std::string, model::NodeIndex, std::less<>> participants;
  std::unordered_set<model::ConnectionId> controls;
  std::set<std::string> told_failures;
  std::string problem;
  std::vector<std::string> remarks;
  bool held_back = false;
  bool halted = false;
  bool stopping = false;
};

RealHub::RealHub(const model::Rules& rules, Settings settings)
    : parts_{std::make_unique<Parts>(rules, std::move(settings))} {}
RealHub::~RealHub() = default;

bool RealHub::open(std::string& problem) {
  RealDisk::Hooks hooks{
      [parts = parts_.get()](std::function<void()> work) {
        boost::asio::post(parts->context, std::move(work));
      },
      [parts = parts_.get()](model::Ticket ticket, bool ok) { parts->synced(ticket, ok); }};
  parts_->disk = parts_->settings.store.empty()
                     ? RealDisk::nowhere(std::move(hooks))
                     : RealDisk::open(parts_->settings.store, std::move(hooks), problem);
  if (!parts_->disk) return false;
  std::vector<RealDisk::File> held;
  if (!parts_->disk->read(held, problem)) return false;
  std::vector<model::StoredFile> files;
  for (const RealDisk::File& file : held)
    files.push_back({static_cast<model::FileId>(file.name), file.bytes});
  if (!parts_->look_for_damage(held, files, problem)) return false;
  for (const model::NodeIndex node : {hub_node, service_node})
    parts_->tell(node, model::What::started);
  parts_->tell_clock();
  parts_->next_look = RealNet::now().mono + longest_sleep;
  parts_->server.recover(RealNet::now(), files, parts_->effects);
  parts_->done();
  allow_many_descriptors();
  run([this] { return parts_->disk->idle(); });  // readers see only what is durable
  problem = parts_->problem;
  return !parts_->halted;
}

void RealHub::request(const model::Request& request, model::Server::Answer answer) {
  parts_->ask(request, std::move(answer));
}

bool RealHub::secure(const Certificates& certificates, std::string& problem) {
  parts_->tls = TlsContext::server(certificates.certificate, certificates.key, certificates.authority, problem);
  return parts_->tls != nullptr;
}

std::optional<std::uint16_t> RealHub::listen(Door door, const HostPort& where, std::string& problem, bool tls) {
  const auto host = address(where.host);
  if (!host) {
    problem = "not an address: " + where.host;
    return {};
  }
  boost::system::error_code error;
  const tcp::endpoint endpoint{*host, where.port};
  tcp::acceptor acceptor{parts_->context};
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    problem = error.message();
    return {};
  }
  const std::uint16_t port = acceptor.local_endpoint().port();
  if (door == Door::amqp) parts_->server.redirect_readers({}, port);
  parts_->port.listen(std::move(acceptor), static_cast<std::size_t>(door), tls ? parts_->tls.get() : nullptr);
  return port;
}

void RealHub::on_signals() {
  boost::system::error_code ignored;
  parts_->signals.add(SIGINT, ignored);
  parts_->signals.add(SIGTERM, ignored);
  parts_->signals.async_wait([this](boost::system::error_code error, int) {
    if (!error) stop();
  });
}

RealHub::End RealHub::run(const std::function<bool()>& until) {
  while (!parts_->halted && !parts_->stopping && !(until && until())) parts_->context.run_one();
  if (parts_->stopping && !parts_->halted) {
    parts_->signals.cancel();
    parts_->port.stop();
    parts_->tell(hub_node, model::What::finished);
    parts_->context.run_for(last_words);
  }
  return parts_->halted ? End::halted : End::stopped;
}

void RealHub::stop() {
  boost::asio::post(parts_->context, [parts = parts_.get()] { parts->stopping = true; });
}

void RealHub::post_request(const model::Request& request, model::Server::Answer answer) {
  boost::asio::post(parts_->context,
                    [parts = parts_.get(), request, answer = std::move(answer)]() mutable {
                      parts->ask(request, std::move(answer));
                    });
}

const std::string& RealHub::problem() const { return parts_->problem; }
const std::vector<std::string>& RealHub::remarks() const { return parts_->remarks; }

}  // namespace hubproof::tools
