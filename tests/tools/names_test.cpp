#include "tools/names.hpp"

#include <gtest/gtest.h>

namespace hubproof::tools {
namespace {

TEST(Names, PatternsStandForNames) {
  EXPECT_TRUE(matches_name("d7", "d7"));
  EXPECT_FALSE(matches_name("d7", "d70"));
  EXPECT_TRUE(matches_name("*", ""));
  EXPECT_TRUE(matches_name("d*", "d"));
  EXPECT_TRUE(matches_name("*a*b", "xaxbxb"));
  EXPECT_FALSE(matches_name("*a*b", "xaxbxc"));
  EXPECT_TRUE(matches_name("d{}", "d12"));
  EXPECT_FALSE(matches_name("d{}", "d"));
  EXPECT_FALSE(matches_name("d{}", "dx"));
  EXPECT_TRUE(matches_name("d{2..5}", "d5"));
  EXPECT_FALSE(matches_name("d{2..5}", "d6"));
  EXPECT_TRUE(matches_name("rack{}-d{0..1}", "rack17-d1"));
  EXPECT_TRUE(matches_name("*d{0..1}", "xd0d1"));
}

TEST(Names, ABrokenPatternMatchesNothing) {
  for (const char* pattern : {"d{", "d{2", "d{2..}", "d{..2}", "d{5..2}", "d{x}", "d}{"})
    for (const char* name : {"d", "d2", "d{", "d{2"}) EXPECT_FALSE(matches_name(pattern, name)) << pattern;
}

TEST(Names, ManyStarsTakeNoTime) {
  const std::string pattern(60, '*');
  EXPECT_FALSE(matches_name(pattern + "b", std::string(120, 'a')));
  std::string hard;
  for (int i = 0; i < 40; ++i) hard += "*a";
  EXPECT_FALSE(matches_name(hard + "b", std::string(120, 'a')));
}

Cast three_devices() {
  Cast cast;
  cast.names = {"hub", "s0", "d0", "d1", "d2"};
  cast.has_disk = {true, false, true, false, true};
  cast.groups = {{"hub", 0, 1}, {"s0", 1, 1}, {"d{}", 2, 3}};
  cast.devices_begin = 2;
  return cast;
}

std::vector<sim::NodeId> ids(std::initializer_list<std::uint32_t> list) {
  std::vector<sim::NodeId> nodes;
  for (const std::uint32_t id : list) nodes.push_back(sim::NodeId{id});
  return nodes;
}

TEST(Names, AreResolvedInTheOrderOfNodes) {
  Problems problems;
  EXPECT_EQ(resolve(three_devices(), "d*", Among::all, "/x", problems), ids({2, 3, 4}));
  EXPECT_EQ(resolve(three_devices(), "d{}", Among::with_disk, "/x", problems), ids({2, 4}));
  EXPECT_TRUE(problems.empty());
}

TEST(Names, WhatNamesNobodyIsAProblem) {
  Problems problems;
  resolve(three_devices(), "d9", Among::all, "/x", problems);
  resolve(three_devices(), "d1", Among::with_disk, "/y", problems);
  resolve(three_devices(), "s*", Among::with_disk, "/z", problems);
  const Problems expected{
      {"/x", "no node is called \"d9\"; there are hub, s0, d{}"},
      {"/y", "\"d1\" has no disk; the hub has one, and devices with a durable_outbox"},
      {"/z", "\"s*\" names no node with a disk; the hub has one, and devices with a durable_outbox"}};
  EXPECT_EQ(problems, expected);
}

TEST(Names, NodesAreWrittenAsGroupsWhereTheyAreOne) {
  const Cast cast = three_devices();
  EXPECT_EQ(patterns(cast, ids({2, 3, 4})), (std::vector<std::string>{"d{}"}));
  EXPECT_EQ(patterns(cast, ids({0, 2, 3})), (std::vector<std::string>{"hub", "d0", "d1"}));
  EXPECT_EQ(patterns(cast, ids({1, 2, 3, 4})), (std::vector<std::string>{"s0", "d{}"}));
}

TEST(Names, SuggestionsAreCloseOnes) {
  const std::vector<std::string_view> known{"from", "until", "nodes"};
  EXPECT_EQ(did_you_mean("fron", known), "; did you mean \"from\"?");
  EXPECT_EQ(did_you_mean("form", known), "; did you mean \"from\"?");
  EXPECT_EQ(did_you_mean("node", known), "; did you mean \"nodes\"?");
  EXPECT_EQ(did_you_mean("colour", known), "");
  EXPECT_EQ(did_you_mean(std::string(100'000, 'x'), known), "");
}

}  // namespace
}  // namespace hubproof::tools
