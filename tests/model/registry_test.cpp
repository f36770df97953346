#include "model/hub/registry.hpp"

#include <gtest/gtest.h>

namespace hubproof::model {
namespace {

TEST(Registry, FindsADeviceByItsIdAndForgetsItWhenItIsRemoved) {
  Registry registry;
  const DeviceIndex first = registry.add("d1", 1, true);
  EXPECT_EQ(registry.find("d1"), first);
  EXPECT_EQ(registry.find("d2"), DeviceIndex::none);
  registry.remove(first);
  EXPECT_EQ(registry.find("d1"), DeviceIndex::none);
  EXPECT_EQ(registry.at(first).info.id, "d1");
  EXPECT_FALSE(registry.at(first).info.exists);
}

TEST(Registry, ANewRegistrationOfAnIdIsAnotherDevice) {
  Registry registry;
  const DeviceIndex first = registry.add("d1", 1, true);
  registry.remove(first);
  const DeviceIndex second = registry.add("d1", 2, true);
  EXPECT_NE(first, second);
  EXPECT_EQ(registry.find("d1"), second);
  registry.remove(first);  // again: the living one is not touched
  EXPECT_EQ(registry.find("d1"), second);
}

TEST(Registry, KeepsManyIdsApart) {
  Registry registry;
  for (int i = 0; i < 10'000; ++i)
    registry.add("device-" + std::to_string(i), static_cast<std::uint32_t>(i + 1), true);
  for (int i = 0; i < 10'000; ++i) {
    const DeviceIndex index = registry.find("device-" + std::to_string(i));
    ASSERT_NE(index, DeviceIndex::none);
    EXPECT_EQ(registry.at(index).info.generation, static_cast<std::uint32_t>(i + 1));
  }
}

TEST(Registry, AnIdleDeviceIsSmall) { EXPECT_LE(sizeof(Registration), 128u); }

TEST(Registry, NodesAreKnownWhetherNamedBeforeOrAfter) {
  Registry registry;
  const DeviceIndex before = registry.add("d1", 1, true);
  registry.name_nodes([](std::string_view id) { return id == "d1" ? NodeIndex{1} : NodeIndex{2}; });
  const DeviceIndex after = registry.add("d2", 2, true);
  EXPECT_EQ(registry.at(before).info.node, NodeIndex{1});
  EXPECT_EQ(registry.at(after).info.node, NodeIndex{2});
}

}  // namespace
}  // namespace hubproof::model
