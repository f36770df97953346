// The lines between hubproof and the program that adapts a device: JSON objects, one a line. What
// hubproof asks is an Order, what the device did is a Said. conformance/devices.md is the contract for
// those who write adapters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/bytes.hpp"

namespace hubproof::conformance::devices {

constexpr std::size_t longest_line = 1u << 20;  // bytes; an adapter that says more has lost its way

enum class Protocol : std::uint8_t { mqtt, amqp, http };
const char* protocol_text(Protocol protocol);  // "AMQP 1.0"

// What the device can do, by its first line. A case that needs more is not applicable.
struct Hello {
  std::string name;
  std::string version;
  bool hub = false;                 // a device of an IoT hub: it sends telemetry and takes commands, and
                                    // knows its topics itself; else a client of MQTT
  std::vector<std::uint8_t> qos;    // of what it publishes
  bool persistent_session = false;  // it can connect with Clean Session 0, and goes on with it
  bool clean_session = true;        // it can connect with Clean Session 1
  bool reconnects = false;          // by itself, after its connection was lost
  bool queues = false;              // takes publishes while it has no connection
  bool will = false;
  bool any_text = false;            // hands every JSON text to its client as it is, even what the client must refuse
  bool renews = false;              // a hub's device that can be told how long its tokens are good
  bool websocket = false;           // it speaks MQTT within WebSockets too
  Protocol protocol = Protocol::mqtt;  // AMQP and HTTP: a hub's device
};

// What a hub's device does with a command once its application has it; over MQTT it can complete it only.
enum class SettleWish : std::uint8_t { complete, reject, abandon };

struct WillWish {
  std::string topic;
  model::Bytes payload;
  std::uint8_t qos = 0;
  bool retain = false;
};

struct ConnectOrder {
  std::string host;
  std::uint16_t port = 0;
  std::string client_id;  // a hub's: the device's id
  bool clean = true;
  std::uint16_t keep_alive = 60;  // seconds
  std::optional<std::string> username;  // a hub's devices make their own
  std::optional<std::string> password;
  std::optional<std::string> key;  // of a hub's device: Base64, for tokens
  std::optional<std::uint32_t> token_life{};  // of its tokens, in seconds
  std::optional<std::string> ca{};            // TLS: the file with the authority to trust, PEM
  std::optional<WillWish> will;
  std::optional<std::string> websocket{};     // within a WebSocket: its path
  std::optional<SettleWish> settle{};         // AMQP and HTTP: of every command
  std::optional<std::uint32_t> poll{};        // HTTP: seconds between two looks for a command when there was none
};
struct PublishOrder {
  std::uint64_t id = 0;
  std::string topic;
  model::Bytes payload;
  std::uint8_t qos = 0;
  bool retain = false;
};
struct SendOrder {  // telemetry of a hub's device
  std::uint64_t id = 0;
  std::string message_id;
  model::Bytes payload;
  std::vector<std::pair<std::string, std::string>> properties{};
};
struct SubscribeOrder {
  std::uint64_t id = 0;
  std::vector<std::pair<std::string, std::uint8_t>> filters;
};
struct UnsubscribeOrder {
  std::uint64_t id = 0;
  std::vector<std::string> filters;
};
struct DisconnectOrder {};
struct EchoOrder {
  std::uint64_t id = 0;
};
struct QuitOrder {};

using Order = std::variant<ConnectOrder, PublishOrder, SendOrder, SubscribeOrder, UnsubscribeOrder, DisconnectOrder,
                           EchoOrder, QuitOrder>;

// One line with its end. A text may hold U+D800 as \ud800, written as the bytes ED A0 80.
std::string write_order(const Order& order);

struct Said {
  enum class Did : std::uint8_t {
    hello,
    connected,     // the client told the application so
    refused,       // by a CONNACK; code
    failed,        // what order `id` asked for (0: the last connect); why
    published,     // order `id`: for QoS above 0, acknowledged by the server
    subscribed,    // order `id`; codes
    unsubscribed,
    disconnected,  // as it was told
    lost,          // the connection, and not by its own will
    received,      // topic, payload, qos, retain, dup, message_id, properties
    echo
  };
  Did did = Did::echo;
  std::uint64_t id = 0;
  Hello hello{};
  bool session_present = false;
  std::uint8_t code = 0;
  std::vector<std::uint8_t> codes{};
  std::string why{};
  std::string topic{};
  model::Bytes payload{};
  std::uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
  std::optional<std::string> message_id{};   // of a command, if the adapter tells it
  std::optional<std::vector<std::pair<std::string, std::string>>> properties{};  // those that its sender set; likewise
};

const char* did_text(Said::Did did);

// What is wrong with a line: what was expected, what was found.
using BadLine = std::string;

// One line without its end.
std::variant<Said, BadLine> read_said(std::string_view line);

}  // namespace hubproof::conformance::devices
