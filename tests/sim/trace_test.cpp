#include "sim/trace.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/sim/recorder.hpp"

namespace hubproof::sim::test {
namespace {

TEST(Trace, TheDigestHangsOnTimeOrderNodeKindAndPayload) {
  const auto digest = [](Duration when, std::uint32_t node, Kind kind, std::uint64_t a,
                         std::string_view text) {
    Scheduler scheduler;
    scheduler.run_until(at(when));
    Trace trace{scheduler};
    trace.note(NodeId{node}, kind, a, 0, bytes_of(text));
    return trace.digest();
  };
  std::set<std::uint64_t> all = {
      digest(1s, 1, Kind::received, 1, "a"), digest(2s, 1, Kind::received, 1, "a"),
      digest(1s, 2, Kind::received, 1, "a"), digest(1s, 1, Kind::woken, 1, "a"),
      digest(1s, 1, Kind::received, 2, "a"), digest(1s, 1, Kind::received, 1, "b"),
      digest(1s, 1, Kind::received, 1, "")};
  EXPECT_EQ(all.size(), 7U);
}

TEST(Trace, EachByteOfAPayloadCounts) {
  std::set<std::uint64_t> all;
  std::size_t made = 0;
  for (std::size_t size = 1; size < 100; ++size)
    for (std::size_t i = 0; i < size; ++i) {
      auto bytes = pattern(size);
      bytes[i] ^= 0x10;
      all.insert(digest_of(bytes));
      ++made;
    }
  EXPECT_EQ(all.size(), made);
}

TEST(Trace, ASinkSeesEachEntryAndChangesNoDigest) {
  Pair watched{3}, unwatched{3};
  unwatched.world.trace().sink(nullptr);
  watched.connect();
  unwatched.connect();
  EXPECT_EQ(watched.world.trace().digest(), unwatched.world.trace().digest());
  EXPECT_EQ(watched.sink.records.size(), watched.world.trace().entries());
  EXPECT_EQ(watched.sink.records.back().digest, watched.world.trace().digest());
}

TEST(Trace, ARecordReadsAsALine) {
  Pair pair;
  pair.connect();
  const Record& record = pair.sink.records[0];
  EXPECT_EQ(describe(pair.world.trace(), record).substr(0, 28), "0.000000000s #1 hub started ");
}

TEST(Trace, EachKindOfTheSimulatorHasANameOfItsOwn) {
  std::set<std::string_view> names;
  std::size_t named = 0;
  for (std::uint16_t number = 0; number < static_cast<std::uint16_t>(Kind::program0); ++number) {
    const std::string_view of = name(Kind{number});
    if (of.empty()) continue;
    ++named;
    EXPECT_TRUE(names.insert(of).second) << of;
  }
  EXPECT_EQ(named, 52U);
  EXPECT_EQ(name(Kind::bit_rotted), "bit rotted");
  EXPECT_EQ(name(Kind::program0), "");
}

TEST(Trace, ARecordAsTextSaysWhenWhoAndWhat) {
  struct Text : TraceSink {
    const Trace* trace = nullptr;
    std::vector<std::string> lines;
    void saw(const Record& record) override { lines.push_back(describe(*trace, record)); }
  } text;
  Pair pair;
  text.trace = &pair.world.trace();
  pair.world.trace().sink(&text);
  pair.world.run_until(at(1500ms));
  pair.world.trace().note(pair.hub.id, Kind::bit_rotted, 0x2a, 7, pattern(3));
  pair.world.trace().note(NodeId{999}, Kind::program0);
  ASSERT_EQ(text.lines.size(), 2U);
  EXPECT_NE(text.lines[0].find("1.500000000s #"), std::string::npos) << text.lines[0];
  EXPECT_NE(text.lines[0].find(" hub bit rotted 2a 7, 3 bytes, "), std::string::npos) << text.lines[0];
  EXPECT_NE(text.lines[1].find(" world note 256 0 0, 0 bytes, "), std::string::npos) << text.lines[1];
}

}  // namespace
}  // namespace hubproof::sim::test
