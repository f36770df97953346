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
  for (const char* only : {"mqtt/connect/accepted-*", "http/telemetry/version-*", "http/*/abandoned-each-time"}) {
    const Judged all = judged(doors, "iot-hub-2026", only);
    EXPECT_EQ(all.code, 0) << all.out;
  }
}

// Two instances of one hub share the cases out; what differs is no instance of it.
TEST(ConformLive, InstancesShareTheCasesOut) {
  const Folder folder;
  std::vector<std::unique_ptr<Served>> hubs;
  std::vector<std::string> files;
  for (const char* name : {"one", "two", "other"}) {
    files.push_back(folder / (std::string{name} + ".json"));
    std::vector<std::string> options{"--control", "127.0.0.1:0", "--target", files.back()};
    if (name == std::string_view{"other"}) options.insert(options.end(), {"--profile", "mqtt-3.1.1", "--listen", "mqtt=127.0.0.1:0"});
    else options.insert(options.end(), {"--listen", "mqtt=127.0.0.1:0,amqp=127.0.0.1:0,http=127.0.0.1:0", Served::verifying, "--devices", "d0,d1,d2,d3",
                                         "--history", folder / (std::string{name} + ".jsonl")});
    hubs.push_back(std::make_unique<Served>(folder / name, options));
  }
  Process suite{{program_file(), "conform", files[0], files[1], "--only", "http/registry/*st*", "--format", "json"}, folder / "conform"};
  EXPECT_EQ(suite.wait(60s), 0) << suite.out() << suite.err();
  std::size_t passed = 0;
  const Json said = Json::parse(suite.out(), nullptr, false);
  for (const Json& one : said["cases"]) passed += one["verdict"] == "pass" ? 1 : 0;
  EXPECT_GT(passed, 1U);
  for (const Json& one : said["cases"]) EXPECT_TRUE(one["verdict"] == "pass" || one["verdict"] == "not_applicable") << one.dump();
  // One began with the case that needs a hub for itself, the other one with the rest.
  for (const char* name : {"one", "two"}) {
    Served& hub = *hubs[name == std::string_view{"two"} ? 1 : 0];
    hub.process().signal(SIGTERM);
    EXPECT_TRUE(hub.process().wait(20s));
    EXPECT_NE(read_file(folder / (std::string{name} + ".jsonl")).find("\"what\":\"opened\""), std::string::npos) << name;
  }
  Process differing{{program_file(), "conform", files[0], files[2]}, folder / "differing"};
  EXPECT_EQ(differing.wait(20s), 65);
  EXPECT_NE(differing.err().find("expected another instance of " + files[0] + ", found a difference in /profile"), std::string::npos) << differing.err();
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
