#include <gtest/gtest.h>

#include "tests/support/device_bench.hpp"

namespace hubproof::workbench {
namespace {

using Lines = std::vector<std::string>;

DeviceSettings link_settings() {
  DeviceSettings settings;
  settings.protocol = DeviceSettings::Protocol::link;
  return settings;
}

struct Online : DeviceBench {
  explicit Online(DeviceSettings the_settings = link_settings(), DeviceRules the_rules = {})
      : DeviceBench{std::move(the_settings), the_rules} {
    start();
    connect();
  }
};

Command command(std::uint64_t token, std::uint32_t number) {
  return {token, 30 + token, 1, 5'000, 9'000, flat_message(own_key('c', 1, number))};
}

TEST(LinkDevice, PollsAndSettlesOneCommandAfterAnother) {
  Online bench;
  EXPECT_EQ(bench.said(), Lines{"receive"});
  bench.hear_response(command(7, 1));
  EXPECT_EQ(bench.said(), Lines{"complete 7"});
  bench.hear_response(Done{});
  EXPECT_EQ(bench.said(), Lines{"receive"});
  const std::string which = "on=1 message=c1-1 token=7 sequence=37";
  EXPECT_EQ(bench.saw(),
            (Lines{"opened link on=1",
                   "packet link_delivery link " + which + " count=1 date=5000 expiry=9000",
                   "delivery link " + which + " count=1 date=5000 expiry=9000",
                   "complete invoke link " + which, "complete ok link " + which}));
}

TEST(LinkDevice, WaitsBetweenPollsWhenThereIsNothing) {
  Online bench;
  bench.said();
  bench.hear_response(Command{});
  bench.wait(4s);
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"receive"});
  bench.hear_response(Failed{Error::disabled});
  bench.wait(5s);
  EXPECT_EQ(bench.said(), Lines{"receive"});
}

TEST(LinkDevice, SettlesAsItsApplicationDraws) {
  DeviceSettings settings = link_settings();
  settings.reject_per_mille = 100;
  settings.abandon_per_mille = 200;
  settings.ignore_per_mille = 300;
  for (const auto& [draw, answer] :
       std::initializer_list<std::pair<std::uint32_t, const char*>>{{0, "reject 7"},
                                                                    {99, "reject 7"},
                                                                    {100, "abandon 7"},
                                                                    {299, "abandon 7"},
                                                                    {300, "receive"},
                                                                    {599, "receive"},
                                                                    {600, "complete 7"},
                                                                    {999, "complete 7"}}) {
    Online bench{settings};
    bench.said();
    bench.draws.fixed[ChanceSite::command_handling] = draw;
    bench.hear_response(command(7, 1));
    EXPECT_EQ(bench.said(), Lines{answer}) << draw;
  }
}

TEST(LinkDevice, SettlesWhenTheApplicationIsDoneEvenOnAnotherConnection) {
  Online bench;
  bench.draws.handling = 10s;
  bench.hear_response(command(7, 1));
  bench.wait(2s);
  bench.said();
  bench.end(EndedBy::peer);
  bench.redial();
  bench.connect();
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(10s);
  EXPECT_EQ(bench.said(), Lines{"complete 7"});
}

TEST(LinkDevice, TellsWhatBecameOfASettling) {
  const auto settled = [](const std::optional<Response>& response) {
    Online bench;
    bench.hear_response(command(7, 1));
    if (response)
      bench.hear_response(*response);
    else
      bench.end();
    return bench.saw("complete").back();
  };
  const std::string which = " link on=1 message=c1-1 token=7 sequence=37";
  EXPECT_EQ(settled(Done{}), "complete ok" + which);
  EXPECT_EQ(settled(Failed{Error::lock_lost}), "complete fail" + which + " error=lock_lost");
  EXPECT_EQ(settled(Failed{Error::storage}), "complete info" + which + " error=storage");
  EXPECT_EQ(settled(std::nullopt), "complete info" + which);
}

TEST(LinkDevice, CutsAConnectionWithoutAnswer) {
  Online bench;
  bench.wait(60s);
  EXPECT_EQ(bench.saw("ended"), Lines{"ended link on=1 by=local why=no_answer"});
  EXPECT_EQ(bench.did(), (Lines{"connect 1 0", "abort 1 0"}));
  bench.redial();
  bench.wait(30s);
  EXPECT_EQ(bench.saw("refused"), Lines{"refused link on=2 by=local why=no_answer"});
}

TEST(LinkDevice, ClosesOnAnAnswerThatFitsNothing) {
  for (const Response& response : std::initializer_list<Response>{Done{}, Telemetry{}}) {
    Online bench;
    bench.hear_response(response);
    EXPECT_EQ(bench.saw("ended"), Lines{"ended link on=1 by=local why=protocol"});
  }
  Online bench;
  ++bench.correlation;
  bench.hear_response(Command{});
  EXPECT_EQ(bench.saw("ended"), Lines{"ended link on=1 by=local why=protocol"});
}

TEST(LinkDevice, HasNoTelemetry) {
  Online bench;
  bench.saw();
  bench.submit(1);
  EXPECT_EQ(bench.saw(), (Lines{"telemetry invoke link on=1 message=t3-1",
                                "telemetry fail link on=1 message=t3-1 error=bad_request"}));
}

TEST(LinkDevice, SleepsAndResumes) {
  Online bench;
  bench.device->sleep(bench.now(), bench.effects);
  bench.wait(0s);
  EXPECT_EQ(bench.device->deadline(), std::nullopt);
  bench.device->resume(bench.now(), bench.effects);
  bench.submit(1);
  bench.connect();
  EXPECT_EQ(bench.said(), (Lines{"receive", "receive"}));
}

TEST(LinkDevice, EverySplitOfItsInputGivesTheSameEffects) {
  const auto scripted = [](std::size_t piece) {
    Online bench;
    bench.piece = piece;
    for (std::uint32_t n = 0; n < 3; ++n) {
      bench.hear_response(command(n + 1, n));
      bench.hear_response(Done{});
    }
    return bench.saw();
  };
  const Lines whole = scripted(1u << 30);
  for (std::size_t piece = 1; piece < 60; ++piece) EXPECT_EQ(scripted(piece), whole) << piece;
}

}  // namespace
}  // namespace hubproof::workbench
