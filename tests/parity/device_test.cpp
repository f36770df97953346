// The device machine on a real socket against a broker that knows nothing of hubproof, while its
// connection is cut again and again: at least once, and nothing lost.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <array>
#include <map>
#include <memory>
#include <sstream>

#include "tests/support/process.hpp"
#include "tools/real_device.hpp"
#include "tools/workload.hpp"

namespace hubproof::tests {
namespace {

using boost::asio::ip::tcp;

// Hands bytes on between a device and a broker, and cuts both off when the device has sent as many
// as were allowed. Runs on a thread of its own.
class CuttingProxy {
 public:
  CuttingProxy(std::uint16_t broker, std::vector<std::size_t> cuts)
      : broker_{boost::asio::ip::address_v4::loopback(), broker},
        cuts_{std::move(cuts)},
        acceptor_{context_, {boost::asio::ip::address_v4::loopback(), 0}},
        port_{acceptor_.local_endpoint().port()} {
    accept();
    thread_ = std::thread{[this] { context_.run(); }};
  }
  ~CuttingProxy() {
    context_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return port_; }
  std::size_t cut() const { return cut_; }

 private:
  struct Pair {
    explicit Pair(boost::asio::io_context& context) : device{context}, broker{context} {}
    tcp::socket device;
    tcp::socket broker;
    std::array<std::array<char, 2048>, 2> bytes{};
    std::size_t seen = 0;
  };

  void accept() {
    auto pair = std::make_shared<Pair>(context_);
    acceptor_.async_accept(pair->device, [this, pair](boost::system::error_code error) {
      if (error) return;
      pair->broker.connect(broker_, error);
      if (!error) {
        pump(pair, pair->device, pair->broker, 0);
        pump(pair, pair->broker, pair->device, 1);
      }
      accept();
    });
  }

  void pump(const std::shared_ptr<Pair>& pair, tcp::socket& from, tcp::socket& to, std::size_t way) {
    from.async_read_some(
        boost::asio::buffer(pair->bytes[way]),
        [this, pair, &from, &to, way](boost::system::error_code error, std::size_t size) {
          if (error) return end(*pair);
          if (way == 0) pair->seen += size;
          if (way == 0 && cut_ < cuts_.size() && pair->seen > cuts_[cut_]) {
            // Half of what was read goes on: the cut falls inside a packet.
            boost::asio::write(to, boost::asio::buffer(pair->bytes[way].data(), size / 2), error);
            ++cut_;
            return end(*pair);
          }
          boost::asio::write(to, boost::asio::buffer(pair->bytes[way].data(), size), error);
          if (error) return end(*pair);
          pump(pair, from, to, way);
        });
  }

  static void end(Pair& pair) {
    boost::system::error_code ignored;
    for (tcp::socket* each : {&pair.device, &pair.broker}) {
      each->set_option(boost::asio::socket_base::linger{true, 0}, ignored);
      each->close(ignored);
    }
  }

  boost::asio::io_context context_;
  tcp::endpoint broker_;
  std::vector<std::size_t> cuts_;  // bytes from the device on each connection, until its cut
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::atomic<std::size_t> cut_ = 0;
  std::thread thread_;
};

// Debian's broker on a free port, without a bound on its queues.
class Mosquitto {
 public:
  explicit Mosquitto(const Folder& folder) : port_{free_port()} {
    write_file(folder / "mosquitto.conf", "listener " + std::to_string(port_) +
                                              " 127.0.0.1\nallow_anonymous true\n"
                                              "max_queued_messages 0\nuser root\n");
    process_ = std::make_unique<Process>(
        std::vector<std::string>{program(), "-c", folder / "mosquitto.conf"}, folder / "mosquitto");
    up_ = eventually([&] { return Socket{port_}.connected() || process_->ended(); }) &&
          !process_->ended();
    if (!up_) ADD_FAILURE() << "mosquitto did not start: " << process_->err();
  }
  bool up() const { return up_; }
  std::uint16_t port() const { return port_; }

 private:
  static std::string program() {
    return std::filesystem::exists("/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : "mosquitto";
  }
  std::uint16_t port_;
  std::unique_ptr<Process> process_;
  bool up_ = false;
};

// What the subscriber saw, by message-id.
std::map<std::string, std::string> deliveries(const std::string& log, std::size_t& in_all) {
  std::map<std::string, std::string> seen;
  std::istringstream lines{log};
  in_all = 0;
  for (std::string line; std::getline(lines, line); ++in_all) {
    constexpr std::string_view mark = "%24.mid=";
    const std::size_t at = line.find(mark);
    const std::size_t end = line.find_first_of("& ", at);
    const std::size_t body = line.rfind(' ');
    if (at != std::string::npos && end != std::string::npos)
      seen[line.substr(at + mark.size(), end - at - mark.size())] = line.substr(body + 1);
  }
  return seen;
}

TEST(RealDevice, DeliversAllToMosquittoThroughTenCuts) {
  constexpr std::uint32_t messages = 10'000;
  const Folder folder;
  const Mosquitto broker{folder};
  ASSERT_TRUE(broker.up());
  std::vector<std::string> subscriber{
      "mosquitto_sub", "-h", "127.0.0.1", "-p", std::to_string(broker.port()), "-i", "sub", "-c",
      "-q", "1", "-t", "devices/d7/messages/events/#"};
  std::vector<std::string> first = subscriber;
  first.emplace_back("-E");  // until it is subscribed; the session stays
  ASSERT_EQ(Process(first, folder / "first").wait(), 0);
  subscriber.insert(subscriber.begin(), {"stdbuf", "-oL"});
  subscriber.insert(subscriber.end(), {"-F", "%t %x"});
  const Process sub{subscriber, folder / "sub"};

  CuttingProxy proxy{broker.port(), {60'000, 3'000, 70'001, 200, 80'000, 1'000, 50'000, 12'345,
                                     90'000, 30'000}};
  model::DeviceSettings settings;
  settings.back_off_first = 20ms;
  settings.back_off_max = 50ms;
  settings.window = 50;
  const model::DeviceRules rules;
  tools::RealDevice device{settings, rules, "d7", 7};
  std::string problem;
  ASSERT_TRUE(device.open({"127.0.0.1", proxy.port()}, problem)) << problem;

  std::uint32_t given = 0;
  const auto end = std::chrono::steady_clock::now() + 60s;
  model::Bytes flat;
  device.run([&] {
    while (given < messages && device.unacknowledged() < 200) {
      flat.clear();
      tools::write_message(flat, model::own_key('t', 7, ++given), {});
      device.submit(flat);
    }
    return (given == messages && device.unacknowledged() == 0) ||
           std::chrono::steady_clock::now() > end;
  });
  EXPECT_EQ(device.unacknowledged(), 0U);
  EXPECT_EQ(proxy.cut(), 10U);

  std::size_t in_all = 0;
  std::map<std::string, std::string> seen;
  eventually([&] { return (seen = deliveries(sub.out(), in_all)).size() == messages; });
  EXPECT_EQ(seen.size(), messages);
  RecordProperty("deliveries", static_cast<int>(in_all));
  std::size_t lost = 0;
  for (std::uint32_t n = 1; n <= messages; ++n)
    lost += seen.contains(model::message_id(model::own_key('t', 7, n))) ? 0U : 1U;
  EXPECT_EQ(lost, 0U);
}

}  // namespace
}  // namespace hubproof::tests
