// The AMQP door of `serve`, met by a client that is not ours: Qpid Proton's for Python.
#include <gtest/gtest.h>

#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

TEST(ServedAmqp, ProtonsOwnClientGoesThroughAllOfTheDoor) {
  const Folder folder;
  Served served{folder / "hub", {"--listen", "mqtt=127.0.0.1:0,amqp=127.0.0.1:0", "--control",
                              "127.0.0.1:0", "--devices", "d0"}};
  ASSERT_TRUE(served.ready());
  const std::uint16_t port = served.port("listening amqp=127.0.0.1:");
  ASSERT_NE(port, 0);
  Process client{{"/usr/bin/python3", std::string{tests::source_dir()} + "/tests/serve/amqp_client.py",
                  std::to_string(port), "d0"},
                 folder / "client"};
  EXPECT_TRUE(eventually([&] { return client.ended(); }, std::chrono::seconds{120}));
  EXPECT_EQ(client.out(),
            "telemetry 0 accepted\ntelemetry 1 accepted\ntelemetry 2 accepted\n"
            "nobody refused amqp:not-found\n"
            "command 0 accepted\ncommand 1 accepted\ncommand 2 accepted\n"
            "command to nobody True\n"
            "received command 0 0\nreceived command 0 1\nreceived command 1 0\nreceived command 2 0\n"
            "feedback c0 Success\nfeedback c1 Rejected\nfeedback c2 Success\n"
            "event reading 0 d0 0\nevent reading 1 d0 1\nevent reading 2 d0 2\n"
            "closed\n")
      << client.err() << served.process().err();
}

}  // namespace
}  // namespace hubproof::tests
