#include "sim/nemesis.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/sim/recorder.hpp"

namespace hubproof::sim::test {
namespace {

// Something of every kind, against the device or the hub.
NemesisSpec everything(Instant from, Instant until, Ratio share) {
  NemesisSpec spec;
  spec.from = from;
  spec.until = until;
  for (const Family which :
       {Family::network, Family::process, Family::clock, Family::disk, Family::radio})
    spec.families[which] = share;
  for (std::size_t i = 0; i < fault_names.size(); ++i) {
    Menu menu;
    menu.like.kind = static_cast<FaultKind>(i);
    menu.like.odds = {1, 4};
    menu.like.duration = Distribution::uniform(1ms, 2s);
    menu.like.gap = Distribution::uniform(1s, 5s);
    menu.like.bandwidth = {.bytes_per_second = 5000, .queue_bytes = 20'000};
    menu.like.amount = 100ms;
    menu.like.ppm = menu.like.kind == FaultKind::slew ? 500 : 200;
    menu.like.period = 8s;
    menu.like.awake = 2s;
    menu.among = {NodeId{0}, NodeId{1}};
    menu.at_once = 2;
    menu.gap = Distribution::uniform(1s, 60s);
    menu.length = Distribution::uniform(100ms, 20s);
    spec.menu.push_back(menu);
  }
  return spec;
}

TEST(Nemesis, DrawsTheSameFaultsFromTheSameSeed) {
  Choices one{1}, again{1}, other{2};
  const auto spec = everything(at(1s), at(100s), {1, 2});
  const auto faults = draw(one, spec);
  const auto same = draw(again, spec);
  const auto others = draw(other, spec);
  ASSERT_EQ(faults.size(), same.size());
  for (std::size_t i = 0; i < faults.size(); ++i) {
    EXPECT_EQ(faults[i].kind, same[i].kind);
    EXPECT_EQ(faults[i].from, same[i].from);
    EXPECT_EQ(faults[i].nodes, same[i].nodes);
  }
  EXPECT_TRUE(faults.size() != others.size() || faults[0].from != others[0].from);
}

TEST(Nemesis, LeavesWholeFamiliesOutOfSomeSeeds) {
  std::map<Family, int> with;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Choices choices{seed};
    std::map<Family, bool> seen;
    for (const Fault& fault : draw(choices, everything(at(1s), at(200s), {1, 2}))) {
      seen[family(fault.kind)] = true;
      EXPECT_GE(fault.from, at(1s));
      EXPECT_LE(fault.until, at(200s));
      EXPECT_LT(fault.from, fault.until);
      EXPECT_FALSE(fault.nodes.empty());
    }
    for (const auto& [which, yes] : seen) ++with[which];
  }
  for (const auto& [which, count] : with) {
    EXPECT_GT(count, 60);
    EXPECT_LT(count, 140);
  }
  EXPECT_EQ(with.size(), 5U);
}

// A device that connects again and again, says something, and syncs; a hub that answers.
struct Busy {
  World world;
  Recorder hub, device;
  Socket last = Socket::none;
  std::uint64_t said = 0;

  explicit Busy(std::uint64_t seed) : world{seed} {
    hub.join(world, "hub");
    device.join(world, "device");
    hub.ports = {1};
    hub.on_received = [this](Socket socket, View) { world.network().write(socket, pattern(20)); };
    device.on_started = [this] { wake(); };
    device.on_connected = [this](Socket socket) { last = socket; };
    device.on_woken = [this](std::uint64_t) {
      if (world.network().alive(last)) {
        world.network().write(last, pattern(300));
        world.disk(device.id).append(++said % 4, pattern(700));
        world.disk(device.id).sync(said % 4, said);
        if (said % 7 == 0) world.network().close(last);
      } else {
        last = world.network().connect(device.id, hub.id, 1);
      }
      wake();
    };
    world.network().everywhere({.latency = Distribution::heavy(20ms, 2s)});
    world.start(hub.id);
    world.start(device.id);
  }
  void wake() { world.wake_at(device.id, world.now() + 250ms, 0); }
  std::uint64_t run() {
    const auto faults = draw(world.choices(), everything(at(1s), at(100s), {2, 3}));
    world.nemesis().apply(faults);
    world.run_until(at(100s));
    world.nemesis().heal();
    world.run_until(at(400s));
    return world.trace().digest();
  }
};

TEST(Nemesis, ARunIsAFunctionOfItsSeed) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Busy one{seed}, again{seed}, other{seed + 1000};
    const auto digest = one.run();
    EXPECT_EQ(digest, again.run());
    EXPECT_NE(digest, other.run());
  }
}

TEST(Nemesis, AfterHealingAllIsWell) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Busy busy{seed};
    busy.run();
    const auto before = busy.device.bytes.size();
    const auto now = busy.world.now();
    EXPECT_TRUE(busy.world.up(busy.hub.id) && busy.world.up(busy.device.id));
    EXPECT_EQ(busy.world.clock(busy.device.id).wall(now), Clock::true_wall(now));
    busy.world.run_until(now + 30s);
    EXPECT_GT(busy.device.bytes.size(), before) << "seed " << seed;
  }
}

// Equal on every compiler and at every level of optimisation: this is the determinism contract.
TEST(Nemesis, TheDigestOfABusyRunIsKnown) {
  Busy busy{4711};
  EXPECT_EQ(busy.run(), 0xc098ff7c5bc786bdU);
}

}  // namespace
}  // namespace hubproof::sim::test
