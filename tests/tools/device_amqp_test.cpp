// The cases for devices that speak AMQP: our own device passes them, and each of them finds a wrong one.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "conformance/devices/amqp_frames.hpp"
#include "model/amqp/sasl.hpp"
#include "model/amqp/value.hpp"
#include "tests/support/device_suite.hpp"
#include "tests/support/paths.hpp"
#include "tools/devices/live_device.hpp"
#include "tools/devices/own_device.hpp"

namespace {

using namespace hubproof;
using namespace hubproof::tools;
using namespace std::chrono_literals;
using namespace tests::device_suite;
using conformance::devices::FrameCutter;
using conformance::devices::FrameView;
using conformance::devices::Order;
using conformance::devices::Performative;
using conformance::devices::Said;
using conformance::devices::SendOrder;
using model::Bytes;
using model::View;
using Did = Said::Did;
using Frames = std::vector<Bytes>;

TEST(DeviceAmqp, OurOwnDevicePasses) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4711}}) {
    const DevicePlay play = play_own_device(model::Rules{}.device, seed, chosen_device_cases("device/amqp/*"));
    EXPECT_EQ(failures(play), "") << "seed " << seed;
    EXPECT_EQ(play.cases.size(), chosen_device_cases("device/amqp/*").size());
  }
}

TEST(DeviceAmqp, ACaseComesToTheSameTwice) {
  const auto cases = chosen_device_cases("device/amqp/*");
  model::DeviceRules rules;
  rules.retries_connecting = false;
  const auto once = play_own_device(rules, 7, cases);
  const auto twice = play_own_device(rules, 7, cases);
  ASSERT_EQ(once.cases.size(), twice.cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(once.cases[i].transcript, twice.cases[i].transcript) << cases[i]->name;
}

// ---- Wrong devices: a right one behind a wrong engine, or a wrong adapter.

using OfFrame = std::function<Frames(Bytes)>;

Wire wire_of(OfFrame said, OfFrame heard = {}) {
  const auto through = [](OfFrame hook) -> std::function<Bytes(View)> {
    if (!hook) return {};
    return [hook = std::move(hook), cutter = std::make_shared<FrameCutter>()](View bytes) {
      Bytes out;
      cutter->feed(bytes);
      while (auto frame = cutter->next())
        for (const Bytes& each : hook(std::move(*frame))) out.insert(out.end(), each.begin(), each.end());
      return out;
    };
  };
  Wire wire;
  wire.said = through(std::move(said));
  wire.heard = through(std::move(heard));
  return wire;
}
Tamper says(OfFrame hook) {
  return [hook] { return wire_of(hook); };
}
Tamper hears(OfFrame hook) {
  return [hook] { return wire_of({}, hook); };
}

bool is(const Bytes& frame, Performative which) { return FrameView{frame}.performative == which; }

Bytes replaced(Bytes bytes, std::string_view what, std::string_view by) {
  const auto found = std::ranges::search(bytes, model::view(what));
  if (!found.empty()) std::ranges::copy(model::view(by), found.begin());
  return bytes;
}

Bytes sized(Bytes frame) {
  model::store_big<4>(frame.data(), frame.size());
  return frame;
}

// A frame with this list in place of its own.
template <class Write>
Bytes rewritten(const Bytes& frame, Write write) {
  const FrameView old{frame};
  Bytes bytes{frame.begin(), frame.begin() + 8};
  model::amqp::ValueWriter writer{bytes};
  writer.descriptor(static_cast<std::uint8_t>(old.performative));
  writer.begin_list();
  write(writer, old);
  writer.end();
  bytes.insert(bytes.end(), old.payload.begin(), old.payload.end());
  return sized(bytes);
}
Bytes settled_transfer(const Bytes& frame) {
  return rewritten(frame, [](auto& writer, const FrameView& old) {
    writer.uint(old.number(0)), writer.uint(old.number(1)), writer.binary(old[2].bytes), writer.uint(0), writer.boolean(true);
  });
}
Bytes accepted(const Bytes& frame) {
  return rewritten(frame, [](auto& writer, const FrameView& old) {
    writer.boolean(old.flag(0)), writer.uint(old.number(1)), writer.uint(old[2].is_number() ? old.number(2) : old.number(1)), writer.boolean(true);
    writer.descriptor(0x24), writer.begin_list(), writer.end();
  });
}
Bytes with_credit(const Bytes& frame, std::uint32_t credit) {
  return rewritten(frame, [credit](auto& writer, const FrameView& old) {
    for (std::size_t i = 0; i < 6; ++i) old[i].is_number() ? writer.uint(old.number(i)) : writer.null();
    writer.uint(credit);
  });
}
// A flow for the telemetry link, which has handle 2 at our device: it asks for that link third.
constexpr std::uint32_t telemetry_handle = 2;
Bytes made_up_credit() {
  Bytes bytes{0, 0, 0, 0, 2, 0, 0, 0};
  model::amqp::ValueWriter writer{bytes};
  writer.descriptor(static_cast<std::uint8_t>(Performative::flow));
  writer.begin_list();
  for (const std::uint32_t field : {1u, 0x7fff'ffffu, 1u, 0x7fff'ffffu, telemetry_handle, 0u, 100u}) writer.uint(field);
  writer.end();
  return sized(bytes);
}
bool is_telemetry(const Bytes& frame) { return is(frame, Performative::transfer) && FrameView{frame}.number(0) == telemetry_handle; }

// Of a command: the first delivery to the device is the answer to its token.
bool is_word(const Bytes& frame) { return is(frame, Performative::disposition) && FrameView{frame}.flag(0) && FrameView{frame}.number(1) > 0; }

const std::vector<Wrong> all{
    {.what = "asks for its links without a token", .spoil = [](auto& settings) { settings.signer = {}; },
     .found = {{"token/put", "AMQP-04"}, {"telemetry/outcome-held-back", "AMQP-04"}}},
    {.what = "shows the token of another device",
     .spoil = [](auto& settings) { settings.signer = [s = settings.signer](auto id) { return model::DeviceSettings::Signer{"other", s(id).key}; }; },
     .found = {{"token/put", "SEC-02"}}},
    {.what = "signs with another key",
     .spoil = [](auto& settings) { settings.signer = [](auto id) { return model::DeviceSettings::Signer{std::string{id}, "bm8ga2V5IGF0IGFsbA=="}; }; },
     .found = {{"token/put", "SEC-04"}}},
    {.what = "shows its key", .tamper = says([](Bytes frame) { return Frames{replaced(frame, "&sig=", "&sig=aHVicHJvb2YgaHVicHJvb2YgaHVicHJvb2YgaHVicHI=")}; }),
     .found = {{"token/put", "SEC-10"}}},
    {.what = "shows no signature", .tamper = says([](Bytes frame) { return Frames{replaced(frame, "&sig=", "&gis=")}; }), .found = {{"token/put", "SEC-01"}}},
    {.what = "shows no end", .tamper = says([](Bytes frame) { return Frames{replaced(frame, "&se=1", "&se=x")}; }), .found = {{"token/put", "SEC-03"}}},
    {.what = "puts its token under another name", .tamper = says([](Bytes frame) { return Frames{replaced(frame, "put-token", "add-token")}; }),
     .found = {{"token/put", "AMQP-04"}}},
    {.what = "sends to another address", .tamper = says([](Bytes frame) { return Frames{replaced(frame, "/messages/events", "/messages/eventz")}; }),
     .found = {{"token/put", "AMQP-06"}}},
    {.what = "speaks another protocol", .tamper = says([](Bytes frame) { return Frames{replaced(frame, "AMQP", "AMQQ")}; }), .found = {{"token/put", "AMQP-01"}}},
    {.what = "puts a refused token again at once", .spoil = [](auto& settings) { settings.back_off_first = settings.back_off_max = 0s; },
     .found = {{"token/refused-401", "SEC-28"}, {"token/refused-404", "SEC-28"}, {"token/refused-500", "SEC-28"}, {"telemetry/throttled", "SEC-28"},
               {"comes-back-cut", "SEC-28"}, {"comes-back-accepted-and-cut", "SEC-28"}, {"comes-back-forced", "SEC-28"}, {"comes-back-stolen", "SEC-28"}}},
    {.what = "takes a refused token for accepted", .tamper = hears([](Bytes frame) {
       const std::string code{"status-code\x71\0\0", 14};
       return Frames{replaced(replaced(frame, code + std::string{"\x01\x91"}, code + std::string{"\x00\xc8", 2}), code + "\x01\xf4", code + std::string{"\x00\xc8", 2})};
     }),
     .found = {{"token/refused-401", "AMQP-04"}, {"token/refused-500", "AMQP-04"}}},
    {.what = "waits for an answer for ever", .spoil = [](auto& settings) { settings.connect_patience = 24h; }, .found = {{"token/unanswered", "INV-24"}}},
    {.what = "never renews its token", .spoil = [](auto& settings) { settings.token_renewal = 0s; }, .found = {{"token/renewed", "AMQP-10"}}},
    {.what = "shows tokens that end sooner and sooner",
     .spoil = [](auto& settings) { settings.signer = [&settings, s = settings.signer](auto id) { return settings.token_life -= 9s, s(id); }; },
     .found = {{"token/renewed", "AMQP-10"}}},
    {.what = "counts as published what it was given", .tamper = [] {
       Wire wire;
       wire.obeys = [](const Order& order) {
         const auto* send = std::get_if<SendOrder>(&order);
         return send == nullptr ? std::vector<Said>{} : std::vector<Said>{line(Did::published, send->id)};
       };
       return wire;
     },
     .found = {{"telemetry/outcome-held-back", "DLV-01"}, {"telemetry/outcomes-held-back", "DLV-01"}, {"telemetry/released", "DLV-01"},
               {"telemetry/modified", "DLV-01"}, {"telemetry/rejected", "DLV-01"}, {"telemetry/throttled", "DLV-01"}, {"again/cut", "DLV-01"},
               {"again/forced", "DLV-01"}, {"again/detached", "DLV-01"}, {"credit/none", "DLV-01"}, {"credit/one", "DLV-01"},
               {"idle/silent-hub-with-a-message", "DLV-01"}}},
    {.what = "takes every outcome for success", .tamper = hears([](Bytes frame) { return Frames{is(frame, Performative::disposition) ? accepted(frame) : frame}; }),
     .found = {{"telemetry/released", "DLV-01"}, {"telemetry/modified", "DLV-01"}, {"telemetry/rejected", "DLV-01"},
               {"telemetry/rejected-without-an-error", "DLV-01"}, {"telemetry/throttled", "DLV-01"}}},
    {.what = "is deaf to outcomes",
     .tamper = hears([](Bytes frame) { return is(frame, Performative::disposition) && FrameView{frame}.number(1) > 0 ? Frames{} : Frames{frame}; }),
     .found = {{"telemetry/outcome-held-back", "INV-24"}, {"telemetry/outcomes-held-back", "INV-24"}, {"telemetry/released", "INV-24"},
               {"credit/one", "INV-24"}, {"end/ordered", "INV-24"}}},
    {.what = "tells twice that a message is published", .tamper = [] {
       Wire wire;
       wire.tells = [](Said said) { return said.did == Did::published ? std::vector{said, said} : std::vector{said}; };
       return wire;
     },
     .found = {{"again/cut", "DLV-01"}, {"again/closed", "DLV-01"}, {"again/session-ended", "DLV-01"}, {"again/internal-error", "DLV-01"},
               {"again/cut-often", "DLV-01"}, {"stream/in-pieces", "DLV-01"}, {"token/renewed", "DLV-01"}}},
    {.what = "sends nothing again", .tamper = says([sent = std::make_shared<std::set<Bytes>>()](Bytes frame) {
       if (!is_telemetry(frame)) return Frames{frame};
       const View payload = FrameView{frame}.payload;
       return sent->insert({payload.begin(), payload.end()}).second ? Frames{frame} : Frames{};
     }),
     .found = {{"again/cut", "INV-24"}, {"again/cut-often", "INV-24"}, {"again/closed", "INV-24"}, {"again/forced", "INV-24"}, {"again/detached", "INV-24"},
               {"again/internal-error", "INV-24"}, {"again/session-ended", "INV-24"}, {"telemetry/released", "INV-24"},
               {"idle/silent-hub-with-a-message", "INV-24"}}},
    {.what = "does not come back", .break_rule = [](auto& rules) { rules.retries_connecting = false; },
     .found = {{"again/cut", "INV-24"}, {"again/forced", "INV-24"}, {"comes-back-cut", "INV-24"}, {"comes-back-stolen", "INV-24"},
               {"commands/again-after-a-cut", "INV-24"}, {"commands/after-a-cut", "INV-24"}, {"idle/silent-hub", "INV-24"}}},
    {.what = "transfers telemetry settled", .tamper = says([](Bytes frame) { return Frames{is_telemetry(frame) ? settled_transfer(frame) : frame}; }),
     .found = {{"telemetry/outcome-held-back", "AMQP-16"}, {"telemetry/rejected", "AMQP-16"}}},
    {.what = "changes a property", .tamper = says([](Bytes frame) { return Frames{replaced(frame, "warm", "cold")}; }),
     .found = {{"telemetry/properties-plain", "INV-25"}, {"telemetry/properties-odd", "INV-25"}, {"telemetry/properties-of-letters", "INV-25"}}},
    {.what = "changes its ids", .tamper = says([](Bytes frame) { return Frames{replaced(frame, "\xa1\x02m1", "\xa1\x02n1")}; }),
     .found = {{"telemetry/properties-plain", "AMQP-23"}}},
    {.what = "cuts its payload in two", .tamper = says([](Bytes frame) {
       if (!is_telemetry(frame)) return Frames{frame};
       frame.insert(frame.end(), {0x00, 0x53, 0x75, 0xa0, 0x00});
       return Frames{sized(frame)};
     }),
     .found = {{"telemetry/properties-plain", "AMQP-24"}, {"telemetry/properties-odd", "AMQP-24"}}},
    {.what = "changes the end of what it sends", .tamper = says([](Bytes frame) {
       if (is_telemetry(frame)) frame.back() = static_cast<std::uint8_t>(frame.back() ^ 1);
       return Frames{frame};
     }),
     .found = {{"telemetry/properties-plain", "INV-25"}, {"telemetry/large", "INV-25"}, {"telemetry/large", "amqp10:2.7.5-5"}}},
    {.what = "sends the first frame of a message only", .tamper = says([](Bytes frame) {
       const FrameView one{frame};
       return is_telemetry(frame) && one.payload.size() > 1'000 && !one.flag(5) ? Frames{} : Frames{frame};
     }),
     .found = {{"telemetry/large", "amqp10:2.7.5-4"}}},
    {.what = "makes up its credit", .tamper = hears([](Bytes frame) {
       const bool theirs = is(frame, Performative::attach) && FrameView{frame}[0].text() == "telemetry";
       return theirs ? Frames{frame, made_up_credit()} : Frames{frame};
     }),
     .found = {{"credit/none", "amqp10:2.6.7-1"}}},
    {.what = "takes credit for one for much more",
     .tamper = hears([](Bytes frame) {
       const FrameView one{frame};
       return Frames{one.performative == Performative::flow && one.number(4) == telemetry_handle ? with_credit(frame, 100) : frame};
     }),
     .found = {{"credit/one", "amqp10:2.6.7-1"}}},
    {.what = "overlooks credit", .tamper = hears([](Bytes frame) {
       const FrameView one{frame};
       return one.performative == Performative::flow && one.number(4) == telemetry_handle ? Frames{} : Frames{frame};
     }),
     .found = {{"credit/none", "amqp10:2.6.7-2"}, {"credit/one", "amqp10:2.6.7-2"}}},
    {.what = "settles nothing", .break_rule = [](auto& rules) { rules.acknowledges = false; },
     .found = {{"commands/complete", "AMQP-17"}, {"commands/reject", "AMQP-17"}, {"commands/abandon", "AMQP-17"}, {"commands/burst", "AMQP-17"},
               {"commands/again-after-a-cut", "AMQP-17"}, {"commands/large", "AMQP-17"}, {"stream/in-pieces", "AMQP-17"}}},
    {.what = "completes everything", .spoil = [](auto& settings) { settings.reject_per_mille = settings.abandon_per_mille = 0; },
     .found = {{"commands/reject", "C2D-32"}, {"commands/abandon", "C2D-32"}, {"commands/reject", "AMQP-20"}}},
    {.what = "rejects everything", .spoil = [](auto& settings) { settings.reject_per_mille = 1000; },
     .found = {{"commands/complete", "C2D-32"}, {"commands/burst", "C2D-32"}, {"commands/after-a-cut", "C2D-32"}, {"stream/in-pieces", "C2D-32"},
               {"commands/burst", "AMQP-20"}, {"commands/abandon", "AMQP-20"}}},
    {.what = "settles twice", .tamper = says([](Bytes frame) {
       return is_word(frame) ? Frames{accepted(frame), accepted(frame)} : Frames{frame};
     }),
     .found = {{"commands/complete", "AMQP-17"}, {"commands/burst", "AMQP-17"}}},
    {.what = "completes what it has rejected", .tamper = says([](Bytes frame) {
       return is_word(frame) ? Frames{frame, accepted(frame)} : Frames{frame};
     }),
     .found = {{"commands/reject", "AMQP-17"}, {"commands/abandon", "AMQP-17"}}},
    {.what = "shows no command", .tamper = [] {
       Wire wire;
       wire.tells = [](Said said) { return said.did == Did::received ? std::vector<Said>{} : std::vector{said}; };
       return wire;
     },
     .found = {{"commands/complete", "DLV-01"}, {"commands/burst", "DLV-01"}, {"commands/after-a-cut", "DLV-01"}, {"commands/properties", "INV-25"}}},
    {.what = "shows each command twice", .tamper = [] {
       Wire wire;
       wire.tells = [](Said said) { return said.did == Did::received ? std::vector{said, said} : std::vector{said}; };
       return wire;
     },
     .found = {{"commands/burst", "INV-25"}}},
    {.what = "shows a command once", .tamper = [] {
       Wire wire;
       wire.tells = [shown = std::set<Bytes>{}](Said said) mutable {
         return said.did == Did::received && !shown.insert(said.payload).second ? std::vector<Said>{} : std::vector{said};
       };
       return wire;
     },
     .found = {{"commands/again-after-a-cut", "DLV-01"}}},
    {.what = "shows half of a command", .tamper = [] {
       Wire wire;
       wire.tells = [](Said said) {
         said.payload.resize(said.payload.size() / 2);
         return std::vector{said};
       };
       return wire;
     },
     .found = {{"commands/properties", "INV-25"}, {"commands/large", "INV-25"}, {"commands/large", "amqp10:2.7.5-5"}, {"commands/shredded", "INV-25"},
               {"commands/burst", "INV-25"}}},
    {.what = "drops empty properties", .tamper = [] {
       Wire wire;
       wire.tells = [](Said said) {
         if (said.properties) std::erase_if(*said.properties, [](const auto& one) { return one.second.empty(); });
         if (said.message_id) said.message_id = "";
         return std::vector{said};
       };
       return wire;
     },
     .found = {{"commands/properties", "MSG-01"}, {"commands/properties", "INV-25"}, {"commands/properties", "AMQP-23"}}},
    {.what = "takes each read for a frame", .tamper = [] {
       Wire wire;
       wire.heard = [](View bytes) {
         const bool whole = bytes.size() >= 8 && (bytes[0] == 'A' || model::load_big<4>(bytes.data()) <= bytes.size());
         return whole ? Bytes{bytes.begin(), bytes.end()} : Bytes{};
       };
       return wire;
     },
     .found = {{"stream/in-pieces", "AMQP-01"}}},
    {.what = "sends no empty frames", .tamper = says([](Bytes frame) { return FrameView{frame}.empty ? Frames{} : Frames{frame}; }),
     .found = {{"idle/heartbeats", "AMQP-14"}, {"idle/heartbeats", "amqp10:2.4.5-1"}}},
    {.what = "announces an idle time-out and bears any silence", .spoil = [](auto& settings) { settings.keep_alive = settings.ack_patience = 24h; },
     .tamper = says([](Bytes frame) { return Frames{replaced(frame, std::string_view{"\x70\x05\x26\x5c\x00", 5}, std::string_view{"\x70\x00\x00\x07\xd0", 5})}; }),
     .found = {{"idle/silent-hub", "AMQP-14"}, {"idle/silent-hub", "INV-24"}, {"idle/silent-hub-with-a-message", "AMQP-14"}}},
    {.what = "leaves without a word", .tamper = says([](Bytes frame) { return is(frame, Performative::close) ? Frames{} : Frames{frame}; }),
     .found = {{"end/ordered", "amqp10:2.4.3-3"}}},
};

TEST(DeviceAmqp, EveryCaseFindsAWrongDevice) { each_case_finds_one("device/amqp/", all); }

// A login by SASL before the connection proper: everybody is let in.
TEST(DeviceAmqp, ADeviceThatLogsInFirstIsLetIn) {
  const Tamper logs_in = [] {
    Wire wire;
    const auto answer = std::make_shared<Bytes>();  // of the hub, until it is whole
    const auto done = std::make_shared<bool>(true);
    wire.said = [answer, done](View bytes) {
      Bytes out;
      if (model::text(bytes).starts_with("AMQP")) {
        model::amqp::write_sasl_anonymous(out);
        answer->clear();
        *done = false;
      }
      out.insert(out.end(), bytes.begin(), bytes.end());
      return out;
    };
    wire.heard = [answer, done](View bytes) {
      if (*done) return Bytes{bytes.begin(), bytes.end()};
      answer->insert(answer->end(), bytes.begin(), bytes.end());
      const auto read = model::amqp::read_sasl_answer(*answer);
      if (!read) return Bytes{};
      EXPECT_TRUE(read->welcome);
      *done = true;
      return Bytes{answer->begin() + static_cast<std::ptrdiff_t>(read->size), answer->end()};
    };
    return wire;
  };
  const DevicePlay play = play_own_device(model::Rules{}.device, 0, chosen_device_cases("device/amqp/*"), {}, {.tamper = logs_in});
  EXPECT_EQ(failures(play), "");
}

// A device on Proton's client, which begins with SASL and settles first, on a real socket.
TEST(DeviceAmqp, ADeviceOnARealSocketIsUnderstood) {
  LiveDevice device;
  device.command = {"/usr/bin/python3", tests::source_dir() + "/tests/peers/adapters/proton_device.py"};
  for (const char* about : {"token/put", "telemetry/properties-odd", "telemetry/large", "again/detached", "commands/reject", "commands/properties",
                            "stream/in-pieces"}) {
    const DevicePlay play = play_live(device, chosen_device_cases(std::string{"device/amqp/"} + about));
    ASSERT_EQ(play.unreachable, "");
    ASSERT_EQ(play.cases.size(), 1u) << about;
    EXPECT_EQ(failures(play) + play.cases[0].not_applicable, "") << about;
  }
}

// What is no device of this protocol has no such case.
TEST(DeviceAmqp, CasesAreForWhoSpeaksIt) {
  conformance::devices::Hello hello;
  hello.hub = true;
  hello.qos = {1};
  const auto applies = [&](const conformance::devices::DeviceCase& one) { return not_for(one.needs, hello).empty(); };
  for (const auto* one : chosen_device_cases("device/amqp/*")) EXPECT_FALSE(applies(*one)) << one->name;
  hello.protocol = conformance::devices::Protocol::amqp;
  for (const auto& one : conformance::devices::device_cases()) {
    if (one.name.starts_with("device/amqp/")) continue;
    EXPECT_FALSE(applies(one)) << one.name;
  }
}

}  // namespace
