// Connections over Boost.Asio: their ends, and a peer that does not read.
#include "tools/asio_port.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
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
  tools::PortLimits limits_{1u << 20, 10s, 10ms, 20s, 300ms, 64u << 10, 48u << 20, 64u << 20};
  tools::AsioPort<tools::RealNet> port_{context_, owner_, limits_};
  std::uint16_t number_ = 0;
};

TEST_F(AsioPort, APeerThatDoesNotReadIsCut) {
  Socket peer{number_};
  const ConnectionId connection = first();
  const model::Bytes block(256u << 10, 'x');
  int sent = 0;
  for (; sent < 1'000 && owner_.ends.empty(); ++sent) {
    port_.send(connection, block);
    context_.poll();
  }
  EXPECT_TRUE(until([&] { return !owner_.ends.empty(); }));
  EXPECT_EQ(owner_.ends, std::vector{model::EndedBy::local});
  EXPECT_LT(sent, 400) << "so much was kept for it, in blocks of 256 KB";
  port_.send(connection, block);  // a name that is no more
}

TEST_F(AsioPort, NorIsOneThatStopsReadingKeptForLong) {
  Socket peer{number_};
  const ConnectionId connection = first();
  port_.send(connection, model::Bytes(16u << 20, 'x'));  // more than the systems take over
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(until([&] { return !owner_.ends.empty(); }));
  EXPECT_EQ(owner_.ends, std::vector{model::EndedBy::local});
  EXPECT_GT(std::chrono::steady_clock::now() - begun, 300ms);
}

// 32 MB at once, as to a reader that asks for all that there is, and each stretch it takes some.
TEST_F(AsioPort, APeerThatIsFarBehindAndReadsGetsAll) {
  Socket peer{number_};
  const ConnectionId connection = first();
  const model::Bytes block(1u << 20, 'x');
  for (int i = 0; i < 32; ++i) port_.send(connection, block);
  std::atomic<std::size_t> got = 0;
  std::thread reader{[&] {
    while (got < (32u << 20) + 200) {
      const std::size_t more = peer.receive().size();
      if (more == 0) return;
      got += more;
    }
  }};
  for (int i = 0; i < 200; ++i) {
    context_.run_one_for(5ms);
    port_.send(connection, model::view("."));
  }
  EXPECT_TRUE(until([&] { return got == (32u << 20) + 200; })) << got;
  EXPECT_TRUE(owner_.ends.empty());
  port_.abort(connection);
  reader.join();
}

TEST_F(AsioPort, WhoIsFarBehindIsListenedToWhenItHasCaughtUp) {
  Socket peer{number_};
  const ConnectionId connection = first();
  const std::size_t much = 24u << 20;
  port_.send(connection, model::Bytes(much, 'x'));
  peer.send(std::string(100'000, 'y'));
  for (int i = 0; i < 10; ++i) context_.run_one_for(10ms);
  EXPECT_LE(owner_.heard.size(), 4096U) << "the read that was under way";
  std::atomic<bool> done = false;
  std::thread reader{[&] {
    for (std::size_t got = 0, more = 1; got < much && more > 0; got += more) more = peer.receive().size();
    done = true;
  }};
  EXPECT_TRUE(until([&] { return owner_.heard.size() == 100'000 && done; }));
  EXPECT_TRUE(owner_.ends.empty());
  port_.abort(connection);
  reader.join();
}

TEST_F(AsioPort, WhenAllAreFarBehindTogetherNobodyHasMoreThanAtLeisure) {
  Socket one{number_}, two{number_};
  ASSERT_TRUE(until([&] { return owner_.ids.size() == 2; }));
  for (const ConnectionId connection : owner_.ids) port_.send(connection, model::Bytes(40u << 20, 'x'));
  EXPECT_TRUE(until([&] { return owner_.ends.size() == 1; }));
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
