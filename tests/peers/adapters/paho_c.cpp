// Eclipse Paho's asynchronous client for C (Debian: libpaho-mqtt-dev) as a device under test.
#include <MQTTAsync.h>

#include <memory>
#include <vector>

#include "tests/peers/adapters/adapter.hpp"

namespace {

using adapter::fail;
using adapter::Json;
using adapter::say;

MQTTAsync client = nullptr;
// Texts of the connection, which the client reads again when it connects by itself.
std::string user, password, will_topic, will_payload;

struct Order {
  Json id;
  const char* did;
};

void done(void* context, MQTTAsync_successData* data) {
  const std::unique_ptr<Order> order{static_cast<Order*>(context)};
  Json more{{"id", order->id}};
  if (std::string{order->did} == "subscribed" && data != nullptr) more["codes"] = {data->alt.qos};
  say(order->did, more);
}
void failed(void* context, MQTTAsync_failureData* data) {
  const std::unique_ptr<Order> order{static_cast<Order*>(context)};
  const char* const why = data != nullptr && data->message != nullptr ? data->message : "the client failed it";
  say("failed", {{"id", order->id}, {"why", why}});
}
MQTTAsync_responseOptions answer_to(const Json& order, const char* did) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.onSuccess = done;
  options.onFailure = failed;
  options.context = new Order{order["id"], did};
  return options;
}
void check(int code, const Json& order, const MQTTAsync_responseOptions& options) {
  if (code == MQTTASYNC_SUCCESS) return;
  delete static_cast<Order*>(options.context);
  fail(order, MQTTAsync_strerror(code) != nullptr ? MQTTAsync_strerror(code) : std::to_string(code));
}

int received(void*, char* topic, int length, MQTTAsync_message* message) {
  const std::string name = length > 0 ? std::string(topic, static_cast<std::size_t>(length)) : std::string{topic};
  say("received", {{"topic", name},
                   {"payload", adapter::hex(message->payload, static_cast<std::size_t>(message->payloadlen))},
                   {"qos", message->qos},
                   {"retain", message->retained != 0},
                   {"dup", message->dup != 0}});
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  return 1;
}

void connect(const Json& order) {
  if (client != nullptr) MQTTAsync_destroy(&client);
  const std::string uri = "tcp://" + order["host"].get<std::string>() + ":" + std::to_string(order["port"].get<int>());
  const std::string id = order["client_id"];
  MQTTAsync_createOptions creation = MQTTAsync_createOptions_initializer;
  creation.sendWhileDisconnected = 1;
  creation.MQTTVersion = MQTTVERSION_3_1_1;
  int code = MQTTAsync_createWithOptions(&client, uri.c_str(), id.c_str(), MQTTCLIENT_PERSISTENCE_NONE, nullptr, &creation);
  if (code != MQTTASYNC_SUCCESS) return fail(order, "MQTTAsync_create gives " + std::to_string(code));
  MQTTAsync_setCallbacks(client, nullptr, [](void*, char* why) { say("lost", {{"why", why != nullptr ? why : ""}}); }, received, nullptr);
  MQTTAsync_setConnected(client, nullptr, [](void*, char*) { say("connected"); });
  MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
  options.keepAliveInterval = order["keep_alive"];
  options.cleansession = order["clean"] ? 1 : 0;
  options.MQTTVersion = MQTTVERSION_3_1_1;
  options.automaticReconnect = 1;
  options.minRetryInterval = 1;
  options.maxRetryInterval = 1;
  options.maxInflight = 100;
  options.onFailure = [](void*, MQTTAsync_failureData* data) {
    const int reason = data != nullptr ? data->code : 0;
    if (reason >= 1 && reason <= 5) say("refused", {{"code", reason}});
    else say("failed", {{"why", data != nullptr && data->message != nullptr ? data->message : "connecting failed"}});
  };
  if (order.contains("username")) user = order["username"], options.username = user.c_str();
  if (order.contains("password")) password = order["password"], options.password = password.c_str();
  MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
  if (order.contains("will")) {
    will_topic = order["will"]["topic"];
    will_payload = adapter::bytes(order["will"]["payload"]);
    will.topicName = will_topic.c_str();
    will.payload.data = will_payload.data();
    will.payload.len = static_cast<int>(will_payload.size());
    will.qos = order["will"]["qos"];
    will.retained = order["will"]["retain"] ? 1 : 0;
    options.will = &will;
  }
  code = MQTTAsync_connect(client, &options);
  if (code != MQTTASYNC_SUCCESS) fail(order, MQTTAsync_strerror(code) != nullptr ? MQTTAsync_strerror(code) : std::to_string(code));
}

bool holds_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

void publish(const Json& order) {
  const std::string topic = order["topic"];
  if (holds_nul(topic)) return fail(order, "a C string cannot hold it");
  const std::string payload = adapter::bytes(order["payload"]);
  MQTTAsync_responseOptions options = answer_to(order, "published");
  check(MQTTAsync_send(client, topic.c_str(), static_cast<int>(payload.size()), payload.data(), order["qos"], order["retain"] ? 1 : 0, &options),
        order, options);
}

void subscribe(const Json& order) {
  std::vector<std::string> filters;
  std::vector<int> qos;
  for (const Json& each : order["filters"]) filters.push_back(each["filter"]), qos.push_back(each["qos"]);
  std::vector<char*> all;
  for (std::string& each : filters) {
    if (holds_nul(each)) return fail(order, "a C string cannot hold it");
    all.push_back(each.data());
  }
  MQTTAsync_responseOptions options = answer_to(order, "subscribed");
  if (all.size() == 1) check(MQTTAsync_subscribe(client, all[0], qos[0], &options), order, options);
  else check(MQTTAsync_subscribeMany(client, static_cast<int>(all.size()), all.data(), qos.data(), &options), order, options);
}

void unsubscribe(const Json& order) {
  std::vector<std::string> filters = order["filters"];
  std::vector<char*> all;
  for (std::string& each : filters) all.push_back(each.data());
  MQTTAsync_responseOptions options = answer_to(order, "unsubscribed");
  check(MQTTAsync_unsubscribeMany(client, static_cast<int>(all.size()), all.data(), &options), order, options);
}

void disconnect(const Json&) {
  MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
  options.onSuccess = [](void*, MQTTAsync_successData*) { say("disconnected"); };
  MQTTAsync_disconnect(client, &options);
}

}  // namespace

int main() {
  std::string version;
  for (MQTTAsync_nameValue* each = MQTTAsync_getVersionInfo(); each->name != nullptr; ++each)
    if (std::string{each->name} == "Version") version = each->value;
  say("hello", {{"name", "paho-c"}, {"version", version}, {"kind", "mqtt"}, {"qos", {0, 1, 2}}, {"persistent_session", true},
                {"reconnects", true}, {"queues", true}, {"will", true}});
  adapter::run({{"connect", connect}, {"publish", publish}, {"subscribe", subscribe}, {"unsubscribe", unsubscribe}, {"disconnect", disconnect}});
}
