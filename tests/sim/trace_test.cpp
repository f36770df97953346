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

}  // namespace
}  // namespace hubproof::sim::test
