#include <gtest/gtest.h>

#include "tests/support/device_bench.hpp"

namespace hubproof::workbench {
namespace {

using Lines = std::vector<std::string>;

DeviceSettings http_settings(bool receives = true) {
  DeviceSettings settings;
  settings.protocol = DeviceSettings::Protocol::http;
  settings.receives_commands = receives;
  return settings;
}

struct Online : DeviceBench {
  explicit Online(DeviceSettings the_settings = http_settings(), DeviceRules the_rules = {})
      : DeviceBench{std::move(the_settings), the_rules} {
    start();
    connect();
  }
  void hear_command(std::uint32_t number, std::string_view etag = "\"7\"") {
    const std::string id = message_id(own_key('c', 1, number));
    hear_response(200,
                  {{"ETag", etag},
                   {"iothub-messageid", id},
                   {"iothub-sequencenumber", "37"},
                   {"iothub-deliverycount", "1"},
                   {"iothub-enqueuedtime", "1970-01-01T00:00:05.000Z"},
                   {"iothub-expiry", "1970-01-01T00:00:09.000Z"},
                   {"iothub-app-p", "1"}},
                  "do");
  }
};

std::string id(std::uint32_t number) { return message_id(own_key('t', 3, number)); }

// ---- Commands.

TEST(HttpDevice, PollsAndSettlesOneCommandAfterAnother) {
  Online bench;
  EXPECT_EQ(bench.said(), Lines{"receive"});
  bench.hear_command(1);
  EXPECT_EQ(bench.said(), Lines{"complete 7"});
  bench.hear_response(204);
  EXPECT_EQ(bench.said(), Lines{"receive"});
  const std::string which = "on=1 message=c1-1 token=7 sequence=37";
  const std::string dates = " count=1 date=5000000000 expiry=9000000000";
  EXPECT_EQ(bench.saw(), (Lines{"opened link on=1", "packet link_delivery link " + which + dates,
                                "delivery link " + which + dates, "complete invoke link " + which,
                                "complete ok link " + which}));
}

TEST(HttpDevice, WaitsBetweenPollsWhenThereIsNothing) {
  Online bench;
  bench.said();
  bench.hear_response(204);
  bench.wait(4s);
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"receive"});
}

TEST(HttpDevice, PollsOnlyIfItIsTo) {
  Online bench{http_settings(false)};
  bench.wait(1h);
  EXPECT_EQ(bench.said(), Lines{});
}

TEST(HttpDevice, SettlesAsItsApplicationDraws) {
  DeviceSettings settings = http_settings();
  settings.reject_per_mille = 100;
  settings.abandon_per_mille = 200;
  settings.ignore_per_mille = 300;
  for (const auto& [draw, answer] : std::initializer_list<std::pair<std::uint32_t, const char*>>{
           {0, "reject 7"}, {99, "reject 7"}, {100, "abandon 7"}, {299, "abandon 7"}, {300, "receive"},
           {599, "receive"}, {600, "complete 7"}, {999, "complete 7"}}) {
    Online bench{settings};
    bench.said();
    bench.draws.fixed[ChanceSite::command_handling] = draw;
    bench.hear_command(1);
    EXPECT_EQ(bench.said(), Lines{answer}) << draw;
  }
}

TEST(HttpDevice, SettlesWhenTheApplicationIsDoneEvenOnAnotherConnection) {
  Online bench;
  bench.draws.handling = 10s;
  bench.hear_command(1);
  bench.wait(2s);
  bench.said();
  bench.end(EndedBy::peer);
  bench.redial();
  bench.connect();
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(10s);
  EXPECT_EQ(bench.said(), Lines{"complete 7"});
}

TEST(HttpDevice, TellsWhatBecameOfASettling) {
  const auto settled = [](unsigned status) {
    Online bench;
    bench.hear_command(1);
    if (status != 0)
      bench.hear_response(status);
    else
      bench.end();
    return bench.saw("complete").back();
  };
  const std::string which = " link on=1 message=c1-1 token=7 sequence=37";
  EXPECT_EQ(settled(204), "complete ok" + which);
  EXPECT_EQ(settled(412), "complete fail" + which + " error=lock_lost");
  EXPECT_EQ(settled(404), "complete fail" + which + " error=device_not_found");
  EXPECT_EQ(settled(500), "complete info" + which);
  EXPECT_EQ(settled(0), "complete info" + which);
}

TEST(HttpDevice, TakesAnyLockToken) {
  Online bench;
  bench.said();
  bench.hear_command(1, "\"a7ca2413-00f4-40b4-8189-727311e24ef3\"");
  EXPECT_EQ(bench.said(), Lines{"complete a7ca2413-00f4-40b4-8189-727311e24ef3"});
}

// ---- Telemetry.

TEST(HttpDevice, SendsWhatItIsGivenAndKeepsItUntilItIsAcknowledged) {
  Online bench{http_settings(false)};
  bench.submit(1);
  bench.submit(2);
  EXPECT_EQ(bench.said(), (Lines{"message " + id(1), "message " + id(2)}));  // one behind the other
  EXPECT_EQ(bench.device->unacknowledged(), 2u);
  bench.hear_response(204);
  EXPECT_EQ(bench.device->unacknowledged(), 1u);
  bench.end();  // the second has no answer
  bench.redial();
  bench.connect();
  EXPECT_EQ(bench.said(), Lines{"message " + id(2)});
  bench.hear_response(204);
  EXPECT_EQ(bench.saw("telemetry"), (Lines{"telemetry invoke link on=1 message=t3-1", "telemetry invoke link on=1 message=t3-2",
                                           "telemetry ok link on=1 message=t3-1", "telemetry ok link on=2 message=t3-2"}));
}

TEST(HttpDevice, GathersBatchesWhileItsWindowIsFull) {
  DeviceSettings settings = http_settings(false);
  settings.window = 4;
  settings.batch = 3;
  Online bench{settings};
  for (std::uint32_t n = 1; n <= 9; ++n) bench.submit(n);
  EXPECT_EQ(bench.said(), (Lines{"message " + id(1), "message " + id(2), "message " + id(3), "message " + id(4)}));
  bench.hear_response(204);
  bench.hear_response(204);
  bench.hear_response(204);
  EXPECT_EQ(bench.said(), (Lines{"message " + id(5), "message " + id(6), "message " + id(7)}));
  bench.end();
  bench.redial();
  bench.connect();
  EXPECT_EQ(bench.said(), (Lines{"batch 3", "message " + id(7)}));
  bench.hear_response(204);
  EXPECT_EQ(bench.saw("telemetry ok").size(), 6u);  // the whole batch has one outcome [DLV-08]
}

TEST(HttpDevice, ABatchThatIsRefusedIsCutInHalves) {
  DeviceSettings settings = http_settings(false);
  settings.batch = 4;
  DeviceBench bench{settings};
  bench.start();
  for (std::uint32_t n = 1; n <= 4; ++n) bench.submit(n);
  bench.connect();
  EXPECT_EQ(bench.said(), Lines{"batch 4"});
  bench.hear_response(413);
  EXPECT_EQ(bench.said(), (Lines{"batch 2", "batch 2"}));
  bench.hear_response(413);
  EXPECT_EQ(bench.said(), (Lines{"message " + id(1), "message " + id(2)}));
  bench.hear_response(204);
  bench.hear_response(413);
  EXPECT_EQ(bench.saw("telemetry fail"), Lines{"telemetry fail link on=1 message=t3-1 error=too_large"});
  bench.hear_response(204);
  EXPECT_EQ(bench.device->unacknowledged(), 0u);
}

TEST(HttpDevice, ABusyHubIsAskedAgainLater) {
  for (const unsigned status : {429u, 500u, 503u, 403u, 404u, 401u}) {
    Online bench{http_settings(false)};
    bench.submit(1);
    bench.hear_response(status);
    EXPECT_EQ(bench.saw("ended"), Lines{"ended link on=1 by=local why=not_allowed"});
    EXPECT_EQ(bench.device->unacknowledged(), 1u) << status;
    bench.said();
    bench.redial();
    bench.connect();
    EXPECT_EQ(bench.said(), Lines{"message " + id(1)});
  }
}

TEST(HttpDevice, WhatCannotBeAFieldTravelsInABatch) {
  Online bench{http_settings(false)};
  bench.device->submit(bench.now(), flat_message(own_key('t', 3, 1), "x", "two\nlines"), bench.effects);
  bench.wait(0s);
  bench.end();
  bench.redial();
  bench.connect();
  EXPECT_EQ(bench.said().back(), "batch 1");
}

TEST(HttpDevice, AFullOutboxTakesNoMore) {
  DeviceSettings settings = http_settings(false);
  settings.outbox_limit = 1;
  DeviceBench bench{settings};
  bench.start();
  bench.submit(1);
  bench.submit(2);
  EXPECT_EQ(bench.saw("telemetry fail"), Lines{"telemetry fail link on=1 message=t3-2 error=queue_full"});
}

// ---- Connections.

TEST(HttpDevice, CutsAConnectionWithoutAnswer) {
  Online bench;
  bench.wait(60s);
  EXPECT_EQ(bench.saw("ended"), Lines{"ended link on=1 by=local why=no_answer"});
  EXPECT_EQ(bench.did(), (Lines{"connect 1 0", "abort 1 0"}));
  bench.redial();
  bench.wait(30s);
  EXPECT_EQ(bench.saw("refused"), Lines{"refused link on=2 by=local why=no_answer"});
}

TEST(HttpDevice, ClosesOnAnAnswerThatFitsNothing) {
  const auto why = [](const std::function<void(Online&)>& what) {
    Online bench;
    what(bench);
    return bench.saw("ended");
  };
  const Lines protocol{"ended link on=1 by=local why=protocol"};
  EXPECT_EQ(why([](Online& b) { b.hear(view("nonsense\r\n\r\n")); }), protocol);
  EXPECT_EQ(why([](Online& b) { b.hear_response(200, {}, "no token"); }), protocol);
  EXPECT_EQ(why([](Online& b) { b.hear_response(204), b.hear_response(204); }), protocol);  // unasked
  EXPECT_EQ(why([](Online& b) { b.hear_response(503); }), Lines{"ended link on=1 by=local why=not_allowed"});
  EXPECT_EQ(why([](Online& b) { b.hear(view("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")); }),
            Lines{"ended link on=1 by=local why=disconnect"});
  EXPECT_EQ(why([](Online& b) { b.hear_response(100); }), Lines{});
}

TEST(HttpDevice, SleepsAndResumes) {
  Online bench;
  bench.device->sleep(bench.now(), bench.effects);
  bench.wait(0s);
  EXPECT_EQ(bench.device->deadline(), std::nullopt);
  bench.said();
  bench.device->resume(bench.now(), bench.effects);
  bench.submit(1);
  bench.connect();
  EXPECT_EQ(bench.said(), (Lines{"message " + id(1), "receive"}));
}

TEST(HttpDevice, EverySplitOfItsInputGivesTheSameEffects) {
  const auto scripted = [](std::size_t piece) {
    Online bench;
    bench.piece = piece;
    bench.submit(1);
    bench.hear_command(9);
    for (std::uint32_t n = 0; n < 3; ++n) {
      bench.hear_response(204);
      bench.hear_response(204);
      bench.submit(n + 2);
    }
    return bench.saw();
  };
  const Lines whole = scripted(1u << 30);
  for (std::size_t piece = 1; piece < 60; ++piece) EXPECT_EQ(scripted(piece), whole) << piece;
}

}  // namespace
}  // namespace hubproof::workbench
