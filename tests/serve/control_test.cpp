// The control door as a machine: any split of its input gives the same answers, one after the other.
#include "tools/control.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

namespace hubproof::tests {
namespace {

constexpr model::ConnectionId caller{1};

// The door with a hub that answers when told to.
struct Bench {
  std::deque<tools::Control::Answer> asked;
  std::vector<model::Request> requests;
  std::deque<std::function<void()>> later;
  std::string said;
  bool closed = false;
  model::Now now{};
  tools::Control control{{[this] { return now; },
                          [this](const model::Request& request, tools::Control::Answer answer) {
                            requests.push_back(request);
                            asked.push_back(std::move(answer));
                          },
                          [this](model::ConnectionId, model::View bytes) { said += model::text(bytes); },
                          [this](model::ConnectionId) { closed = true; },
                          [this](std::function<void()> work) { later.push_back(std::move(work)); }}};

  Bench() { control.opened(caller); }
  void hear(std::string_view bytes) { control.received(caller, model::view(bytes)); }
  void answer() {
    const auto first = asked.front();
    asked.pop_front();
    first(model::Done{});
    while (!later.empty()) {
      const auto work = later.front();
      later.pop_front();
      work();
    }
  }
};

const std::string create = "PUT /devices/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
const std::string patch =
    "PATCH /devices/a HTTP/1.1\r\nHost: h\r\nContent-Length: 18\r\n\r\n{\"enabled\": false}";

TEST(Control, AnySplitGivesTheSameAnswers) {
  const std::string bytes = create + patch;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    Bench bench;
    bench.hear(bytes.substr(0, cut));
    bench.hear(bytes.substr(cut));
    ASSERT_EQ(bench.requests.size(), 1U) << cut;  // the second waits for its turn
    bench.answer();
    ASSERT_EQ(bench.requests.size(), 2U) << cut;
    bench.answer();
    EXPECT_TRUE(bench.said.starts_with("HTTP/1.1 201 Created\r\n")) << bench.said;
    EXPECT_NE(bench.said.find("HTTP/1.1 200 OK\r\n"), std::string::npos) << bench.said;
    EXPECT_FALSE(bench.closed);
  }
}

TEST(Control, ClosesWhenAskedTo) {
  Bench bench;
  bench.hear("PUT /devices/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(bench.closed);
  bench.answer();
  EXPECT_TRUE(bench.closed);
}

TEST(Control, AnswersNonsenseOnceAndCloses) {
  for (const std::string nonsense :
       {"garbage\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\r\n\r\n", "\x16\x03\x01\x02"}) {
    Bench bench;
    bench.hear(nonsense + "\r\n\r\n");
    EXPECT_TRUE(bench.said.starts_with("HTTP/1.1 400 Bad Request\r\n")) << bench.said;
    EXPECT_TRUE(bench.closed);
  }
}

TEST(Control, TakesNoMoreThanItsLimits) {
  {
    Bench bench;
    bench.hear("GET /telemetry HTTP/1.1\r\nX: " + std::string(20'000, 'x'));
    EXPECT_TRUE(bench.said.starts_with("HTTP/1.1 413")) << bench.said;
    EXPECT_TRUE(bench.closed);
  }
  {
    Bench bench;
    bench.hear("POST /devices/a/commands HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n");
    EXPECT_TRUE(bench.said.starts_with("HTTP/1.1 413")) << bench.said;
    EXPECT_TRUE(bench.closed);
  }
  {
    Bench bench;
    bench.hear(create);
    for (int i = 0; i < 100 && !bench.closed; ++i) bench.hear(std::string(65'536, 'x'));
    EXPECT_TRUE(bench.closed);
    bench.answer();  // comes too late, and harms nobody
  }
}

TEST(Control, SaysContinueToWhoWaitsForIt) {
  Bench bench;
  bench.hear("PATCH /devices/a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 18\r\n\r\n");
  EXPECT_EQ(bench.said, "HTTP/1.1 100 Continue\r\n\r\n");
  bench.hear("{\"enabled\": false}");
  EXPECT_EQ(bench.requests.size(), 1U);
}

TEST(Control, TakesNoChunks) {
  Bench bench;
  bench.hear("PATCH /devices/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(bench.said.starts_with("HTTP/1.1 411 Length Required\r\n")) << bench.said;
  EXPECT_TRUE(bench.closed);
  EXPECT_TRUE(bench.requests.empty());
}

TEST(Control, SaysOfABrokenHeaderOnlyWhenItIsWhole) {
  Bench bench;
  bench.hear("GET /devices\x07 HTTP/9");
  EXPECT_EQ(bench.said, "");
  bench.hear("\r\n\r\n");
  EXPECT_TRUE(bench.said.starts_with("HTTP/1.1 400 Bad Request\r\n")) << bench.said;
  EXPECT_TRUE(bench.closed);
}

TEST(Control, ForgetsWhoIsGone) {
  Bench bench;
  bench.hear(create);
  bench.control.ended(caller);
  bench.answer();
  EXPECT_EQ(bench.said, "");
}

TEST(Control, EndsSilentConnectionsButNotThoseThatWait) {
  Bench bench;
  bench.hear(create);
  bench.now.mono += std::chrono::hours{1};
  bench.control.woken();
  EXPECT_FALSE(bench.closed);
  bench.answer();
  bench.now.mono += std::chrono::hours{1};
  bench.control.woken();
  EXPECT_TRUE(bench.closed);
}

}  // namespace
}  // namespace hubproof::tests
