#include "model/link/link.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/support/message_generators.hpp"

namespace hubproof::model::link {
namespace {

using generate::coin;
using generate::utf8_text;

std::uint32_t u32() { return *rc::gen::arbitrary<std::uint32_t>(); }
std::uint64_t u64() { return *rc::gen::arbitrary<std::uint64_t>(); }
std::int64_t i64() { return *rc::gen::arbitrary<std::int64_t>(); }

std::optional<Credentials> credentials() {
  if (coin()) return std::nullopt;
  return Credentials{static_cast<CredentialType>(*rc::gen::inRange(0, 3)), utf8_text(8),
                     utf8_text(8)};
}

DeviceIdentity identity() {
  return {utf8_text(8), u32(), utf8_text(8), coin(), utf8_text(8), credentials(), coin(),
          i64(),        i64(), i64(),        u32()};
}

Request any_request() {
  const std::string device = utf8_text(10);
  switch (*rc::gen::inRange(0, 16)) {
    case 0:
      return CreateDevice{device, credentials(), coin(), utf8_text(8)};
    case 1:
      return DeleteDevice{device, utf8_text(4)};
    case 2:
      return EnableDevice{device, coin()};
    case 3:
      return Purge{device};
    case 4:
      return SendCommand{device, generate::message()};
    case 5:
      return ReadTelemetry{device, u32(), u64(), u32(), Duration{i64()}, coin() ? utf8_text(6) : ""};
    case 6:
      return StoreCheckpoint{device, u32(), u64(), coin() ? utf8_text(6) : ""};
    case 7:
      return ReceiveFeedback{Duration{i64()}};
    case 8:
      return SettleFeedback{u64(), coin()};
    case 9:
      return ReceiveCommand{device};
    case 10:
      return UpdateDevice{device, utf8_text(4), credentials(),
                          coin() ? std::optional{coin()} : std::nullopt,
                          coin() ? std::optional{utf8_text(8)} : std::nullopt};
    case 11:
      return GetDevice{device};
    case 12:
      return ListDevices{device, u32()};
    case 13:
      return CountDevices{};
    case 14:
      return ListPolicies{};
    default:
      return SettleCommand{device, u64(), static_cast<Settle>(*rc::gen::inRange(0, 3))};
  }
}

Response any_response() {
  switch (*rc::gen::inRange(0, 9)) {
    case 0:
      return Failed{static_cast<Error>(*rc::gen::inRange(0, 14))};
    case 5:
      return identity();
    case 6:
      return Devices{{identity(), identity()}};
    case 7:
      return DeviceCounts{u32(), u32()};
    case 8:
      return Policies{{{utf8_text(4), 15, utf8_text(8), utf8_text(8)}}};
    case 1:
      return Done{u32(), u32(), u64(), i64(), i64()};
    case 2: {
      Telemetry telemetry{u32(), {}};
      for (int n = *rc::gen::inRange(0, 4); n > 0; --n)
        telemetry.events.push_back(
            {u64(), u64(), i64(), utf8_text(8), u32(), coin(), generate::message()});
      return telemetry;
    }
    case 3:
      return Command{u64(), u64(), u32(), i64(), i64(), coin() ? generate::message() : Bytes{}};
    default: {
      Feedback feedback{u64(), i64(), u32(), {}};
      for (int n = *rc::gen::inRange(0, 4); n > 0; --n)
        feedback.records.push_back({utf8_text(8), utf8_text(8), u32(),
                                    static_cast<Status>(*rc::gen::inRange(0, 5)), i64()});
      return feedback;
    }
  }
}

struct Read {
  Bytes again;  // what was read, written
  int frames = 0;
  bool broken = false;
  bool operator==(const Read&) const = default;
};

Read read(bool requests, View bytes, std::size_t piece) {
  Read result;
  Decoder decoder;
  while (!bytes.empty()) {
    const std::size_t size = std::min(piece, bytes.size());
    decoder.feed(bytes.first(size));
    bytes = bytes.subspan(size);
    if (requests) {
      while (const auto frame = decoder.next_request()) {
        write_request(result.again, frame->correlation, frame->request);
        ++result.frames;
      }
    } else {
      while (const auto frame = decoder.next_response()) {
        write_response(result.again, frame->correlation, frame->response);
        ++result.frames;
      }
    }
  }
  result.broken = decoder.broken();
  return result;
}

RC_GTEST_PROP(Link, FramesComeBackInEverySplit, ()) {
  const bool requests = coin();
  Bytes stream;
  const int frames = *rc::gen::inRange(1, 5);
  for (int n = 0; n < frames; ++n) {
    if (requests)
      write_request(stream, u32(), any_request());
    else
      write_response(stream, u32(), any_response());
  }
  const Read expected{stream, frames, false};
  RC_ASSERT(read(requests, stream, stream.size()) == expected);
  RC_ASSERT(read(requests, stream, 1) == expected);
  RC_ASSERT(read(requests, stream, *rc::gen::inRange<std::size_t>(1, 50)) == expected);
}

RC_GTEST_PROP(Link, EveryProperPrefixIsIncomplete, ()) {
  Bytes bytes;
  write_response(bytes, u32(), any_response());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    RC_ASSERT(read(false, View{bytes}.first(size), 7) == Read{});
}

RC_GTEST_PROP(Link, AShortenedFrameIsBroken, ()) {  // its fields end before they should
  Bytes bytes;
  write_request(bytes, u32(), any_request());
  bytes.pop_back();
  Bytes length;
  Writer{length}.u32(static_cast<std::uint32_t>(bytes.size() - 4));
  std::ranges::copy(length, bytes.begin());
  RC_ASSERT(read(true, bytes, bytes.size()).broken);
}

RC_GTEST_PROP(Link, ALengthenedFrameIsBroken, ()) {
  Bytes bytes;
  write_response(bytes, u32(), any_response());
  bytes.push_back(0);
  Bytes length;
  Writer{length}.u32(static_cast<std::uint32_t>(bytes.size() - 4));
  std::ranges::copy(length, bytes.begin());
  RC_ASSERT(read(false, bytes, bytes.size()).broken);
}

Bytes frame(std::uint8_t kind, std::initializer_list<std::uint8_t> fields) {
  Bytes bytes;
  Writer writer{bytes};
  writer.u32(static_cast<std::uint32_t>(5 + fields.size()));
  writer.u32(1);
  writer.u8(kind);
  for (const std::uint8_t byte : fields) writer.u8(byte);
  return bytes;
}

TEST(Link, WhatCannotBeReadBreaksTheStream) {
  const auto broken = [](bool requests, const Bytes& bytes) {
    return read(requests, bytes, bytes.size()).broken;
  };
  EXPECT_FALSE(broken(true, frame(1, {0, 1, 'd'})));
  EXPECT_TRUE(broken(true, frame(0, {0, 1, 'd'})));
  EXPECT_TRUE(broken(true, frame(17, {0, 1, 'd'})));
  EXPECT_TRUE(broken(true, frame(0x81, {0})));
  EXPECT_TRUE(broken(false, frame(1, {0, 1, 'd'})));
  EXPECT_TRUE(broken(false, frame(0x8a, {0})));
  EXPECT_TRUE(broken(true, frame(1, {0, 1, 0xff})));    // not UTF-8
  EXPECT_TRUE(broken(true, frame(3, {0, 1, 'd', 2})));  // neither true nor false
  EXPECT_TRUE(broken(false, frame(0x81, {16})));        // an error that does not exist
  EXPECT_TRUE(broken(true, frame(5, {0, 1, 'd', 0, 0, 0, 1, 0x80})));  // not a flat message
  EXPECT_TRUE(broken(false, frame(0x83, {0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})));  // too many
  EXPECT_TRUE(broken(true, frame(1, {0, 1, 'd', 0, 1, 0, 0})));  // fields that say nothing
  EXPECT_TRUE(broken(true, Bytes{0, 0, 0, 4}));     // shorter than any frame
  EXPECT_TRUE(broken(true, Bytes{0, 0x40, 0, 1}));  // longer than allowed
}

TEST(Link, ABrokenStreamStaysBroken) {
  Decoder decoder;
  decoder.feed(frame(0, {}));
  EXPECT_FALSE(decoder.next_request());
  decoder.feed(frame(1, {0, 1, 'd'}));
  EXPECT_FALSE(decoder.next_request());
  EXPECT_TRUE(decoder.broken());
}

}  // namespace
}  // namespace hubproof::model::link
