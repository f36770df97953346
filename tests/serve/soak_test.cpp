// `hubproof conform --soak` against brokers and hubs on sockets: one that is killed and started again in the middle passes,
// and wrong ones are found by what is owed to clients, devices and services.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

// Starts a durable broker on `port`, after it has killed the one before it.
std::string starting_script(const std::string& folder, std::uint16_t port) {
  return "test -f " + folder + "/pid && kill -9 $(cat " + folder + "/pid)\n" +
         program_file() + " serve --profile mqtt-3.1.1 --listen mqtt=127.0.0.1:" + std::to_string(port) + " --store " + folder +
         "/store > " + folder + "/out 2> " + folder + "/err &\necho $! > " + folder + "/pid\n" +
         "for i in $(seq 100); do grep -q '^listening' " + folder + "/out && exit 0; sleep 0.1; done\nexit 1\n";
}

TEST(Soak, ARightBrokerPassesThoughItIsKilledAndWrongOnesAreFound) {
  const Folder folder;
  const std::uint16_t port = free_port();
  write_file(folder / "start", starting_script(folder / "", port));
  Process first{{"/bin/sh", folder / "start"}, folder / "first"};
  ASSERT_EQ(first.wait(20s), 0) << first.err();
  write_file(folder / "target.json", R"({"name": "b", "profile": "mqtt-3.1.1", "addresses": ["mqtt://127.0.0.1:)" + std::to_string(port) +
                                         R"("], "restart": "sh )" + (folder / "start") + R"("})");
  Process right{{program_file(), "conform", folder / "target.json", "--soak", "6s", "--out", folder / "right"}, folder / "soak"};

  struct {
    const char *mutant, *clause;
  } const wrongs[] = {{"broker-session-ends-with-connection", "mqtt311:3.2.2-2"}, {"broker-swaps", "mqtt311:4.6.0-6"}};
  std::vector<std::unique_ptr<Served>> served;
  std::vector<std::unique_ptr<Process>> soaks;
  for (const auto& wrong : wrongs) {
    served.push_back(std::make_unique<Served>(folder / wrong.mutant, std::vector<std::string>{
        "--profile", "mqtt-3.1.1", "--listen", "mqtt=127.0.0.1:0", "--control", "127.0.0.1:0", "--mutant", wrong.mutant}));
    soaks.push_back(std::make_unique<Process>(
        std::vector<std::string>{program_file(), "conform", "mqtt://127.0.0.1:" + std::to_string(served.back()->mqtt()), "--soak", "6s"},
        folder / (std::string{"soak-"} + wrong.mutant)));
  }
  EXPECT_EQ(right.wait(60s), 0) << right.out() << right.err();
  EXPECT_NE(right.err().find("2 restarts; at the end 0 clients were away"), std::string::npos) << right.err();
  for (const char* clause : {"mqtt311:4.5.0-1", "mqtt311:4.3.3-2", "mqtt311:4.6.0-6", "mqtt311:3.2.2-2"}) {
    const std::string out = right.out();
    const std::size_t row = out.find(std::string{clause} + " ");
    ASSERT_NE(row, std::string::npos) << clause;
    EXPECT_NE(out.substr(row, 40).find("pass"), std::string::npos) << out.substr(row, 80);
  }
  EXPECT_TRUE(std::ifstream{folder / "right/soak.jsonl"}.good());
  for (std::size_t at = 0; at < soaks.size(); ++at) {
    EXPECT_EQ(soaks[at]->wait(60s), 1) << wrongs[at].mutant << soaks[at]->out() << soaks[at]->err();
    const std::string out = soaks[at]->out();
    const std::size_t failing = out.find("failing: ");
    ASSERT_NE(failing, std::string::npos) << out;
    EXPECT_NE(out.find(wrongs[at].clause, failing), std::string::npos) << wrongs[at].mutant << out;
  }
  pid_t broker = 0;
  std::ifstream{folder / "pid"} >> broker;
  if (broker > 0) kill(broker, SIGKILL);
}

struct Hub {
  Hub(const Folder& folder, const std::string& name, const std::string& devices, std::vector<std::string> more = {}) : target{folder / (name + ".json")} {
    more.insert(more.end(), {Served::verifying, "--devices", devices, "--target", target, "--control", "127.0.0.1:0",
                             "--listen", "mqtt=127.0.0.1:0,amqp=127.0.0.1:0,http=127.0.0.1:0"});
    served = std::make_unique<Served>(folder / name, more);
  }
  std::string target;
  std::unique_ptr<Served> served;
};

// Devices of all protocols and a service; what it leaves behind does not disturb the next one at the same hub.
TEST(Soak, ARightHubPassesTwiceAndWrongOnesAreFound) {
  const Folder folder;
  const Hub right{folder, "right", "d0,d1,d2,d3"};
  const auto soak = [&](const Hub& hub, const std::string& log) {
    return std::make_unique<Process>(std::vector<std::string>{program_file(), "conform", hub.target, "--soak", "5s", "--seed", "3", "--out", folder / (log + "-kept")},
                                     folder / log);
  };
  const std::pair<const char*, const char*> wrongs[] = {{"altered-command", "INV-25"}, {"partition-changed", "INV-05"}, {"feedback-wrong-status", "INV-14"}};
  std::vector<std::unique_ptr<Hub>> hubs;
  std::vector<std::unique_ptr<Process>> soaks;
  for (const auto& [mutant, clause] : wrongs) {
    hubs.push_back(std::make_unique<Hub>(folder, mutant, "d0,d1,d2,d3", std::vector<std::string>{"--mutant", mutant}));
    soaks.push_back(soak(*hubs.back(), std::string{"soak-"} + mutant));
  }
  for (const char* log : {"first", "second"}) {
    const auto process = soak(right, log);
    EXPECT_EQ(process->wait(150s), 0) << process->out() << process->err();
    EXPECT_NE(process->err().find("at the end 0 clients were away"), std::string::npos) << process->err();
    const std::string out = process->out();
    for (const char* clause : {"INV-01", "INV-03", "INV-05", "INV-06", "INV-09", "INV-10", "INV-14", "INV-25", "FBK-04"}) {
      const std::size_t row = out.find(std::string{clause} + " ");
      ASSERT_NE(row, std::string::npos) << clause;
      EXPECT_NE(out.substr(row, 40).find("pass"), std::string::npos) << out.substr(row, 80);
    }
  }
  for (std::size_t at = 0; at < soaks.size(); ++at) {
    EXPECT_EQ(soaks[at]->wait(200s), 1) << wrongs[at].first << soaks[at]->out() << soaks[at]->err();
    const std::string out = soaks[at]->out();
    const std::size_t failing = out.find("failing: ");
    ASSERT_NE(failing, std::string::npos) << out;
    EXPECT_NE(out.find(wrongs[at].second, failing), std::string::npos) << wrongs[at].first << out;
  }
}

// kill -9 in the middle, twice.
TEST(Soak, ARightHubIsKilledAndForgetsNothing) {
  const Folder folder;
  const std::uint16_t mqtt = free_port(), amqp = free_port(), http = free_port();
  const auto door = [](const char* name, std::uint16_t port) { return std::string{name} + "=127.0.0.1:" + std::to_string(port); };
  write_file(folder / "start", "test -f " + (folder / "pid") + " && kill -9 $(cat " + (folder / "pid") + ")\n" + program_file() +
                                   " serve --devices d0,d1 --store " + (folder / "store") + " --target " + (folder / "served.json") + " --listen " +
                                   door("mqtt", mqtt) + "," + door("amqp", amqp) + "," + door("http", http) + " > " + (folder / "out") + " 2> " +
                                   (folder / "err") + " &\necho $! > " + (folder / "pid") + "\n" +
                                   "for i in $(seq 100); do grep -q '^listening http' " + (folder / "out") + " && exit 0; sleep 0.1; done\nexit 1\n");
  Process first{{"/bin/sh", folder / "start"}, folder / "first"};
  ASSERT_EQ(first.wait(20s), 0) << first.err();
  Json target = Json::parse(read_file(folder / "served.json"));
  target["restart"] = "sh " + (folder / "start");
  write_file(folder / "target.json", target.dump());
  Process soak{{program_file(), "conform", folder / "target.json", "--soak", "6s"}, folder / "soak"};
  EXPECT_EQ(soak.wait(200s), 0) << soak.out() << soak.err();
  EXPECT_NE(soak.err().find("2 restarts; at the end 0 clients were away"), std::string::npos) << soak.err();
  pid_t hub = 0;
  std::ifstream{folder / "pid"} >> hub;
  if (hub > 0) kill(hub, SIGKILL);
}

TEST(Soak, WhatCannotBeSoakedIsSaid) {
  const auto refused = [](std::vector<std::string> arguments) {
    const Folder folder;
    arguments.insert(arguments.begin(), {program_file(), "conform"});
    Process process{arguments, folder / "log"};
    const auto code = process.wait(20s);
    return std::to_string(code.value_or(-1)) + ": " + process.err();
  };
  EXPECT_EQ(refused({"simulated", "--soak", "5s"}),
            "64: hubproof conform --soak: simulated: what is simulated is soaked by `hubproof run`, with the scenarios plain-broker and topics\n");
  EXPECT_EQ(refused({"mqtt://127.0.0.1:1", "--profile", "iot-hub-2026", "--soak", "5s"}),
            "64: hubproof conform --soak: mqtt://127.0.0.1:1: it has no address with amqp:// or amqps://, where the soak's service sends commands, reads "
            "telemetry and empties queues\n");
  EXPECT_EQ(refused({"amqp://127.0.0.1:1", "--profile", "amqp-1.0", "--soak", "5s"}),
            "64: hubproof conform --soak: amqp://127.0.0.1:1: brokers of AMQP cannot be soaked by this version; hubs, and brokers of MQTT, can\n");
  EXPECT_NE(refused({"mqtt://127.0.0.1:1", "--soak", "5s"}).find("127.0.0.1:1"), std::string::npos);
  EXPECT_NE(refused({"mqtt://127.0.0.1:1", "--soak", "5s", "--only", "x"}).find("--soak"), std::string::npos);
}

}  // namespace
}  // namespace hubproof::tests
