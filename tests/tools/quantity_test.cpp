#include "tools/quantity.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsReadExactly) {
  EXPECT_EQ(read_duration("90s"), 90s);
  EXPECT_EQ(read_duration("200us"), 200us);
  EXPECT_EQ(read_duration("1h30m"), 90min);
  EXPECT_EQ(read_duration("2d"), 48h);
  EXPECT_EQ(read_duration("1.5s"), 1500ms);
  EXPECT_EQ(read_duration("0.000000001s"), 1ns);
  EXPECT_EQ(read_duration("1m0.25s"), 60250ms);
  EXPECT_EQ(read_duration("-2h"), -2h);
  EXPECT_EQ(read_duration("0s"), 0s);
  EXPECT_EQ(read_duration("9223372036854775807ns"), std::chrono::nanoseconds::max());
}

TEST(Duration, RefusesWhatIsNotOne) {
  for (const char* text : {"", "-", "90", "s", "1", "1.s", ".5s", "1 s", "1S", "1m1h", "1s1s", "1.5ns", "+1s",
                           "1h-1m", "1e3s", "106752d", "9223372036854775808ns", "1sx", "\xc2\xb5s", "1_000s"})
    EXPECT_EQ(read_duration(text), std::nullopt) << text;
}

RC_GTEST_PROP(Duration, IsReadAsItIsWritten, ()) {
  const auto count = *rc::gen::inRange<std::int64_t>(-9'000'000'000'000'000'000, 9'000'000'000'000'000'000);
  const auto unit = *rc::gen::element<std::int64_t>(1, 1'000, 1'000'000'000, 3'600'000'000'000);
  const sim::Duration duration{count / unit * unit};
  RC_ASSERT(read_duration(write_duration(duration)) == duration);
}

TEST(Ratio, IsReadFromItsOwnDigits) {
  EXPECT_EQ(read_ratio("0.1"), (sim::Ratio{1, 10}));
  EXPECT_EQ(read_ratio("0.50"), (sim::Ratio{1, 2}));
  EXPECT_EQ(read_ratio("1/3"), (sim::Ratio{1, 3}));
  EXPECT_EQ(read_ratio("2/6"), (sim::Ratio{1, 3}));
  EXPECT_EQ(read_ratio("5e-2"), (sim::Ratio{1, 20}));
  EXPECT_EQ(read_ratio("1E0"), (sim::Ratio{1, 1}));
  EXPECT_EQ(read_ratio("0"), (sim::Ratio{0, 1}));
  EXPECT_EQ(read_ratio("0.000000001"), (sim::Ratio{1, 1'000'000'000}));
  EXPECT_EQ(read_ratio("0.123456789"), (sim::Ratio{123456789, 1'000'000'000}));
  EXPECT_EQ(read_ratio("0.1000000000000"), (sim::Ratio{1, 10}));
}

TEST(Ratio, RefusesWhatIsNotExact) {
  for (const char* text : {"", "-0.1", "0.1234567891", "1e-10", "1/0", "/2", "1/", "1/2/3", "0.", ".5", "x",
                           "1e", "1e+", "5000000000", "1/5000000000", "0.1 "})
    EXPECT_EQ(read_ratio(text), std::nullopt) << text;
}

RC_GTEST_PROP(Ratio, IsReadAsItIsWritten, ()) {
  const auto den = *rc::gen::inRange<std::uint32_t>(1, 4'000'000'000);
  const auto num = *rc::gen::inRange<std::uint32_t>(0, den);
  const auto read = read_ratio(write_ratio({num, den}));
  RC_ASSERT(read.has_value());
  RC_ASSERT(std::uint64_t{read->num} * den == std::uint64_t{num} * read->den);
}

TEST(Size, HasUnits) {
  EXPECT_EQ(read_size("512"), 512u);
  EXPECT_EQ(read_size("4KiB"), 4096u);
  EXPECT_EQ(read_size("20kB"), 20'000u);
  EXPECT_EQ(read_size("1GiB"), 1u << 30);
  EXPECT_EQ(read_size("7B"), 7u);
  EXPECT_EQ(write_size(4096), "4KiB");
  EXPECT_EQ(write_size(1000), "1000");
  EXPECT_EQ(write_size(0), "0");
  for (const char* text : {"", "KiB", "4 KiB", "-1", "1.5KiB", "4kib", "99999999999999999999", "17179869184GiB"})
    EXPECT_EQ(read_size(text), std::nullopt) << text;
}

TEST(Date, IsReadInUtc) {
  EXPECT_EQ(read_date("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(read_date("2026-01-01T00:00:00Z"), 1'767'225'600'000'000'000);
  EXPECT_EQ(read_date("2000-02-29T23:59:59.5Z"), 951'868'799'500'000'000);
  for (const char* text : {"", "1970-01-01", "1970-01-01T00:00:00", "1970-02-30T00:00:00Z", "1970-13-01T00:00:00Z",
                           "1970-01-01T24:00:00Z", "1970-01-01T00:00:00+01:00", "1970-01-01T00:00:00.Z",
                           "1970-01-01T00:00:00.xZ", "2023-02-29T00:00:00Z", "9999-01-01T00:00:00Z"})
    EXPECT_EQ(read_date(text), std::nullopt) << text;
}

RC_GTEST_PROP(Date, IsReadAsItIsWritten, ()) {
  const auto date = *rc::gen::inRange<std::int64_t>(-2'000'000'000'000'000'000, 9'000'000'000'000'000'000);
  RC_ASSERT(read_date(write_date(date)) == date);
}

}  // namespace
}  // namespace hubproof::tools
