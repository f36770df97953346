// Devices that show tokens at a hub that verifies, over AMQP and HTTP: back to back with it, no network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/amqp/cbs.hpp"
#include "model/amqp/message.hpp"
#include "model/base64.hpp"
#include "model/device.hpp"
#include "model/hub/token.hpp"
#include "tests/model/server_driver.hpp"

namespace hubproof::server_tests {
namespace {

using Protocol = DeviceSettings::Protocol;

const std::string own_key = to_base64(Bytes(32, 7));
const std::string other_key = to_base64(Bytes(32, 8));

Rules verifying() {
  Rules rules;
  rules.hub.access = Access::verified;
  return rules;
}

const Chance lowest{[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr, nullptr};

// d1, which is registered with own_key, and the hub.
class Pair {
 public:
  Pair(Protocol protocol, DeviceSettings::Signer signer) : driver_{verifying()} {
    CreateDevice create{"d1"};
    create.credentials = Credentials{CredentialType::sas, own_key, to_base64(Bytes(32, 9))};
    driver_.ask(create);
    settings_.protocol = protocol;
    settings_.receives_commands = true;
    settings_.token_life = 20min;
    settings_.token_renewal = 15min;
    if (!signer.key.empty()) settings_.signer = [signer](std::string_view) { return signer; };
    device_.emplace(settings_, rules_, "d1", 3, lowest);
    device_->started(driver_.now(), {}, effects_);
    run();
  }

  // Moves bytes until both are quiet.
  void run() {
    for (bool moved = true; moved;) {
      moved = false;
      Effects done;
      std::swap(done, effects_);
      for (const Event& event : done.events()) saw_.push_back(event);
      for (const Effect& effect : done.list()) {
        moved = true;
        if (effect.kind == Effect::Kind::connect) {
          hub_end_ = driver_.open(settings_.protocol == Protocol::http ? Door::http : Door::amqp);
          device_end_ = effect.connection;
          device_->connected(driver_.now(), device_end_, effects_);
        } else if (effect.kind == Effect::Kind::send && !driver_.closed(hub_end_)) {
          driver_.feed(hub_end_, done.bytes(effect));
        } else if (effect.kind == Effect::Kind::close || effect.kind == Effect::Kind::abort) {
          driver_.lose(hub_end_, EndedBy::peer);
        }
      }
      const Bytes back = driver_.take_bytes(hub_end_);
      if (!back.empty()) device_->received(driver_.now(), device_end_, back, effects_);
      moved = moved || !back.empty() || !effects_.list().empty() || !effects_.events().empty();
    }
  }
  void pass(Duration duration) {
    driver_.pass(duration);
    device_->woken(driver_.now(), effects_);
    run();
  }
  std::size_t saw(What what, std::uint16_t code = 0) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        saw_, [&](const Event& event) { return event.what == what && event.code == code; }));
  }
  std::vector<const Event*> shown() const {
    std::vector<const Event*> found;
    for (const Event& event : saw_)
      if (event.what == What::packet && event.packet == Packet::connect) found.push_back(&event);
    return found;
  }

 private:
  Driver driver_;
  DeviceSettings settings_;
  DeviceRules rules_;
  std::optional<Device> device_;
  Effects effects_;
  std::vector<Event> saw_;
  ConnectionId hub_end_{};
  ConnectionId device_end_{};
};

class TokensOfDevices : public testing::TestWithParam<Protocol> {};
INSTANTIATE_TEST_SUITE_P(Doors, TokensOfDevices, testing::Values(Protocol::amqp, Protocol::http));

TEST_P(TokensOfDevices, ARightOneOpensAndIsTold) {
  const Pair pair{GetParam(), {"d1", own_key}};
  EXPECT_EQ(pair.saw(What::accepted), 1u);
  ASSERT_EQ(pair.shown().size(), 1u);
  const Event& shown = *pair.shown()[0];
  EXPECT_EQ(shown.flags, flag_sent | flag_link);
  EXPECT_EQ(shown.token, key_digest(own_key));
  EXPECT_EQ(shown.sequence, scope_digest("d1"));
  EXPECT_EQ(shown.expiry, (Date{} + 1'000'000s + 20min).time_since_epoch().count());
}

TEST_P(TokensOfDevices, OfAnotherKeyDeviceOrNoneIsTurnedAway) {
  constexpr std::uint16_t not_authorized = 5;
  using Signer = DeviceSettings::Signer;
  for (const Signer& signer : {Signer{"d1", other_key}, Signer{"d2", own_key}, Signer{"", ""}}) {
    const Pair pair{GetParam(), signer};
    EXPECT_EQ(pair.saw(What::accepted), 0u);
    EXPECT_EQ(pair.saw(What::refused, not_authorized), 1u);
    EXPECT_EQ(pair.saw(What::ended), 1u);
  }
}

TEST_P(TokensOfDevices, TheNextOneIsShownInTimeOnTheSameConnection) {
  Pair pair{GetParam(), {"d1", own_key}};
  for (int minutes = 0; minutes < 60; ++minutes) pair.pass(60s);
  EXPECT_EQ(pair.saw(What::opened), 1u);
  EXPECT_EQ(pair.saw(What::ended), 0u);
  EXPECT_GE(pair.shown().size(), 4u);
  EXPECT_EQ(pair.saw(What::accepted), pair.shown().size());
}

TEST(Cbs, APutTokenIsReadAsOne) {
  Bytes message;
  amqp::write_put_token(message, 17, "hub/devices/d1", "SharedAccessSignature sr=x");
  const auto sections = amqp::read_sections(message);
  ASSERT_TRUE(sections);
  EXPECT_EQ(sections->property("operation"), "put-token");
  EXPECT_EQ(sections->property("type"), "servicebus.windows.net:sastoken");
  EXPECT_EQ(sections->property("name"), "hub/devices/d1");
  EXPECT_EQ(sections->value.text(), "SharedAccessSignature sr=x");
  EXPECT_EQ(sections->message_id.text(), "17");
}

TEST(Cbs, AnAnswerHasAStatus) {
  Bytes message;
  amqp::write_reply(message, amqp::Sections::absent, 401, "no", "amqp:unauthorized-access", {});
  EXPECT_EQ(amqp::read_put_token_status(message), 401);
  for (std::size_t size = 0; size < message.size(); ++size)
    EXPECT_NE(amqp::read_put_token_status(View{message}.first(size)), 200);
  Bytes other;
  amqp::write_put_token(other, 1, "a", "b");
  EXPECT_EQ(amqp::read_put_token_status(other), std::nullopt);
}

}  // namespace
}  // namespace hubproof::server_tests
