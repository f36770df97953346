// Connections over Boost.Asio: their ends, and a peer that does not read.
#include "tools/asio_port.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace hubproof::tests {
namespace {

using boost::asio::ip::tcp;
using model::ConnectionId;

struct Owner final : tools::PortUser {
  void accepted(ConnectionId connection, std::size_t door) override {
    EXPECT_EQ(door, 5U);
    ids.push_back(connection);
  }
  void connected(ConnectionId) override {}
  void refused(ConnectionId) override { ++refusals; }
  void received(ConnectionId, model::View bytes) override { heard += model::text(bytes); }
  void ended(ConnectionId, model::EndedBy by) override { ends.push_back(by); }
  void woken() override { ++wakes; }

  std::vector<ConnectionId> ids;
  std::vector<model::EndedBy> ends;
  std::string heard;
  int refusals = 0;
  int wakes = 0;
};

class AsioPort : public testing::Test {
 protected:
  AsioPort() {
    tcp::acceptor acceptor{context_, {boost::asio::ip::address_v4::loopback(), 0}};
    number_ = acceptor.local_endpoint().port();
    port_.listen(std::move(acceptor), 5);
  }
  template <class F>
  bool until(F is_so) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!is_so() && std::chrono::steady_clock::now() < end) context_.run_one_for(10ms);
    return is_so();
  }
  ConnectionId first() {
    EXPECT_TRUE(until([&] { return !owner_.ids.empty(); }));
    return owner_.ids.empty() ? ConnectionId::none : owner_.ids[0];
  }

  boost::asio::io_context context_;
  Owner owner_;
  // With a farewell of 100 ms a peer on a busy machine took longer, and what close() had left
  // was cut off. No test here waits for it to run out.
  tools::PortLimits limits_{1u << 20, 10s, 10ms};
  tools::AsioPort<tools::RealNet> port_{context_, owner_, limits_};
  std::uint16_t number_ = 0;
};

TEST_F(AsioPort, APeerThatDoesNotReadIsCut) {
  Socket peer{number_};
  const ConnectionId connection = first();
  const model::Bytes block(256u << 10, 'x');
  for (int i = 0; i < 400 && owner_.ends.empty(); ++i) {
    port_.send(connection, block);
    context_.poll();
  }
  EXPECT_TRUE(until([&] { return !owner_.ends.empty(); }));
  EXPECT_EQ(owner_.ends, std::vector{model::EndedBy::local});
  port_.send(connection, block);  // a name that is no more
}

TEST_F(AsioPort, CloseLetsTheLastBytesOut) {
  Socket peer{number_};
  peer.send("unread by the machine");
  const ConnectionId connection = first();
  port_.send(connection, model::view(std::string(500'000, 'y')));
  port_.close(connection);
  std::string all;
  std::atomic<bool> read = false;
  std::thread reader{[&] {
    all = peer.receive_all();
    read = true;
  }};
  EXPECT_TRUE(until([&] { return read.load(); }));
  reader.join();
  EXPECT_EQ(all.size(), 500'000U);
  EXPECT_TRUE(owner_.ends.empty());  // who closes is not told of the end
}

TEST_F(AsioPort, APeerThatSaysItsEndStillHearsWhatWasQueued) {
  Socket peer{number_};
  peer.send("bye");
  const ConnectionId connection = first();
  port_.send(connection, model::view("last word"));
  peer.end_of_sending();
  EXPECT_TRUE(until([&] { return !owner_.ends.empty(); }));
  EXPECT_EQ(owner_.ends, std::vector{model::EndedBy::peer});
  EXPECT_EQ(owner_.heard, "bye");
  EXPECT_EQ(peer.receive(), "last word");
}

TEST_F(AsioPort, APauseHoldsThePeerBack) {
  port_.pause(true);
  Socket peer{number_};
  peer.send("later");
  first();
  context_.run_for(50ms);
  EXPECT_EQ(owner_.heard, "");
  port_.pause(false);
  EXPECT_TRUE(until([&] { return owner_.heard == "later"; }));
}

TEST_F(AsioPort, NobodyThereIsARefusal) {
  const TakenPort taken;
  port_.connect(ConnectionId{7}, {boost::asio::ip::address_v4::loopback(), taken.port()});
  EXPECT_TRUE(until([&] { return owner_.refusals == 1; }));
}

TEST_F(AsioPort, WakesAtTheEarliestWish) {
  const model::Instant now = tools::RealNet::now().mono;
  port_.wake_at(now + std::chrono::hours{1});
  port_.wake_at(now + 5ms);
  port_.wake_at(now + std::chrono::hours{2});
  EXPECT_TRUE(until([&] { return owner_.wakes == 1; }));
  EXPECT_GE(tools::RealNet::now().mono, now + 5ms);
}

}  // namespace
}  // namespace hubproof::tests
