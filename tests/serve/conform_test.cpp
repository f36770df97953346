// `hubproof conform` against `hubproof serve`, both from outside: the descriptor that the one writes is what the other
// needs, a right hub passes over TLS too, and a wrong one is found.
#include <gtest/gtest.h>

#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

struct Judged {
  std::optional<int> code;
  std::string out;
};

Judged judged(const std::vector<std::string>& serve_options, const std::string& profile, const std::string& only) {
  const Folder folder;
  std::vector<std::string> options{"--control", "127.0.0.1:0", "--target", folder / "target.json"};
  options.insert(options.end(), serve_options.begin(), serve_options.end());
  if (profile != "mqtt-3.1.1") options.insert(options.end(), {Served::verifying, "--devices", "d0,d1,d2,d3"});
  const Served hub{folder / "hub", options};
  Process suite{{program_file(), "conform", folder / "target.json", "--only", only}, folder / "conform"};
  const std::optional<int> code = suite.wait(60s);
  return {code, suite.out() + suite.err()};
}

TEST(ConformLive, AHubPassesAtAllItsDoors) {
  const std::vector<std::string> doors{"--listen", "mqtt=127.0.0.1:0,amqp=127.0.0.1:0,http=127.0.0.1:0"};
  for (const char* only : {"mqtt/connect/accepted-*", "http/telemetry/version-*"}) {
    const Judged all = judged(doors, "iot-hub-2026", only);
    EXPECT_EQ(all.code, 0) << all.out;
  }
}

TEST(ConformLive, ABrokerPassesOverTls) {
  const Judged all = judged({"--profile", "mqtt-3.1.1", "--listen", "mqtts=127.0.0.1:0"}, "mqtt-3.1.1",
                            "mqtt/connect/accepted-*");
  EXPECT_EQ(all.code, 0) << all.out;
}

TEST(ConformLive, AWrongHubFailsTheClauseThatItBreaks) {
  const Judged all = judged({"--listen", "mqtt=127.0.0.1:0", "--mutant", "older-connection-kept"}, "iot-hub-2026",
                            "mqtt/connect/takeover*");
  EXPECT_EQ(all.code, 1) << all.out;
  EXPECT_NE(all.out.find("FAIL  mqtt311:3.1.4-2"), std::string::npos) << all.out;
}

}  // namespace
}  // namespace hubproof::tests
