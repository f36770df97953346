#include "tools/proxy/proxy.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "model/observer/mqtt_observer.hpp"
#include "model/rules.hpp"
#include "tools/asio_port.hpp"
#include "tools/certificates.hpp"
#include "tools/cli.hpp"
#include "tools/document.hpp"
#include "tools/fault_plan.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/history_file.hpp"
#include "tools/pcap.hpp"
#include "tools/proxy/core.hpp"
#include "tools/quantity.hpp"
#include "tools/real_hub.hpp"

namespace hubproof::tools {
namespace {

using boost::asio::ip::tcp;

constexpr model::NodeIndex hub_node{0};
constexpr std::uint32_t server_side = 0x8000'0000;      // of connection ids: those to the server
constexpr std::size_t most_unsent = 256u << 10;         // to one side, before the other is read no more
constexpr model::Duration look_again = std::chrono::milliseconds{20};  // whether it has read
constexpr std::size_t most_participants = 10'000;
constexpr std::size_t most_texts = 100'000;             // topics and faults that a history names
constexpr std::chrono::seconds last_words{1};
constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";

int refuse(int code, const std::string& what) {
  std::fprintf(stderr, "hubproof proxy: %s\n", what.c_str());
  return code;
}

struct Scheme {
  const char* name;
  WireProtocol protocol;
  bool tls;
};
constexpr Scheme schemes[] = {
    {"mqtt", WireProtocol::mqtt, false},  {"mqtts", WireProtocol::mqtt, true}, {"amqp", WireProtocol::amqp, false},
    {"amqps", WireProtocol::amqp, true},  {"http", WireProtocol::http, false}, {"https", WireProtocol::http, true},
    {"tcp", WireProtocol::bytes, false},
};

struct Address {
  Scheme scheme{};
  HostPort where;
};

// Gives a problem, or nothing when all is well.
std::string read_address(const char* option, const std::string& text, Address& address) {
  std::size_t end = text.find("://");
  std::size_t skip = 3;
  if (end == std::string::npos) end = text.find('='), skip = 1;
  const std::string shown = std::string{option} + " " + text;
  if (end == std::string::npos) return shown + ": expected SCHEME=HOST:PORT, for example mqtt=127.0.0.1:1884";
  const auto* scheme = std::ranges::find(schemes, text.substr(0, end), [](const Scheme& s) { return std::string{s.name}; });
  if (scheme == std::end(schemes))
    return shown + ": there is no scheme " + text.substr(0, end) +
           "; there are mqtt, mqtts, amqp, amqps, http, https and tcp";
  address.scheme = *scheme;
  const auto where = host_port(std::string_view{text}.substr(end + skip));
  if (!where) return shown + ": expected HOST:PORT after the scheme";
  address.where = *where;
  return {};
}

std::string text_of(const Address& address, std::uint16_t port) {
  const bool v6 = address.where.host.find(':') != std::string::npos;
  return std::string{address.scheme.name} + "=" + (v6 ? "[" + address.where.host + "]" : address.where.host) + ":" +
         std::to_string(port);
}

PcapEnd pcap_end(const tcp::endpoint& endpoint) {
  PcapEnd end;
  if (endpoint.address().is_v4()) end.address = endpoint.address().to_v4().to_uint();
  end.port = endpoint.port();
  return end;
}

struct Door {
  Address from, to;
  tcp::endpoint listens, server;
};

class LiveProxy final : public PortUser {
 public:
  struct Outputs {
    std::unique_ptr<HistoryFile> history;
    std::unique_ptr<PcapFile> pcap;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> log{nullptr, &std::fclose};
  };

  LiveProxy(const ProxyScript& script, const Cast& cast, std::uint64_t seed, const std::string& profile,
            Outputs outputs)
      : began_{RealNet::now().mono},
        core_{script, cast, seed, began_},
        observer_{watching(profile)},
        out_{std::move(outputs)},
        port_{context_, *this},
        signals_{context_} {
    history_.terms = model::terms(profile.empty() ? model::Rules{} : *model::profile(profile));
    history_.terms.hub_observed = false;
    history_.participants = {{"hub", model::Role::hub}};
  }

  // The sockets of a door; gives a problem, or nothing.
  std::string listen(Door& door, const TlsContext* to_clients, const TlsContext* to_server) {
    boost::system::error_code error;
    tcp::resolver resolver{context_};
    const auto found = resolver.resolve(door.to.where.host, std::to_string(door.to.where.port), error);
    if (error) return "cannot find " + text_of(door.to, door.to.where.port) + ": " + error.message();
    door.server = found.begin()->endpoint();
    for (const auto& each : found)  // a name of both kinds means IPv4, as on loopback
      if (each.endpoint().address().is_v4() && !door.server.address().is_v4()) door.server = each.endpoint();
    const auto host = door.from.where.host == "localhost"
                          ? boost::asio::ip::address{boost::asio::ip::address_v4::loopback()}
                          : boost::asio::ip::make_address(door.from.where.host, error);
    tcp::acceptor acceptor{context_};
    const tcp::endpoint endpoint{host, door.from.where.port};
    if (!error) acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    if (error) return "cannot listen on " + text_of(door.from, door.from.where.port) + ": " + error.message();
    door.listens = acceptor.local_endpoint();
    doors_.push_back({door, to_server});
    port_.listen(std::move(acceptor), doors_.size() - 1, to_clients);
    return {};
  }

  bool run() {
    boost::system::error_code ignored;
    signals_.add(SIGINT, ignored);
    signals_.add(SIGTERM, ignored);
    signals_.async_wait([this](boost::system::error_code error, int) { stopping_ = stopping_ || !error; });
    perform();
    while (!stopping_) context_.run_one();
    signals_.cancel();
    port_.stop();
    tell(model::What::finished);
    context_.run_for(last_words);
    flush();
    return !failed_;
  }

  // The loop's calls.
  void accepted(model::ConnectionId connection, std::size_t door) override {
    const PairId pair{static_cast<std::uint32_t>(connection)};
    Live& live = live_[pair];
    live.door = door;
    const Door& which = doors_[door].door;
    live.number = ++opened_;
    if (out_.pcap) {
      const PcapEnd client{0x7f000001, static_cast<std::uint16_t>(40'000 + live.number % 20'000)};
      out_.pcap->pcap().opened(wall(), flow(pair, From::client), 0, client, pcap_end(which.listens));
    }
    if (which.from.scheme.protocol == WireProtocol::mqtt) observer_.opened(connection);
    core_.opened(now(), pair, which.from.scheme.protocol);
    perform();
  }
  void connected(model::ConnectionId connection) override {
    const PairId pair = pair_of(connection);
    if (out_.pcap) {
      const Live& live = live_.at(pair);
      const PcapEnd proxy{0x7f000001, static_cast<std::uint16_t>(40'000 + live.number % 20'000)};
      out_.pcap->pcap().opened(wall(), flow(pair, From::server), 1, proxy, pcap_end(doors_[live.door].door.server));
    }
    core_.connected(now(), pair);
    perform();
  }
  void refused(model::ConnectionId connection) override {
    core_.refused(now(), pair_of(connection));
    perform();
    forget(pair_of(connection));
  }
  void received(model::ConnectionId connection, model::View bytes) override {
    const PairId pair = pair_of(connection);
    const From from = side_of(connection);
    if (from == From::client) {
      observer_.sent(connection, bytes, told_);
      record();
    }
    if (out_.pcap) out_.pcap->pcap().sent(wall(), flow(pair, from), from == From::client, bytes);
    core_.received(now(), pair, from, bytes);
    perform();
  }
  void ended(model::ConnectionId connection, model::EndedBy by) override {
    const PairId pair = pair_of(connection);
    const From side = side_of(connection);
    if (side == From::client) {
      observer_.ended(connection, model::EndedBy::local, told_);
      record();
    }
    if (out_.pcap)
      out_.pcap->pcap().ended(wall(), flow(pair, side), side == From::client, by != model::EndedBy::peer);
    core_.ended(now(), pair, side, by);
    perform();
    forget(pair);
  }
  void woken() override {
    core_.woken(now());
    perform();
  }
  void not_accepted(std::size_t, const std::string& why) override {
    if (told_failures_.size() < 20 && told_failures_.insert(why).second)
      std::fprintf(stderr, "hubproof proxy: a client was not let in: %s\n", why.c_str());
  }

 private:
  struct Live {
    std::size_t door = 0;
    std::uint32_t number = 0;
    struct Side {
      bool held = false;  // by the core: no more is read of that side
      bool slow = false;  // as the other side does not read
      bool still = false; // so it is
    } sides[2];
  };
  struct Opened {
    Door door;
    const TlsContext* to_server;
  };

  static model::Instant now() { return RealNet::now().mono; }
  static std::int64_t wall() { return RealNet::now().wall.time_since_epoch().count(); }
  static PairId pair_of(model::ConnectionId connection) {
    return PairId{static_cast<std::uint32_t>(connection) & ~server_side};
  }
  static From side_of(model::ConnectionId connection) {
    return (static_cast<std::uint32_t>(connection) & server_side) != 0 ? From::server : From::client;
  }
  static model::ConnectionId connection(PairId pair, From side) {
    return model::ConnectionId{static_cast<std::uint32_t>(pair) | (side == From::server ? server_side : 0)};
  }
  static std::uint64_t flow(PairId pair, From side) {
    return std::uint64_t{static_cast<std::uint32_t>(pair)} * 2 + static_cast<std::uint64_t>(side);
  }
  static From other(From side) { return side == From::client ? From::server : From::client; }

  void perform() {
    for (ProxyEffect& effect : core_.take_effects()) perform(effect);
    for (const ProxyNote& each : core_.take_notes()) note(each);
    for (auto pair = slow_.begin(); pair != slow_.end();) pair = still_slow(*pair) ? std::next(pair) : slow_.erase(pair);
    flush();
    std::optional<model::Instant> wake = core_.deadline();
    if (!slow_.empty() && (!wake || *wake > now() + look_again)) wake = now() + look_again;
    port_.wake_at(wake);
  }

  void perform(ProxyEffect& effect) {
    using Kind = ProxyEffect::Kind;
    const model::ConnectionId to = connection(effect.pair, effect.side);
    const auto found = live_.find(effect.pair);
    if (found == live_.end()) return;
    Live& live = found->second;
    switch (effect.kind) {
      case Kind::dial: {
        const Opened& opened = doors_[live.door];
        return port_.connect(to, opened.door.server, opened.to_server, opened.door.to.where.host);
      }
      case Kind::send:
        if (effect.side == From::client) {
          observer_.received(to, effect.bytes, told_);
          record();
        }
        if (out_.pcap)
          out_.pcap->pcap().sent(wall(), flow(effect.pair, effect.side), effect.side == From::server, effect.bytes);
        port_.send(to, effect.bytes);
        if (port_.unsent(to) <= most_unsent) return;
        live.sides[static_cast<std::size_t>(other(effect.side))].slow = true;
        slow_.insert(effect.pair);
        return settle(effect.pair, live);
      case Kind::close:
      case Kind::abort: {
        const bool reset = effect.kind == Kind::abort;
        if (effect.side == From::client) {
          observer_.ended(to, reset ? model::EndedBy::reset : model::EndedBy::peer, told_);
          record();
        }
        if (out_.pcap)
          out_.pcap->pcap().ended(wall(), flow(effect.pair, effect.side), effect.side == From::server, reset);
        if (reset) port_.abort_after_sent(to);
        else port_.close(to);
        return forget(effect.pair);
      }
      case Kind::silence:
        port_.fall_silent(connection(effect.pair, From::client));
        port_.fall_silent(connection(effect.pair, From::server));
        return forget(effect.pair);
      case Kind::hold:
      case Kind::let_go:
        live.sides[static_cast<std::size_t>(effect.side)].held = effect.kind == Kind::hold;
        return settle(effect.pair, live);
    }
  }

  // Once the core has nothing more to do with it. Effects on its two sides come together.
  void forget(PairId pair) {
    if (!core_.has(pair)) over_.push_back(pair);
  }

  // ---- Peers that read slowly hold up those who write to them.

  bool still_slow(PairId pair) {
    const auto found = live_.find(pair);
    if (found == live_.end()) return false;
    for (const From side : {From::client, From::server})
      if (port_.unsent(connection(pair, other(side))) <= most_unsent / 4)
        found->second.sides[static_cast<std::size_t>(side)].slow = false;
    settle(pair, found->second);
    return found->second.sides[0].slow || found->second.sides[1].slow;
  }
  void settle(PairId pair, Live& live) {
    for (const From from : {From::client, From::server}) {
      Live::Side& side = live.sides[static_cast<std::size_t>(from)];
      const bool wanted = side.held || side.slow;
      if (wanted != side.still) port_.hold(connection(pair, from), wanted);
      side.still = wanted;
    }
  }

  // ---- What is told.

  model::MqttObserver::Settings watching(const std::string& profile) {
    model::MqttObserver::Settings settings{[this](std::string_view id) { return participant(id); }};
    if (profile == "mqtt-3.1.1") settings.note = [this](std::string_view text) { return note_of(std::string{text}); };
    return settings;
  }
  model::NodeIndex participant(std::string_view client) {
    if (history_.participants.size() >= most_participants) return model::NodeIndex::none;
    std::string name{client};
    if (name.empty()) name = "nameless " + std::to_string(history_.participants.size());
    history_.participants.push_back({std::move(name), model::Role::device});
    return static_cast<model::NodeIndex>(history_.participants.size() - 1);
  }
  void write(model::Event event) {
    if (!out_.history) return;
    const model::Now time = RealNet::now();
    event.at = (time.mono - began_).count();
    event.local = time.wall.time_since_epoch().count();
    out_.history->write(history_, event);
  }
  void record() {
    for (const model::Event& event : told_) write(event);
    told_.clear();
  }
  void tell(model::What what, const std::string& text = {}) {
    model::Event event;
    event.what = what;
    event.observer = hub_node;
    if (!text.empty()) event.note = note_of(text);
    write(event);
  }
  std::uint32_t note_of(const std::string& text) {
    if (!out_.history || texts_.size() >= most_texts) return 0;
    const auto [found, is_new] = texts_.try_emplace(text, static_cast<std::uint32_t>(history_.notes.size()));
    if (is_new) history_.notes.push_back(text);
    return found->second;
  }

  void note(const ProxyNote& told) {
    const auto found = live_.find(told.pair);
    const std::uint32_t number = found == live_.end() ? 0 : found->second.number;
    log(told, number);
    if (!told.fault) return;
    std::string text = told.did;
    if (!told.packet.empty())
      text = told.packet + " of the " + (*told.from == From::client ? "client" : "server") + ": " + text;
    const std::string whose = number == 0           ? std::string{}
                              : told.client.empty() ? " of connection " + std::to_string(number)
                                                    : " of " + told.client;
    std::fprintf(stderr, "hubproof proxy: %s%s, %s\n", seconds().c_str(), whose.c_str(), text.c_str());
    if (text == "all faults are over") return tell(model::What::healed);
    const bool over = text.starts_with("over: ");
    tell(over ? model::What::fault_ends : model::What::fault_begins, over ? text.substr(6) : text + whose);
  }
  void log(const ProxyNote& told, std::uint32_t number) {
    if (!out_.log) return;
    Document line = Document::object();
    line.members.emplace_back("at", Document::string(seconds()));
    if (number != 0) line.members.emplace_back("connection", Document::number(std::to_string(number)));
    if (!told.client.empty()) line.members.emplace_back("client", Document::string(told.client));
    if (told.from) line.members.emplace_back("from", Document::string(*told.from == From::client ? "client" : "server"));
    if (!told.packet.empty()) {
      line.members.emplace_back("packet", Document::string(told.packet));
      line.members.emplace_back("bytes", Document::number(std::to_string(told.bytes)));
    }
    line.members.emplace_back("did", Document::string(told.did));
    const std::string text = write_compact(line) + "\n";
    if (std::fwrite(text.data(), 1, text.size(), out_.log.get()) != text.size()) failed_ = true;
  }
  std::string seconds() const { return write_duration(std::chrono::duration_cast<std::chrono::milliseconds>(now() - began_)); }

  void flush() {
    for (const PairId pair : std::exchange(over_, {})) live_.erase(pair);
    if (out_.pcap && !out_.pcap->flush()) failed_ = true;
    if (out_.log && std::fflush(out_.log.get()) != 0) failed_ = true;
    if (out_.history && out_.history->failed()) failed_ = true;
    if (!failed_ || told_failed_) return;
    told_failed_ = true;
    std::fprintf(stderr, "hubproof proxy: a file that was asked for cannot be written any more: it ends here\n");
  }

  model::Instant began_;
  ProxyCore core_;
  model::MqttObserver observer_;
  Outputs out_;
  boost::asio::io_context context_{1};
  AsioPort<RealNet> port_;
  boost::asio::signal_set signals_;
  std::vector<Opened> doors_;
  std::map<PairId, Live> live_;
  std::set<PairId> slow_;
  std::vector<PairId> over_;
  model::History history_;
  std::map<std::string, std::uint32_t> texts_;
  std::vector<model::Event> told_;
  std::set<std::string> told_failures_;
  std::uint32_t opened_ = 0;
  bool failed_ = false;
  bool told_failed_ = false;
  bool stopping_ = false;
};

bool read_text(const std::string& file, std::string& text, std::string& problem) {
  return read_file(file, largest_document, text, problem);
}

}  // namespace

int proxy(const ProxyOptions& options) {
  std::vector<Door> doors;
  if (options.listen.size() != options.to.size())
    return refuse(exit_usage, "expected as many --to as --listen, found " + std::to_string(options.listen.size()) +
                                  " of --listen and " + std::to_string(options.to.size()) + " of --to");
  for (std::size_t i = 0; i < options.listen.size(); ++i) {
    Door& door = doors.emplace_back();
    for (const std::string& problem : {read_address("--listen", options.listen[i], door.from),
                                       read_address("--to", options.to[i], door.to)})
      if (!problem.empty()) return refuse(exit_usage, problem);
    if (door.from.scheme.protocol != door.to.scheme.protocol)
      return refuse(exit_usage, "--to " + options.to[i] + ": another protocol than --listen " + options.listen[i]);
    if (!is_loopback(door.from.where))
      return refuse(exit_usage, "--listen " + options.listen[i] +
                                    ": only loopback addresses (127.0.0.1, [::1]) are listened on by this version");
  }
  Cast cast = live_cast(options.clients);
  for (const std::string& name : options.clients)
    if (!is_name(name)) return refuse(exit_usage, "--clients " + name + ": expected 1 to 128 letters, digits and - _ . :");

  ProxyScript script;
  std::string problem;
  if (!options.faults.empty()) {
    std::string text;
    if (!read_text(options.faults, text, problem)) return refuse(exit_bad_input, "--faults: " + problem);
    Problems problems;
    script = read_proxy_script(text, cast, problems);
    if (!problems.empty()) {
      std::fputs(problems_text(options.faults, problems).c_str(), stderr);
      return exit_bad_input;
    }
  }

  std::signal(SIGXFSZ, SIG_IGN);
  LiveProxy::Outputs outputs;
  if (!options.history.empty() && !(outputs.history = HistoryFile::open(options.history, problem)))
    return refuse(exit_cannot_write, "--history: " + problem);
  if (!options.pcap.empty() &&
      !(outputs.pcap = PcapFile::open(options.pcap, {"clients and proxy", "proxy and server"}, problem)))
    return refuse(exit_cannot_write, "--pcap: " + problem);
  if (!options.log.empty()) {
    outputs.log.reset(std::fopen(options.log.c_str(), "wb"));
    if (!outputs.log) return refuse(exit_cannot_write, "--log: cannot write " + options.log);
  }

  std::unique_ptr<TlsContext> to_clients, to_servers;
  if (std::ranges::any_of(doors, [](const Door& door) { return door.from.scheme.tls; })) {
    if (options.tls.empty())
      return refuse(exit_usage, "--tls DIR is needed: where the certificate of a TLS door is, or is to be kept");
    const auto made = certificates(options.tls, options.names, RealNet::now().wall, problem);
    if (!made) return refuse(exit_cannot_write, "no certificate for the doors with TLS: " + problem);
    for (const std::string& what : made->remarks) std::fprintf(stderr, "hubproof proxy: %s\n", what.c_str());
    to_clients = TlsContext::server(made->certificate, made->key, made->authority, problem);
    if (!to_clients) return refuse(exit_cannot_write, "the certificate in " + options.tls + ": " + problem);
  }
  if (std::ranges::any_of(doors, [](const Door& door) { return door.to.scheme.tls; })) {
    const std::string file = options.trust.empty() ? system_authorities : options.trust;
    std::string authorities;
    if (!read_text(file, authorities, problem))
      return refuse(exit_bad_input, "no authorities that a server's certificate may end at: " + problem + "; name their file with --trust");
    to_servers = TlsContext::client(authorities, {}, {}, problem);
    if (!to_servers) return refuse(exit_bad_input, file + ": " + problem);
  }

  LiveProxy live{script, cast, options.seed, options.profile, std::move(outputs)};
  std::string lines;
  for (Door& door : doors) {
    const std::string bad = live.listen(door, door.from.scheme.tls ? to_clients.get() : nullptr,
                                        door.to.scheme.tls ? to_servers.get() : nullptr);
    if (!bad.empty()) return refuse(exit_unreachable, bad);
    lines += "listening " + text_of(door.from, door.listens.port()) + " to " + text_of(door.to, door.to.where.port) + "\n";
  }
  std::fputs(lines.c_str(), stdout);
  std::fflush(stdout);
  return live.run() ? exit_pass : exit_cannot_write;
}

}  // namespace hubproof::tools
