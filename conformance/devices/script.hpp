// The steps that cases are made of: orders to the device, and what a server waits for.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conformance/devices/stage.hpp"

namespace hubproof::conformance::devices::script {

using namespace model::mqtt;

struct Wish {  // of a connection
  bool clean = true;
  std::uint16_t keep_alive = 60;
  std::optional<std::string> client_id{};  // none: one that the seed gives
  std::optional<std::string> username{};
  std::optional<std::string> password{};
  std::optional<WillWish> will{};
  std::optional<std::uint32_t> token_life{};  // seconds, of a hub's device
  std::optional<SettleWish> settle{};
  std::optional<std::uint32_t> poll{};        // seconds
};

std::string client_id(Stage& stage);
std::string websocket_path(Stage& stage);
void order_connect(Stage& stage, const Wish& wish);

// Waits for a connection and its CONNECT. The case ends when none comes.
Task<Heard> hello_of(Stage& stage);
// Orders a connection, takes CONNECT, answers CONNACK 0, and waits until the application knows.
Task<LinkId> connected(Stage& stage, Wish wish = {});
// The next connection after a lost one: by itself, or ordered anew when the device leaves that to its
// application. CONNACK 0 with session present or without.
Task<LinkId> back(Stage& stage, Wish wish, bool session_present);

// What the device's application sends: a publish, or telemetry of a hub's device. Gives the order's id.
std::uint64_t submit(Stage& stage, std::uint8_t qos);
// The same of a hub's device with a payload and properties of the case's own.
std::uint64_t submit(Stage& stage, const std::string& payload, std::vector<std::pair<std::string, std::string>> properties = {});
// Passes the clause, or fails it with these words.
void expect(Stage& stage, const char* clause, bool holds, const std::string& otherwise);
// The second since 1970 at which a token ends; 0: it does not say.
std::uint64_t end_of_token(std::string_view token);
// Whether this is a token, for this resource ("devices/d") of the server, signed by the device's key, which is not in it
// [SEC-01..SEC-04, SEC-10].
void judge_token(Stage& stage, const std::string& token, const std::string& resource);
// Whether eight pauses or so are those of a device that comes back without a storm [SEC-28].
void judge_pauses(Stage& stage, std::span<const model::Duration> pauses);
std::string milliseconds_text(model::Duration time);
std::string milliseconds_text(std::span<const model::Duration> times);
std::string text_of(std::uint64_t order);   // its payload, different for each
bool holds(const Publish& packet, std::uint64_t order);

// A topic that the device takes messages on, and one that it never asked for.
std::string down_topic(Stage& stage, const std::string& leaf);
// Has the device listen on all its down topics.
Task<> listens(Stage& stage, LinkId link);
Publish down(const std::string& topic, const std::string& payload, PacketId id, std::uint8_t qos, bool dup = false);

// The next packet of this kind on that link; none in time: nothing.
template <class P>
Stage::Waiting next(Stage& stage, LinkId link) {
  return stage.wait([link](const Heard& heard) { return heard.link == link && heard.is<P>() != nullptr; }, stage.patience());
}
template <class P>
Stage::Waiting next(Stage& stage, LinkId link, model::Duration patience) {
  return stage.wait([link](const Heard& heard) { return heard.link == link && heard.is<P>() != nullptr; }, patience);
}
template <class P>
Stage::Waiting next_with(Stage& stage, LinkId link, PacketId id) {
  return stage.wait([link, id](const Heard& heard) {
    const P* packet = heard.is<P>();
    return heard.link == link && packet != nullptr && packet->id == id;
  }, stage.patience());
}
// The PUBLISH that carries what order `order` gave.
Stage::Waiting publish_of(Stage& stage, LinkId link, std::uint64_t order);
Stage::Waiting comes(Stage& stage, model::Duration patience);  // with a CONNECT
// Whether the application was told that a connection came to nothing; why, if the device said so.
std::optional<std::string> told_off(Stage& stage);
// Takes out of `open` the orders of which the application was told that they failed: what has a definite error is not owed.
void drop_failed(Stage& stage, std::vector<std::uint64_t>& open);
Stage::Waiting said(Stage& stage, Said::Did did);
Stage::Waiting said(Stage& stage, Said::Did did, std::uint64_t order);

// Whether the device ends this connection in time.
Task<bool> closes(Stage& stage, LinkId link);
// Whether the adapter and its device still do what they are told: tells a slow device from one that
// leaves something out.
Task<bool> alive(Stage& stage);

// A connection of the device's, when it comes in time; which protocol it speaks there is not looked at.
Stage::Waiting arrives(Stage& stage, model::Duration patience);
struct Command {
  std::string id;
  std::string payload;
  std::vector<std::pair<std::string, std::string>> properties{};
};
model::Bytes flat_of(const Command& command);
// The command with this payload, when the application is shown it.
Stage::Waiting shown(Stage& stage, const std::string& payload, model::Duration patience);
// Judges what the application was shown of it; false: the adapter does not tell properties.
bool judge_shown(Stage& stage, const Said& received, const Command& command);

// How long a device may take to come to an end with what it has begun: an SDK waits 45 s for answers to its farewell, and a
// minute for a hub that has no room.
inline constexpr model::Duration longest_wait = std::chrono::seconds{100};

// Waits until the application has heard what became of each of these, and judges it: once or more at the hub before the
// application counts it as published, and told of once [DLV-01, INV-24]. `accepted` says how often the hub took it.
Task<> ends_well(Stage& stage, std::vector<std::uint64_t> orders, std::function<int(const std::string& body)> accepted);
template <class Hub>
Task<> ends_well(Stage& stage, const Hub& hub, std::vector<std::uint64_t> orders) {
  return ends_well(stage, std::move(orders), [&hub](const std::string& body) { return hub.accepted(body); });
}
template <class Hub>
Task<> ends_well(Stage& stage, const Hub& hub, std::uint64_t order) {
  return ends_well(stage, hub, std::vector{order});
}

}  // namespace hubproof::conformance::devices::script
