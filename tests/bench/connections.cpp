// bench_connections HOST:PORT CA DEVICES EVERY SECONDS [PID] < LINES: holds a real MQTT connection for each of the
// devices d0, d1 and so on, each of which sends a message every so many seconds and acknowledges what it
// is sent, and says at the end how many there were, how many were lost, what the process PID used
// meanwhile and whether that grew. CA is the file of an authority, or - for no TLS. LINES are what `serve`
// printed: passwords are made from the keys of its connection strings; without them there are none.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>

#include "model/hub/token.hpp"
#include "model/mqtt/codec.hpp"
#include "tests/bench/usage.hpp"
#include "tools/asio_port.hpp"
#include "tools/real_hub.hpp"

namespace {

using namespace hubproof;
using namespace std::chrono_literals;
using bench::Usage;
using bench::usage_of;
namespace mqtt = model::mqtt;

class Fleet final : tools::PortUser {
 public:
  Fleet(boost::asio::ip::tcp::endpoint hub, const tools::TlsContext* tls, unsigned devices, model::Duration every)
      : hub_{hub}, tls_{tls}, every_{every}, devices_(devices), port_{context_, *this} {}

  void read_keys(std::istream& lines) {
    for (std::string line; std::getline(lines, line);) {
      const auto field = [&line](const std::string& name) {
        const std::size_t at = line.find(name + "=");
        if (at == std::string::npos) return std::string{};
        const std::size_t from = at + name.size() + 1;
        return line.substr(from, line.find(';', from) - from);
      };
      if (line.starts_with("device ")) keys_[field("DeviceId")] = {field("HostName"), field("SharedAccessKey")};
    }
  }

  // A few new connections at a time, so that handshakes do not starve those that are there.
  void run_until(model::Instant end) {
    while (tools::RealNet::now().mono < end) {
      const model::Instant now = tools::RealNet::now().mono;
      while (asked_ < devices_.size() && asked_ < online_ + lost_ + 64) {
        port_.connect(model::ConnectionId{++asked_}, hub_, tls_, "localhost");
      }
      for (; !due_.empty() && due_.begin()->first <= now; due_.erase(due_.begin())) say(due_.begin()->second, now);
      context_.run_one_for(5ms);
    }
  }
  void finish() {
    for (unsigned id = 1; id <= asked_; ++id) port_.close(model::ConnectionId{id});
    context_.run_for(1s);
  }

  unsigned online() const { return online_; }
  unsigned lost() const { return lost_; }
  unsigned sent() const { return sent_; }
  unsigned acknowledged() const { return acknowledged_; }
  unsigned received() const { return received_; }

 private:
  struct Device {
    mqtt::Decoder decoder{mqtt::End::client};
    mqtt::PacketId last = 0;
    bool online = false;
  };

  void accepted(model::ConnectionId, std::size_t) override {}
  void connected(model::ConnectionId id) override {
    const std::string name = name_of(id);
    mqtt::Connect connect;
    connect.client_id = name;
    std::string host = "localhost", password;
    if (const auto found = keys_.find(name); found != keys_.end()) {
      host = found->second.first;
      password = model::make_token(host + "/devices/" + name, found->second.second, model::KeyForm::decoded,
                                   tools::RealNet::now().wall + 24h);
    }
    const std::string user = host + "/" + name + "/?api-version=2021-04-12";
    connect.user_name = user;
    if (!password.empty()) connect.password = model::view(password);
    connect.clean_session = true;
    connect.keep_alive = 1200;
    model::Bytes packet;
    mqtt::write(packet, connect);
    const std::string filter = "devices/" + name + "/messages/devicebound/#";
    mqtt::write(packet, mqtt::Subscribe{1, {{filter, 1}}});
    port_.send(id, packet);
  }
  void refused(model::ConnectionId) override { ++lost_; }
  void received(model::ConnectionId id, model::View bytes) override {
    Device& device = devices_[static_cast<unsigned>(id) - 1];
    device.decoder.feed(bytes);
    while (const mqtt::Packet* packet = device.decoder.next()) {
      if (std::holds_alternative<mqtt::Suback>(*packet)) {
        ++online_;
        device.online = true;
        const auto n = static_cast<std::uint64_t>(id);
        due_.emplace(tools::RealNet::now().mono + every_ * n / devices_.size(), id);
      }
      if (std::holds_alternative<mqtt::Puback>(*packet)) ++acknowledged_;
      if (const auto* command = std::get_if<mqtt::Publish>(packet)) {
        ++received_;
        model::Bytes answer;
        mqtt::write(answer, mqtt::Puback{command->id});
        port_.send(id, answer);
      }
    }
    device.decoder.keep();
  }
  void ended(model::ConnectionId id, model::EndedBy) override {
    Device& device = devices_[static_cast<unsigned>(id) - 1];
    if (device.online) --online_;
    device.online = false;
    ++lost_;
  }
  void woken() override {}

  void say(model::ConnectionId id, model::Instant now) {
    Device& device = devices_[static_cast<unsigned>(id) - 1];
    if (!device.online) return;
    if (++device.last == 0) ++device.last;
    const std::string topic = "devices/" + name_of(id) + "/messages/events/level=3";
    mqtt::Publish publish;
    publish.topic = topic;
    publish.payload = model::view("sixty-four bytes of telemetry, as a small device would send them");
    publish.qos = 1;
    publish.id = device.last;
    model::Bytes packet;
    mqtt::write(packet, publish);
    port_.send(id, packet);
    ++sent_;
    due_.emplace(now + every_, id);
  }
  static std::string name_of(model::ConnectionId id) { return "d" + std::to_string(static_cast<unsigned>(id) - 1); }

  boost::asio::io_context context_{1};
  boost::asio::ip::tcp::endpoint hub_;
  const tools::TlsContext* tls_;
  model::Duration every_;
  std::vector<Device> devices_;
  std::map<std::string, std::pair<std::string, std::string>> keys_;  // host and key, by device
  std::multimap<model::Instant, model::ConnectionId> due_;
  tools::AsioPort<tools::RealNet> port_;
  unsigned asked_ = 0, online_ = 0, lost_ = 0, sent_ = 0, acknowledged_ = 0, received_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const auto where = count > 5 ? tools::host_port(arguments[1]) : std::nullopt;
  if (!where) {
    std::fprintf(stderr, "usage: bench_connections HOST:PORT CA|- DEVICES EVERY SECONDS [PID] < LINES\n");
    return 64;
  }
  std::unique_ptr<tools::TlsContext> tls;
  if (std::string_view{arguments[2]} != "-") {
    std::ifstream file{arguments[2]};
    std::string problem;
    tls = tools::TlsContext::client(std::string{std::istreambuf_iterator<char>{file}, {}}, "", "", problem);
    if (!tls) {
      std::fprintf(stderr, "bench_connections: %s: %s\n", arguments[2], problem.c_str());
      return 65;
    }
  }
  const auto seconds = [](const char* text) { return std::chrono::milliseconds{static_cast<long>(std::atof(text) * 1e3)}; };
  const auto devices = static_cast<unsigned>(std::atoi(arguments[3]));
  const char* pid = count > 6 ? arguments[6] : "self";
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  Fleet fleet{{boost::asio::ip::make_address(where->host), where->port}, tls.get(), devices, seconds(arguments[4])};
  if (::isatty(0) == 0) fleet.read_keys(std::cin);

  const Usage before = usage_of(pid);
  const model::Instant began = tools::RealNet::now().mono;
  while (fleet.online() + fleet.lost() < devices && tools::RealNet::now().mono < began + 10min)
    fleet.run_until(tools::RealNet::now().mono + 100ms);
  const Usage greeted = usage_of(pid);
  const unsigned sent_before = fleet.sent();
  const model::Duration held = seconds(arguments[5]);
  fleet.run_until(tools::RealNet::now().mono + held / 5);
  const Usage settled = usage_of(pid);
  fleet.run_until(tools::RealNet::now().mono + held - held / 5);
  const Usage after = usage_of(pid);
  std::printf("connections held   %u of %u, %u lost\n", fleet.online(), devices, fleet.lost());
  std::printf("messages           %u sent, %u acknowledged, %u commands received\n", fleet.sent(), fleet.acknowledged(),
              fleet.received());
  std::printf("memory             %ld KiB before, %ld KiB at the end: %.1f KiB a connection\n", before.memory, after.memory,
              static_cast<double>(after.memory - before.memory) / std::max(1u, fleet.online()));
  std::printf("growth             %ld KiB and %ld descriptors in the last four fifths of the time, of %ld and %ld\n",
              after.memory - settled.memory, after.files - settled.files, after.memory, after.files);
  std::printf("cpu                %.2f ms a connection to open, %.0f us a message\n",
              1e3 * (greeted.cpu - before.cpu) / devices,
              1e6 * (after.cpu - greeted.cpu) / std::max(1u, fleet.sent() - sent_before));
  fleet.finish();
  return fleet.lost() == 0 ? 0 : 1;
}
