// Eclipse Mosquitto's client library (Debian: libmosquitto-dev) as a device under test.
#include <mosquitto.h>

#include <vector>

#include "tests/peers/adapters/adapter.hpp"

namespace {

using adapter::fail;
using adapter::Json;
using adapter::say;

mosquitto* client = nullptr;
adapter::Pending pending;

void connect(const Json& order) {
  if (client != nullptr) {
    mosquitto_loop_stop(client, true);
    mosquitto_destroy(client);
  }
  const std::string id = order["client_id"];
  client = mosquitto_new(id.empty() ? nullptr : id.c_str(), order["clean"], nullptr);
  if (client == nullptr) return fail(order, "mosquitto_new refuses");
  mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
  mosquitto_reconnect_delay_set(client, 1, 1, false);
  mosquitto_max_inflight_messages_set(client, 100);
  int code = MOSQ_ERR_SUCCESS;
  if (order.contains("username") || order.contains("password")) {
    const std::string user = order.value("username", "");
    const std::string password = order.value("password", "");
    code = mosquitto_username_pw_set(client, order.contains("username") ? user.c_str() : nullptr,
                                     order.contains("password") ? password.c_str() : nullptr);
    if (code != MOSQ_ERR_SUCCESS) return fail(order, mosquitto_strerror(code));
  }
  if (order.contains("will")) {
    const Json& will = order["will"];
    const std::string topic = will["topic"];
    const std::string payload = adapter::bytes(will["payload"]);
    code = mosquitto_will_set(client, topic.c_str(), static_cast<int>(payload.size()), payload.data(), will["qos"], will["retain"]);
    if (code != MOSQ_ERR_SUCCESS) return fail(order, mosquitto_strerror(code));
  }
  mosquitto_connect_with_flags_callback_set(client, [](mosquitto*, void*, int result, int flags) {
    if (result == 0) say("connected", {{"session_present", (flags & 1) != 0}});
    else say("refused", {{"code", result}});
  });
  mosquitto_disconnect_callback_set(client, [](mosquitto*, void*, int why) {
    if (why == 0) say("disconnected");
    else say("lost", {{"why", mosquitto_strerror(why)}});
  });
  mosquitto_publish_callback_set(client, [](mosquitto*, void*, int mid) { pending.done(mid, "published"); });
  mosquitto_subscribe_callback_set(client, [](mosquitto*, void*, int mid, int count, const int* granted) {
    pending.done(mid, "subscribed", {{"codes", std::vector<int>(granted, granted + count)}});
  });
  mosquitto_unsubscribe_callback_set(client, [](mosquitto*, void*, int mid) { pending.done(mid, "unsubscribed"); });
  mosquitto_message_callback_set(client, [](mosquitto*, void*, const mosquitto_message* message) {
    say("received", {{"topic", message->topic},
                     {"payload", adapter::hex(message->payload, static_cast<std::size_t>(message->payloadlen))},
                     {"qos", message->qos},
                     {"retain", message->retain}});
  });
  const std::string host = order["host"];
  code = mosquitto_connect(client, host.c_str(), order["port"], order["keep_alive"]);
  if (code != MOSQ_ERR_SUCCESS) return fail(order, mosquitto_strerror(code));
  mosquitto_loop_start(client);
}

void publish(const Json& order) {
  const std::string topic = order["topic"];
  const std::string payload = adapter::bytes(order["payload"]);
  int mid = 0;
  const int code = topic.find('\0') != std::string::npos
                       ? MOSQ_ERR_INVAL  // a C string cannot hold it
                       : mosquitto_publish(client, &mid, topic.c_str(), static_cast<int>(payload.size()), payload.data(), order["qos"], order["retain"]);
  if (code != MOSQ_ERR_SUCCESS) return fail(order, mosquitto_strerror(code));
  pending.began(mid, order["id"], "published");
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& each : texts) all.push_back(each.data());
  return all;
}

// One packet has one QoS for all its filters in this library, so each filter is asked for by itself.
void subscribe(const Json& order) {
  int mid = 0;
  int code = order["filters"].empty() ? mosquitto_subscribe_multiple(client, &mid, 0, nullptr, 1, 0, nullptr) : MOSQ_ERR_SUCCESS;
  for (const Json& each : order["filters"]) {
    const std::string filter = each["filter"];
    code = filter.find('\0') != std::string::npos ? MOSQ_ERR_INVAL : mosquitto_subscribe(client, &mid, filter.c_str(), each["qos"]);
    if (code != MOSQ_ERR_SUCCESS) break;
  }
  if (code != MOSQ_ERR_SUCCESS) return fail(order, mosquitto_strerror(code));
  pending.began(mid, order["id"], "subscribed");
}

void unsubscribe(const Json& order) {
  std::vector<std::string> filters = order["filters"];
  const std::vector<char*> all = pointers(filters);
  int mid = 0;
  const int code = mosquitto_unsubscribe_multiple(client, &mid, static_cast<int>(all.size()), all.data(), nullptr);
  if (code != MOSQ_ERR_SUCCESS) return fail(order, mosquitto_strerror(code));
  pending.began(mid, order["id"], "unsubscribed");
}

void disconnect(const Json&) { mosquitto_disconnect(client); }

}  // namespace

int main() {
  mosquitto_lib_init();
  int major = 0, minor = 0, revision = 0;
  mosquitto_lib_version(&major, &minor, &revision);
  say("hello", {{"name", "libmosquitto"},
                {"version", std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(revision)},
                {"kind", "mqtt"},
                {"qos", {0, 1, 2}},
                {"persistent_session", true},
                {"reconnects", true},
                {"queues", true},
                {"will", true}});
  adapter::run({{"connect", connect}, {"publish", publish}, {"subscribe", subscribe}, {"unsubscribe", unsubscribe}, {"disconnect", disconnect}});
}
