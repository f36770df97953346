// Small parts of the server: the index of connections, and what topics and filters mean.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "model/mqtt/names.hpp"
#include "model/server/connection_index.hpp"

namespace hubproof::model {
namespace {

RC_GTEST_PROP(ConnectionIndex, IsAMap, (const std::vector<std::uint8_t>& steps, bool sparse)) {
  ConnectionIndex index;
  std::map<ConnectionId, std::uint32_t> model;
  std::uint32_t opened = 0;
  for (const std::uint8_t step : steps) {
    if (step % 3 != 0 || model.empty()) {
      const auto id = static_cast<ConnectionId>(++opened * (sparse ? 64 : 1));
      index.insert(id, step);
      model[id] = step;
    } else {
      const auto victim =
          std::next(model.begin(), step % static_cast<std::ptrdiff_t>(model.size()));
      index.erase(victim->first);
      model.erase(victim);
    }
    RC_ASSERT(index.size() == model.size());
  }
  for (std::uint32_t id = 1; id <= opened * (sparse ? 64 : 1) + 1; ++id) {
    const auto found = model.find(static_cast<ConnectionId>(id));
    RC_ASSERT(index.find(static_cast<ConnectionId>(id)) ==
              (found == model.end() ? ConnectionIndex::none : found->second));
  }
}

TEST(ConnectionIndex, OfNothingFindsNothing) {
  ConnectionIndex index;
  EXPECT_EQ(index.find(ConnectionId{1}), ConnectionIndex::none);
  index.erase(ConnectionId{1});
  EXPECT_EQ(index.size(), 0u);
}

using mqtt::FilterKind;
using mqtt::Topic;

TEST(Names, AnIdMayBePercentEncodedInATopic) {
  const auto bag = [](std::string_view topic, std::string_view device) {
    const Topic read = mqtt::read_topic(topic, device);
    return read.kind == Topic::Kind::telemetry ? std::string{read.bag} : "no";
  };
  EXPECT_EQ(bag("devices/a%2Bb/messages/events/x=y", "a+b"), "x=y");
  EXPECT_EQ(bag("devices/a%2bb/messages/events/x=y", "a+b"), "x=y");
  EXPECT_EQ(bag("devices/a%2Bb/messages/events/x=y", "a%2Bb"), "x=y");
  EXPECT_EQ(bag("devices/a%2/messages/events/", "a%2"), "");
  EXPECT_EQ(bag("devices/a%2/messages/events/", "a"), "no");
  EXPECT_EQ(bag("devices/a%zz/messages/events/", "a"), "no");
  EXPECT_EQ(bag("devices/ab/messages/events/", "a"), "no");
  EXPECT_EQ(bag("devices/a/messages/events/", "ab"), "no");
  EXPECT_EQ(bag("devices//messages/events/", ""), "");
  EXPECT_EQ(bag("devices", "a"), "no");
  EXPECT_EQ(bag("devices/a/messages/events//", "a"), "no");
}

TEST(Names, FiltersAreOneClosedList) {
  EXPECT_EQ(mqtt::read_filter("devices/a/messages/devicebound/#", "a"), FilterKind::commands);
  EXPECT_EQ(mqtt::read_filter("devices/%61/messages/devicebound/#", "a"), FilterKind::commands);
  EXPECT_EQ(mqtt::read_filter("$iothub/methods/POST/#", "a"), FilterKind::neighbour);
  for (const char* other : {"devices/a/messages/devicebound/##", "devices/a/messages/devicebound/+",
                            "devices/b/messages/devicebound/#", "$iothub/methods/POST/", "#", ""})
    EXPECT_EQ(mqtt::read_filter(other, "a"), FilterKind::unknown) << other;
}

}  // namespace
}  // namespace hubproof::model
