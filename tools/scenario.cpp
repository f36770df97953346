// Scenarios as JSON. Each shape below tells the fields of one object; with it that object is read,
// written and described in the schema.
#include "tools/scenario.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "model/broker_rules.hpp"
#include "model/hub/router.hpp"
#include "tools/field.hpp"
#include "tools/mix.hpp"
#include "tools/quantity.hpp"
#include "tools/scenario_fields.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using Unit = Fields::Unit;
constexpr std::array<std::string_view, 3> profile_names{"iot-hub-2017", "iot-hub-2026", "mqtt-3.1.1"};
constexpr std::size_t most_nodes = 1'000'000;
constexpr sim::Duration longest_idle = std::chrono::hours{24 * 20};  // twice that, in ms, is a number of 32 bits

// --- Paths and disks ---

void path(Fields& f, sim::PathSettings& path) {
  f.distribution("latency", "how long a packet travels", path.latency, Unit::time);
  f.loss("loss", "how many packets are lost", path.loss);
  f.ratio("duplicate", "how many packets arrive twice", path.duplicate);
  f.ratio("reorder", "how many packets are held back, so that others overtake them", path.reorder);
  f.distribution("reorder_delay", "how long those are held back", path.reorder_delay, Unit::time);
  f.size("bytes_per_second", "bandwidth; 0: no limit", path.bandwidth.bytes_per_second, {});
  f.size("queue_bytes", "what would wait for the line beyond it is lost", path.bandwidth.queue_bytes, {});
}

void disk(Fields& f, sim::DiskSettings& disk) {
  f.distribution("sync_latency", "how long a sync takes", disk.sync_latency, Unit::time);
  f.size("capacity", "bytes that the disk can hold", disk.capacity, {});
}

void optional_path(Fields& f, std::string_view about, std::optional<sim::PathSettings>& value) {
  f.optional("path", value, [&](sim::PathSettings& inner) {
    f.object("path", about, inner, sim::PathSettings{}, path);
  });
}

void distribution(Fields& f, std::string_view key, std::string_view about,
                  std::optional<sim::Distribution>& value) {
  f.optional(key, value,
             [&](sim::Distribution& inner) { f.distribution(key, about, inner, Unit::time); });
}

void duration(Fields& f, std::string_view key, std::string_view about,
              std::optional<sim::Duration>& value) {
  f.optional(key, value, [&](sim::Duration& inner) { f.duration(key, about, inner, {}); });
}

// --- The hub ---

void hub(Fields& f, model::HubRules& hub) {
  using Names2 = std::array<std::string_view, 2>;
  using Names3 = std::array<std::string_view, 3>;
  constexpr Fields::Span positive{1ns};
  f.choice("delivery_count_rule", "what counts as a delivery [C2D-17]", hub.delivery_count_rule,
           Names2{"every_return_2017", "abandon_only_2026"});
  f.choice("retain_property_name", "the property that RETAIN becomes [MQTT-21]",
           hub.retain_property_name, Names2{"x-opt-retain", "mqtt-retain"});
  f.choice("mqtt_qos0_settle", "a QoS 0 delivery is complete when written, or stays locked [C2D-31]",
           hub.mqtt_qos0_settle, Names2{"complete_on_write", "keep_locked"});
  f.choice("mqtt_presub_messages", "messages queued before the subscription [MQTT-30..32]",
           hub.mqtt_presub_messages,
           Names3{"deliver_on_connack", "after_subscribe", "reject_older"});
  f.choice("lock_on_disconnect", "what becomes of the locks of a lost connection [C2D-15]",
           hub.lock_on_disconnect, Names2{"release", "hold"});
  f.choice("invalid_expiry", "an expiry in the past or too far away [OPEN-07]", hub.invalid_expiry,
           Names3{"refuse", "accept_and_expire", "cap"});
  f.choice("qos2_publish", "the answer to a QoS 2 publish [H-10]", hub.qos2_publish,
           Names2{"close", "puback"});
  f.choice("bad_topic", "the answer to a publish on a topic that is not served [H-14]", hub.bad_topic,
           Names2{"close", "ack"});
  f.choice("bad_filter", "the answer to a filter that is not served [H-15]", hub.bad_filter,
           Names3{"close", "0x80", "accept"});
  f.choice("filter_over_limit", "the answer to a filter too many [H-16]", hub.filter_over_limit,
           Names2{"close", "0x80"});
  f.choice("over_size", "the answer to a message that is too large [H-19]", hub.over_size,
           Names2{"close", "ack_and_drop"});
  f.choice("access", "does the hub ask devices for credentials?", hub.access, Names2{"open", "verified"});
  f.flag("device_sas", "devices may use tokens of their keys [SEC-23]", hub.device_sas);
  f.flag("cuts_expired", "a live connection ends with its token [SEC-17, SEC-18]", hub.cuts_expired);
  f.flag("cuts_rotated", "and when the key that signed it is changed", hub.cuts_rotated);
  f.flag("feedback_pascal_case", "feedback bodies as in 2017 [FBK-12]", hub.feedback_pascal_case);
  f.flag("resend_while_connected", "resend on a living connection when a lock runs out [H-23]",
         hub.resend_while_connected);
  f.number("partitions", "of the telemetry log [D2C-05]", hub.partitions, {1, 1024});
  f.number("queue_limit", "messages of one device queue [C2D-03]", hub.queue_limit, {1, 1'000'000});
  f.number("max_delivery_count", "then a message is dead-lettered [C2D-18]", hub.max_delivery_count,
           {1, 1'000'000});
  f.number("filter_limit", "subscriptions of a connection [MQTT-36]", hub.filter_limit, {1, 65'535});
  f.number("c2d_window", "unacknowledged publishes to one connection [OPEN-20]", hub.c2d_window,
           {1, 65'535});
  f.number("d2c_size_limit", "bytes of a message from a device [D2C-40]", hub.d2c_size_limit);
  f.number("c2d_size_limit", "bytes of a message to a device [C2D-05]", hub.c2d_size_limit);
  f.number("feedback_batch_limit", "records of a feedback message [FBK-15]", hub.feedback_batch_limit,
           {1, 100'000});
  f.number("feedback_max_delivery_count", "then a feedback message is dropped [FBK-20]",
           hub.feedback_max_delivery_count, {1, 1'000'000});
  f.number("refused_login", "the CONNACK code for an unknown device [H-05]", hub.refused_login, {1, 5});
  f.number("disabled_device", "the CONNACK code for a disabled device [H-05]", hub.disabled_device,
           {1, 5});
  f.duration("tick", "the resolution of the hub's dates", hub.tick, positive);
  f.duration("lock", "how long a delivery is locked [C2D-13]", hub.lock, positive);
  f.duration("default_ttl", "of messages without an expiry [C2D-27]", hub.default_ttl, positive);
  f.duration("max_ttl", "the longest that a sender may ask for [C2D-28]", hub.max_ttl, positive);
  f.duration("retention", "how long telemetry is kept [D2C-31]", hub.retention, positive);
  f.duration("feedback_batch", "a batch leaves after so long [FBK-15]", hub.feedback_batch, positive);
  f.duration("feedback_ttl", "of feedback messages [FBK-19]", hub.feedback_ttl, positive);
  f.duration("feedback_lock", "how long a feedback message is locked [FBK-19]", hub.feedback_lock,
             positive);
  f.duration("keep_alive_cap", "the longest silence of a connection [MQTT-15]", hub.keep_alive_cap,
             positive);
  f.duration("amqp_idle", "announced: such a silence of a peer, twice, ends its AMQP connection [AMQP-14]",
             hub.amqp.idle, {1s, longest_idle});
  f.duration("connect_deadline", "a connection must say CONNECT within it [H-30]", hub.connect_deadline,
             positive);
  f.duration("sas_grace", "how long after its end a token opens a connection [SEC-15]", hub.sas_grace, {});
  f.duration("sas_grace_live", "and keeps one [SEC-16]", hub.sas_grace_live, {});
  f.duration("sync_patience", "a sync that takes longer: the storage is dead", hub.sync_patience,
             positive);
  f.number("journal_copies", "files that hold each record; of two, each heals the other",
           hub.journal_copies, {1, 2});
  f.duration("routing_checkpoint", "so far the journal may be behind routing: a crash repeats it [D2C-10]",
             hub.routing_checkpoint, {});
  f.number("journal_segment", "bytes after which a new file of the journal begins, at least",
           hub.journal_segment, {1});
}

void route(Fields& f, model::Route& route) {
  f.text("name", "of the route", route.name);
  f.need("name");
  f.text("condition", "on the properties of a message; absent: true", route.condition);
  f.text("endpoint", "where matching messages go; absent: the built-in one, events", route.endpoint);
}

void limit(Fields& f, model::LimitTerms& terms) {
  f.number("per_minute", "requests; 0: no limit [QUO-09]", terms.per_minute, {0, 100'000'000});
  f.number("burst", "the allowance: so many are served at once after a quiet time [QUO-11]", terms.burst,
           {0, 100'000'000});
  f.number("queue", "so many may wait; further ones are refused [QUO-11]", terms.queue, {0, 100'000'000});
  if (f.reading() && terms.per_minute > 0 && terms.burst == 0)
    f.problem("burst", "expected 1 or more where there is a limit, found 0");
}

void quotas(Fields& f, model::QuotaRules& quota) {
  f.choice("tier", "whose figures the others begin with [QUO-01..08]", quota.tier, model::tier_names);
  f.number("units", "of the hub: limits grow with them [QUO-09]", quota.units, {1, 200});
  if (f.reading()) {
    if (quota.units > model::most_units(quota.tier) && quota.tier != model::Tier::none)
      f.problem("units", "expected at most " + std::to_string(model::most_units(quota.tier)) +
                             " of this tier, found " + std::to_string(quota.units));
  }
  // What is not said is as the tier has it, so what differs from that is written, also where it is nothing.
  const model::QuotaRules figures = model::quotas_of(quota.tier, quota.units);
  if (f.reading()) {
    quota.limits = figures.limits;
    quota.per_day = figures.per_day;
    quota.chunk = figures.chunk;
  } else {
    if (quota.per_day != figures.per_day) f.keep("per_day");
    if (quota.chunk != figures.chunk) f.keep("chunk");
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, model::limit_count> limits{{
      {"connections", "new connections of devices [QUO-04]"},
      {"telemetry", "sends of devices [QUO-05]"},
      {"commands", "sends of back ends [QUO-06]"},
      {"receives", "of devices that speak HTTP [HTTP-19]"},
      {"registry", "operations [QUO-08]"},
  }};
  for (std::size_t i = 0; i < limits.size(); ++i)
    f.object(limits[i].first, limits[i].second, quota.limits[i], figures.limits[i], limit);
  f.number("per_day", "chunks of messages until midnight, UTC; 0: no quota [QUO-01]", quota.per_day);
  f.number("chunk", "bytes that count as one message [QUO-02]", quota.chunk, {1, 1'048'576});
}

void hub_with_routes(Fields& f, model::HubRules& rules) {
  hub(f, rules);
  f.object("quotas", "what the hub takes of its tier; absent: all [QUO-01..13]", rules.quota,
           model::QuotaRules{}, quotas);
  f.object("routing", "where telemetry goes; absent: to the built-in endpoint [D2C-19..23]", rules.routing,
           model::Routing{}, routing_fields);
}

// The judge reckons where a message must go when it is sent: it cannot wait for the hub's clock.
void check_conditions(Fields& f, const model::Routing& routing) {
  for (std::size_t at = 0; at < routing.routes.size(); ++at) {
    const auto parsed = model::Condition::parse(routing.routes[at].condition);
    const auto* condition = std::get_if<model::Condition>(&parsed);
    if (condition != nullptr && condition->asks_for("enqueuedTime"))
      f.problem("hub/routing/routes/" + std::to_string(at) + "/condition",
                "a scenario's conditions cannot ask for $enqueuedTime");
  }
}

// A back end reads one endpoint, in all of its partitions.
void check_endpoint(Fields& f, const model::HubRules& hub, std::size_t service,
                    model::ServiceSettings& settings) {
  settings.partitions = hub.partitions;
  const model::Terms terms = [&] {
    model::Rules rules;
    rules.hub.routing = hub.routing;
    return model::terms(rules);
  }();
  const std::string_view wanted = settings.endpoint.empty() ? model::builtin_endpoint : settings.endpoint;
  const auto found = std::ranges::find(terms.endpoints, wanted);
  if (found != terms.endpoints.end())
    settings.endpoints = static_cast<std::uint16_t>(1U << (found - terms.endpoints.begin()));
  else if (wanted != model::builtin_endpoint)
    f.problem("services/" + std::to_string(service) + "/endpoint",
              "no endpoint with routes is called \"" + settings.endpoint + "\"; see \"routing\" of \"hub\"");
}

// --- Devices ---

// Where messages follow each other in no time, a run would never end.
void pace(Fields& f, const std::optional<sim::Distribution>& every) {
  constexpr sim::Duration least = std::chrono::milliseconds{1};
  if (!f.reading() || !every) return;
  const sim::Duration usual = every->kind == sim::Distribution::Kind::heavy ? every->low : every->high;
  if (usual < least)
    f.problem("every", "expected 1ms or more, found at most " + write_duration(usual) +
                           "; with several messages at once, say so by \"burst\"");
}

void telemetry(Fields& f, TelemetryLoad& load) {
  distribution(f, "every", "from one message, or burst, to the next; absent: none is sent", load.every);
  pace(f, load.every);
  f.times("at", "when a message, or burst, is sent: then \"every\" does not count", load.at);
  f.distribution("body", "bytes of a message's body", load.body, Unit::bytes);
  f.number("properties", "application properties of a message", load.properties, {0, 100});
  f.number("burst", "messages at once", load.burst, {1, 100'000});
  f.duration("from", "the first message comes after it", load.from, {});
  duration(f, "until", "no message comes after it; absent: the scenario's duration", load.until);
}

void sleep(Fields& f, SleepCycle& cycle) {
  f.distribution("awake", "how long the device is connected", cycle.awake, Unit::time);
  f.distribution("asleep", "how long it then is not", cycle.asleep, Unit::time);
  f.need("awake");
  f.need("asleep");
}

void device_settings(Fields& f, DeviceGroup& group) {
  model::DeviceSettings& settings = group.settings;
  constexpr Fields::Span positive{1ns};
  f.choice_or_mix("protocol", "of the devices' connections; of a mix, such as {\"mqtt\": 3, \"amqp\": 1}, "
                              "each device draws one", settings.protocol, group.protocols,
                  std::array<std::string_view, 3>{"mqtt", "http", "amqp"});
  f.choice_or_mix("transport", "of MQTT and AMQP: TCP, or a WebSocket of the hub's HTTP door; may be a mix",
                  settings.transport, group.transports,
                  std::array<std::string_view, 2>{"tcp", "websocket"});
  f.duration("keep_alive", "of MQTT, in whole seconds; 0s: none", settings.keep_alive, {0s, 65'535s});
  if (settings.keep_alive % 1s != 0s) f.problem("keep_alive", "expected whole seconds");
  f.flag("clean_session", "CleanSession 1", settings.clean_session);
  f.flag("durable_outbox", "messages wait on the device's disk, not in its memory",
         settings.durable_outbox);
  f.number("window", "unacknowledged messages that were sent", settings.window, {1, 65'535});
  f.number("batch", "most messages of one request (HTTP only)", settings.batch, {1, 500});
  f.number("outbox_limit", "messages that can wait; one more fails", settings.outbox_limit,
           {1, 10'000'000});
  f.number("telemetry_qos", "QoS of telemetry", settings.telemetry_qos, {0, 1});
  f.flag("receives_commands", "subscribes to its cloud-to-device filter, or polls", settings.receives_commands);
  f.number("command_qos", "QoS of that subscription", settings.command_qos, {0, 1});
  f.flag("will", "leaves a will", settings.has_will);
  f.duration("back_off_first", "from a failed connection to the next try", settings.back_off_first,
             positive);
  f.duration("back_off_max", "doubled up to this", settings.back_off_max, positive);
  f.share("back_off_jitter", "of the wait, taken off by chance", settings.back_off_jitter_percent, 100);
  f.duration("connect_patience", "without a CONNACK", settings.connect_patience, positive);
  f.duration("ack_patience", "without a PUBACK or PINGRESP: cut and connect again",
             settings.ack_patience, positive);
  f.choice("shows", "when it connects: a token if the hub verifies, nothing, always a token; or, as an "
                    "impostor, a token that nobody's key signed, or another device's", group.shows,
           std::array<std::string_view, 5>{"what_is_asked", "nothing", "token", "forged", "stolen"});
  f.duration("token_life", "from the making of a token to its expiry", settings.token_life, positive);
  f.duration("token_renewal", "from the making of a token to a new connection with the next one; 0s: never",
             settings.token_renewal, {});
  f.distribution("handling", "from the receipt of a command to its settling", group.handling, Unit::time);
  f.share("rejects", "of commands (not over MQTT)", settings.reject_per_mille, 1000);
  f.share("abandons", "of commands (not over MQTT)", settings.abandon_per_mille, 1000);
  f.share("ignores", "of commands: they are never settled", settings.ignore_per_mille, 1000);
  f.duration("poll", "HTTP: between receives when there was nothing", settings.poll, positive);
  if (settings.reject_per_mille + settings.abandon_per_mille + settings.ignore_per_mille > 1000)
    f.problem("", "\"rejects\", \"abandons\" and \"ignores\" together are more than 1");
  using enum model::DeviceSettings::Protocol;
  if (!may_speak(group, http) && !may_speak(group, amqp) &&
      settings.reject_per_mille + settings.abandon_per_mille > 0)
    f.problem("", "MQTT can neither reject nor abandon; \"protocol\": \"http\" and \"amqp\" can");
  if (!may_speak(group, http) && settings.batch > 1)
    f.problem("batch", "only \"protocol\": \"http\" has batches");
  if (!may_speak(group, mqtt) && settings.durable_outbox)
    f.problem("durable_outbox", "devices that speak HTTP or AMQP keep their messages in memory");
  if (!may_speak(group, mqtt) && !may_speak(group, http) && settings.has_will)
    f.problem("will", "AMQP knows no wills");
  const bool websocket = !group.transports.empty() ||
                         settings.transport == model::DeviceSettings::Transport::websocket;
  if (!may_speak(group, mqtt) && !may_speak(group, amqp) && websocket)
    f.problem("transport", "only MQTT and AMQP go over a WebSocket; HTTP does not");
}

void device_group(Fields& f, DeviceGroup& group) {
  f.text("name", "of the device; with {} for the number when there are several: \"d{}\"", group.name);
  f.need("name");
  if (f.reading() && f.given("name") && group.name.empty())
    f.problem("name", "\"\" cannot be a name; use letters, digits and - _ . :, with {} for the number");
  f.number("count", "how many devices", group.count, {1, most_nodes});
  f.text("twin_of", "another group of as many, told before: the n-th of both share one id and push "
                    "each other out", group.twin_of);
  device_settings(f, group);
  f.object("telemetry", "what the devices send", group.telemetry, TelemetryLoad{}, telemetry);
  f.optional("sleep", group.sleep, [&](SleepCycle& inner) {
    f.object("sleep", "disconnecting by intent, and coming back", inner, SleepCycle{}, sleep);
  });
  optional_path(f, "to and from the hub, where it differs from the scenario's network", group.path);
  f.distribution("start", "when a device starts first", group.start, Unit::time);
  const bool impostor = group.shows == Shows::forged || group.shows == Shows::stolen;
  if (f.reading() && impostor && (group.telemetry.every || !group.telemetry.at.empty()))
    f.problem("telemetry", "an impostor is never let in, so nothing that it sends can be owed: leave it out");
  f.distribution("memory_loss", "every so often the device restarts and forgets its memory; 0s: never",
                 group.memory_loss, Unit::time);
}

// --- Clients of a plain broker ---

void publish_load(Fields& f, PublishLoad& load) {
  f.text("topic", "where to; {} is the client's number in its group", load.topic);
  f.number("qos", "of the messages", load.qos, {0, 2});
  f.flag("retain", "with RETAIN", load.retain);
  f.distribution("every", "from one message, or burst, to the next", load.every, Unit::time);
  if (f.reading() && f.given("every")) pace(f, load.every);
  f.distribution("body", "bytes of a payload, which begins with a key of its own", load.body, Unit::bytes);
  f.number("burst", "messages at once", load.burst, {1, 100'000});
  f.duration("from", "the first message comes after it", load.from, {});
  duration(f, "until", "no message comes after it; absent: the scenario's duration", load.until);
  f.need("topic");
  f.need("every");
  if (f.reading() && f.given("topic") && !model::topic_is_valid(load.topic))
    f.problem("topic", "\"" + load.topic + "\" is no topic name: at least one character, none of + and #");
}

void filter_shape(Fields& f, model::TopicSettings::Subscription& one) {
  f.text("filter", "topics, with + and #; {} is the client's number in its group", one.filter);
  f.number("qos", "that is asked for", one.qos, {0, 2});
  f.need("filter");
  if (f.reading() && f.given("filter") && !model::filter_is_valid(one.filter))
    f.problem("filter", "\"" + one.filter + "\" is no topic filter: + fills a level, # stands alone and last");
}

void will_shape(Fields& f, model::TopicSettings::Will& will) {
  f.text("topic", "where to; {} is the client's number in its group", will.topic);
  f.number("qos", "of the will", will.qos, {0, 2});
  f.flag("retain", "with RETAIN", will.retain);
  f.need("topic");
  if (f.reading() && f.given("topic") && !model::topic_is_valid(will.topic))
    f.problem("topic", "\"" + will.topic + "\" is no topic name: at least one character, none of + and #");
}

void client_group(Fields& f, ClientGroup& group) {
  model::TopicSettings& settings = group.settings;
  constexpr Fields::Span positive{1ns};
  f.text("name", "of the client; with {} for the number when there are several: \"c{}\"", group.name);
  f.need("name");
  if (f.reading() && f.given("name") && group.name.empty())
    f.problem("name", "\"\" cannot be a name; use letters, digits and - _ . :, with {} for the number");
  f.number("count", "how many clients", group.count, {1, most_nodes});
  f.list("subscribes", "when a session begins", settings.subscriptions, 100, filter_shape);
  f.list("publishes", "what each of them sends", group.publishes, 100, publish_load);
  f.optional("will", settings.will, [&](model::TopicSettings::Will& inner) {
    f.object("will", "left with the broker", inner, model::TopicSettings::Will{}, will_shape);
  });
  f.duration("keep_alive", "in whole seconds; 0s: none", settings.keep_alive, {0s, 65'535s});
  if (settings.keep_alive % 1s != 0s) f.problem("keep_alive", "expected whole seconds");
  f.flag("clean_session", "Clean Session 1", settings.clean_session);
  f.number("window", "unacknowledged messages that were sent", settings.window, {1, 65'535});
  f.number("outbox_limit", "messages that can wait; one more is dropped", settings.outbox_limit, {1, 10'000'000});
  f.duration("back_off_first", "from a failed connection to the next try", settings.back_off_first, positive);
  f.duration("back_off_max", "doubled up to this", settings.back_off_max, positive);
  f.share("back_off_jitter", "of the wait, taken off by chance", settings.back_off_jitter_percent, 100);
  f.duration("connect_patience", "without a CONNACK", settings.connect_patience, positive);
  f.duration("ack_patience", "without an answer: cut and connect again", settings.ack_patience, positive);
  f.optional("sleep", group.sleep, [&](SleepCycle& inner) {
    f.object("sleep", "disconnecting by intent, and coming back", inner, SleepCycle{}, sleep);
  });
  optional_path(f, "to and from the broker, where it differs from the scenario's network", group.path);
  f.distribution("start", "when a client starts first", group.start, Unit::time);
}

// --- Services ---

void command_load(Fields& f, CommandLoad& load) {
  distribution(f, "every", "from one command, or burst, to the next", load.every);
  pace(f, load.every);
  f.times("at", "when a command, or burst, is sent: then \"every\" does not count", load.at);
  if (load.at.empty()) f.need("every");
  f.text("to", "devices; one is drawn each time", load.to);
  distribution(f, "ttl", "the sender's expiry; absent: the hub's default", load.ttl);
  f.choice("ack", "the feedback that is asked for", load.ack,
           std::array<std::string_view, 4>{"none", "positive", "negative", "full"});
  f.distribution("body", "bytes of a command's body", load.body, Unit::bytes);
  f.number("properties", "application properties of a command", load.properties, {0, 100});
  f.number("burst", "commands to one device at once", load.burst, {1, 100'000});
  f.duration("from", "the first command comes after it", load.from, {});
  duration(f, "until", "no command comes after it; absent: the scenario's duration", load.until);
}

void registry_event(Fields& f, RegistryEvent& event) {
  constexpr std::array<std::string_view, 4> names{"purge", "recreate", "disable", "rotate"};
  auto which = static_cast<std::size_t>(event.what);
  f.variant("one thing done to one device", names, which, [&](Fields& inner, std::size_t kind) {
    event.what = static_cast<RegistryWork>(kind);
    inner.text(names[kind], "the device", event.device);
    inner.duration("at", "when", event.at, {});
    inner.need("at");
    if (event.what == RegistryWork::disable)
      inner.duration("for", "it is enabled after it", event.disabled_for, {});
    if (event.what == RegistryWork::rotate)
      inner.duration("told_after", "the device knows its new key after it", event.disabled_for, {});
  });
}

void registry_load(Fields& f, RegistryLoad& load) {
  distribution(f, "purge", "every so often the queue of a device is purged", load.purge);
  distribution(f, "recreate", "every so often a device is deleted and created again", load.recreate);
  distribution(f, "disable", "every so often a device is disabled", load.disable);
  f.distribution("disabled_for", "and enabled after it", load.disabled_for, Unit::time);
  distribution(f, "rotate", "every so often a device gets a new primary key", load.rotate);
  f.distribution("told_after", "and knows it after it, as does one that was created again", load.told_after,
                 Unit::time);
  f.text("to", "devices; one is drawn each time", load.to);
  f.list("events", "besides, at known times", load.at, 10'000, registry_event);
}

void service(Fields& f, ServiceNode& node) {
  constexpr Fields::Span positive{1ns};
  model::ServiceSettings& settings = node.settings;
  f.text("name", "of the node", node.name);
  f.flag("reads_telemetry", "reads all partitions, with checkpoints on a disk of its own", settings.reads_telemetry);
  f.text("group", "its consumer group", settings.group);
  f.text("endpoint", "whose events it reads; absent: the built-in one, events", settings.endpoint);
  f.number("read_limit", "events of one read", settings.read_limit, {1, 10'000});
  f.duration("read_wait", "how long a read waits for events", settings.read_wait, {});
  f.duration("read_pause", "between reads: a slow consumer", settings.read_pause, {});
  f.number("checkpoint_every", "events of a partition", settings.checkpoint_every, {1, 1'000'000});
  f.flag("reads_feedback", "receives and settles feedback", settings.reads_feedback);
  f.duration("feedback_wait", "how long that waits", settings.feedback_wait, {});
  f.share("abandons_feedback", "of feedback messages", settings.abandon_feedback_per_mille, 1000);
  f.duration("idle", "it announces as AMQP's idle-time-out: half of it lies between two frames of the hub [AMQP-14]",
             settings.idle, {1s, longest_idle});
  f.duration("request_patience", "without an answer: cut, and the outcome is unknown",
             settings.request_patience, positive);
  f.duration("back_off_first", "from a failed connection to the next try", settings.back_off_first,
             positive);
  f.duration("back_off_max", "doubled up to this", settings.back_off_max, positive);
  f.share("back_off_jitter", "of the wait, taken off by chance", settings.back_off_jitter_percent, 100);
  f.list("commands", "what it sends to devices", node.commands, 10'000, command_load);
  f.object("registry", "what it does to devices", node.registry, RegistryLoad{}, registry_load);
  optional_path(f, "to and from the hub, where it differs from the scenario's network", node.path);
}

// --- Faults ---

bool same_single_node(const sim::Fault& fault) {
  return fault.nodes.size() == 1 && fault.nodes == fault.peers;
}

// The key that names the fault holds its main figure, or the nodes where it has none.
void fault_kind(Fields& f, sim::Fault& fault) {
  using enum sim::FaultKind;
  const std::string_view key = sim::name(fault.kind);
  const Among among = sim::family(fault.kind) == sim::Family::disk ? Among::with_disk : Among::all;
  const auto hit = [&](std::string_view about) { f.nodes(key, about, fault.nodes, among); };
  const auto on_nodes = [&] { f.nodes("nodes", "who is hit; absent: every node", fault.nodes, among); };
  switch (fault.kind) {
    case drop: f.loss(key, "how many packets are lost", fault.loss); break;
    case delay: f.distribution(key, "added to every packet", fault.duration, Unit::time); break;
    case duplicate:
      f.ratio(key, "how many packets arrive twice", fault.odds);
      f.distribution("after", "the first, comes the second", fault.duration, Unit::time);
      break;
    case reorder:
      f.ratio(key, "how many packets are held back", fault.odds);
      f.distribution("held", "for so long", fault.duration, Unit::time);
      break;
    case corrupt: f.ratio(key, "how many packets change on the way", fault.odds); break;
    case bandwidth:
      f.size(key, "bytes per second for all that the fault covers", fault.bandwidth.bytes_per_second,
             {1});
      f.size("queue_bytes", "what would wait beyond it is lost", fault.bandwidth.queue_bytes, {});
      break;
    case partition: hit("cut off from `peers`"); break;
    case reset: hit("both ends of their connections get RST"); break;
    case half_open: hit("their connections fall silent for ever; new ones work"); break;
    case dns_failure: hit("look up the hub and find nothing"); break;
    case connect_refusal: hit("their connects are refused"); break;
    case crash: hit("go down, host and all, and up again at `until`"); break;
    case process_crash: hit("go down; the host lives on and answers with RST"); break;
    case crash_loop:
      hit("go up and down");
      f.distribution("up", "for so long", fault.gap, Unit::time);
      f.distribution("down", "for so long", fault.duration, Unit::time);
      f.need("up");
      f.need("down");
      break;
    case restart: hit("go down and up again at once"); break;
    case pause: hit("do nothing, and then go on"); break;
    case slow: f.duration(key, "each call of the program takes so long", fault.amount, {1ns}); break;
    case boot_offset: f.date(key, "what the wall clock shows then, and at each start", fault.wall); break;
    case step:
      f.duration(key, "the wall clock jumps by it", fault.amount, {-longest_duration, longest_duration});
      break;
    case drift: f.ppm(key, "parts per million that the clocks run fast", fault.ppm); break;
    case slew:
      f.duration(key, "the wall clock glides by it", fault.amount,
                 {-longest_duration, longest_duration});
      f.ppm("ppm", "how fast it glides", fault.ppm);
      f.need("ppm");
      if (f.reading() && f.given("ppm") && fault.ppm <= 0)
        f.problem("ppm", "a rate cannot be " + std::to_string(fault.ppm) + "; the sign is the amount's");
      break;
    case torn_write: hit("a crash leaves garbage in the last block"); break;
    case sync_error: f.ratio(key, "how many syncs fail", fault.odds); break;
    case disk_full: hit("cannot append to their disks"); break;
    case slow_disk: f.distribution(key, "added to each sync", fault.duration, Unit::time); break;
    case bit_rot:
      hit("one bit of one file flips");
      f.number("file_mask", "of the files (number & file_mask) == file_value", fault.file_mask);
      f.number("file_value", "see file_mask", fault.file_value);
      break;
    case never_answers: hit("get no answer to a sync until the fault is over"); break;
    case sleep_cycle:
      hit("hear and say nothing but for the first `awake` of each `period`");
      f.duration("awake", "of each period", fault.awake, {});
      f.duration("period", "from one waking to the next", fault.period, {1ns});
      f.need("awake");
      f.need("period");
      if (f.given("awake") && f.given("period") && fault.awake >= fault.period && fault.period > 0s)
        f.problem("awake", "a node that is awake for " + write_duration(fault.awake) + " of every " +
                               write_duration(fault.period) + " never sleeps");
      break;
    case hand_over: hit("hear and say nothing for a while; connections go on"); break;
  }
  const bool names_nodes =
      fault.kind == drop || fault.kind == delay || fault.kind == duplicate || fault.kind == reorder ||
      fault.kind == corrupt || fault.kind == bandwidth || fault.kind == slow ||
      fault.kind == boot_offset || fault.kind == step || fault.kind == drift || fault.kind == slew ||
      fault.kind == sync_error || fault.kind == slow_disk;
  if (names_nodes) on_nodes();
  if (sim::family(fault.kind) == sim::Family::network) {
    f.nodes("peers", "the other end; absent: every node", fault.peers, Among::all);
    f.flag("one_way", "only packets from the nodes to the peers", fault.one_way);
    if (same_single_node(fault))
      f.problem("peers", "a node cannot be " + std::string{fault.kind == partition ? "cut off" : "away"} +
                             " from itself");
  }
}

void instant(Fields& f, std::string_view key, std::string_view about, sim::Instant& value) {
  sim::Duration since = value - sim::Instant{};
  f.duration(key, about, since, {});
  value = sim::Instant{} + since;
}

// When: within the time before heal.
void when(Fields& f, sim::Instant& from, sim::Instant& until, bool has_end, sim::Duration duration) {
  instant(f, "from", "when it begins; absent: at once", from);
  if (has_end) instant(f, "until", "when it ends; absent: at the scenario's duration", until);
  if (!f.reading() || duration == 0s) return;
  const sim::Instant heal = sim::Instant{} + duration;
  if (has_end && !f.given("until")) until = heal;
  if (from >= heal) {
    f.problem("from", "begins when the scenario's duration, " + write_duration(duration) +
                          ", is over and all faults are healed");
  } else if (has_end && f.given("until") && until <= from) {
    f.problem("until", "ends at " + write_duration(until - sim::Instant{}) +
                           ", but does not begin before " + write_duration(from - sim::Instant{}));
  }
  if (has_end && until > heal)
    f.problem("until", "ends after the scenario's duration, " + write_duration(duration) +
                           ", when all faults are healed");
}

void fault(Fields& f, sim::Fault& fault, sim::Duration duration) {
  auto which = static_cast<std::size_t>(fault.kind);
  f.variant("what, whom and when", sim::fault_names, which, [&](Fields& inner, std::size_t kind) {
    fault.kind = static_cast<sim::FaultKind>(kind);
    fault_kind(inner, fault);
    when(inner, fault.from, fault.until, lasts(fault.kind), duration);
  });
}

void menu(Fields& f, sim::Menu& menu, std::size_t nodes) {
  auto which = static_cast<std::size_t>(menu.like.kind);
  f.variant("one kind of fault that may be drawn", sim::fault_names, which,
            [&](Fields& inner, std::size_t kind) {
    menu.like.kind = static_cast<sim::FaultKind>(kind);
    // In JSON the nodes are those who may be hit; at_once 0 stands for all of them at a time.
    if (!menu.among.empty()) menu.like.nodes = menu.among;
    fault_kind(inner, menu.like);
    std::uint32_t at_once = menu.among.empty() ? 0 : menu.at_once;
    if (inner.reading() && !inner.given("at_once")) at_once = 1;
    inner.number("at_once", "at most so many of the nodes by one fault; 0: always all; absent: 1",
                 at_once, {0, most_nodes});
    if (at_once == 0) inner.keep("at_once");
    inner.distribution("gap", "from the end of one to the next", menu.gap, Unit::time);
    inner.need("gap");
    if (lasts(menu.like.kind)) {
      inner.distribution("length", "how long one lasts", menu.length, Unit::time);
      inner.need("length");
    }
    inner.number("at_most", "so many in a run", menu.at_most, {1, 10'000});
    if (at_once == 0) {
      menu.among.clear();
      menu.at_once = 1;
      return;
    }
    menu.at_once = at_once;
    menu.among = std::move(menu.like.nodes);
    menu.like.nodes.clear();
    for (std::size_t node = 0; menu.among.size() <= node && node < nodes; ++node)  // every node
      menu.among.push_back(static_cast<sim::NodeId>(node));
  });
}

constexpr std::array<std::string_view, 5> family_names{"network", "process", "clock", "disk", "radio"};

void families(Fields& f, std::map<sim::Family, sim::Ratio>& families) {
  for (std::size_t at = 0; at < family_names.size(); ++at) {
    const auto family = static_cast<sim::Family>(at);
    std::optional<sim::Ratio> ratio;
    if (const auto found = families.find(family); found != families.end()) ratio = found->second;
    f.optional(family_names[at], ratio, [&](sim::Ratio& inner) {
      f.ratio(family_names[at], "how often this family takes part in a run; absent: always", inner);
    });
    if (ratio) families[family] = *ratio;
  }
}

void nemesis(Fields& f, sim::NemesisSpec& spec, sim::Duration duration, std::size_t nodes) {
  when(f, spec.from, spec.until, true, duration);
  f.object("families", "whole families are left out of some runs", spec.families, {}, families);
  f.list("menu", "the faults that may be drawn", spec.menu, 100,
         [nodes](Fields& inner, sim::Menu& one) { menu(inner, one, nodes); });
  f.need("menu");
}

// --- The whole ---

// Who takes part, from groups and services that may be wrong: then it says so.
Cast checked_cast(const Scenario& scenario,
                  const std::function<void(std::string, std::string)>& complain) {
  Cast cast;
  std::set<std::string, std::less<>> taken;
  const auto add = [&](std::string name, bool disk) {
    const bool fresh = taken.insert(name).second;
    cast.names.push_back(std::move(name));
    cast.has_disk.push_back(disk);
    return fresh;
  };
  const auto group = [&](std::string pattern, std::size_t count) {
    cast.groups.push_back({std::move(pattern), cast.names.size(), count});
  };
  group("hub", 1);
  add("hub", true);
  for (std::size_t at = 0; at < scenario.services.size(); ++at) {
    const std::string& name = scenario.services[at].name;
    const std::string where = "services/" + std::to_string(at) + "/name";
    if (!is_name(name))
      complain(where, "\"" + name + "\" cannot be a name; use letters, digits and - _ . :");
    group(name, 1);
    if (!add(name, true)) complain(where, "another node is called \"" + name + "\"");
  }
  cast.devices_begin = cast.names.size();
  std::map<std::string_view, const DeviceGroup*> before;
  for (std::size_t at = 0; at < scenario.devices.size(); ++at) {
    const DeviceGroup& devices = scenario.devices[at];
    const std::string where = "devices/" + std::to_string(at);
    const std::size_t braces = devices.name.find("{}");
    const std::string head = devices.name.substr(0, braces);
    const std::string tail = braces == std::string::npos ? "" : devices.name.substr(braces + 2);
    if (devices.name.empty()) continue;  // told as missing
    if (!is_name(head + "0" + tail)) {
      complain(where + "/name", "\"" + devices.name + "\" cannot be a name; use letters, digits and "
                                "- _ . :, with {} for the number");
      continue;
    }
    if (braces == std::string::npos && devices.count > 1) {
      complain(where + "/name", "\"" + devices.name + "\" is one name for " +
                                    std::to_string(devices.count) +
                                    " devices; put {} where the number goes");
      continue;
    }
    if (cast.names.size() + devices.count > most_nodes) {
      complain(where + "/count", "more than " + std::to_string(most_nodes) + " nodes");
      break;
    }
    if (!devices.twin_of.empty()) {
      const auto other = before.find(devices.twin_of);
      if (other == before.end()) {
        complain(where + "/twin_of", "no group told before this one is called \"" + devices.twin_of + "\"");
      } else if (other->second->count != devices.count) {
        complain(where + "/twin_of", "twins need the same count: " + std::to_string(devices.count) +
                                         " here, " + std::to_string(other->second->count) + " there");
      } else if (!other->second->twin_of.empty()) {
        complain(where + "/twin_of", "\"" + devices.twin_of + "\" is itself a twin");
      }
    }
    group(devices.name, devices.count);
    bool fresh = true;
    for (std::uint32_t i = 0; i < devices.count; ++i)
      fresh = add(braces == std::string::npos ? devices.name : head + std::to_string(i) + tail,
                  devices.settings.durable_outbox) &&
              fresh;
    if (!fresh) complain(where + "/name", "another node has a name of \"" + devices.name + "\"");
    before[devices.name] = &devices;
  }
  for (std::size_t at = 0; at < scenario.clients.size(); ++at) {
    const ClientGroup& clients = scenario.clients[at];
    const std::string where = "clients/" + std::to_string(at);
    const std::size_t braces = clients.name.find("{}");
    const std::string head = clients.name.substr(0, braces);
    const std::string tail = braces == std::string::npos ? "" : clients.name.substr(braces + 2);
    if (clients.name.empty()) continue;  // told as missing
    if (!is_name(head + "0" + tail) || (braces == std::string::npos && clients.count > 1)) {
      complain(where + "/name", "\"" + clients.name + "\" cannot be the name of " + std::to_string(clients.count) +
                                    "; use letters, digits and - _ . :, with {} for the number of several");
      continue;
    }
    if (cast.names.size() + clients.count > most_nodes) {
      complain(where + "/count", "more than " + std::to_string(most_nodes) + " nodes");
      break;
    }
    group(clients.name, clients.count);
    for (std::uint32_t i = 0; i < clients.count; ++i)
      if (!add(braces == std::string::npos ? clients.name : head + std::to_string(i) + tail, false))
        complain(where + "/name", "another node has a name of \"" + clients.name + "\"");
  }
  return cast;
}

// Patterns of devices must find some.
void check_targets(Fields& f, const Scenario& scenario, const Cast& cast) {
  const auto check = [&](const std::string& where, const std::string& pattern) {
    for (std::size_t at = cast.devices_begin; at < cast.names.size(); ++at)
      if (matches_name(pattern, cast.names[at])) return;
    f.problem(where, "no device is called \"" + pattern + "\"");
  };
  for (std::size_t at = 0; at < scenario.services.size(); ++at) {
    const ServiceNode& node = scenario.services[at];
    const std::string where = "services/" + std::to_string(at);
    for (std::size_t i = 0; i < node.commands.size(); ++i)
      check(where + "/commands/" + std::to_string(i) + "/to", node.commands[i].to);
    if (node.registry.purge || node.registry.recreate || node.registry.disable)
      check(where + "/registry/to", node.registry.to);
    for (std::size_t i = 0; i < node.registry.at.size(); ++i)
      check(where + "/registry/events/" + std::to_string(i), node.registry.at[i].device);
  }
}

std::string stem(std::string_view file) {
  file.remove_prefix(file.rfind('/') == std::string_view::npos ? 0 : file.rfind('/') + 1);
  return std::string{file.substr(0, file.rfind('.'))};
}

void exhaustive(Fields& f, ExhaustivePlan& plan) {
  f.number("faults", "at most so many on one path", plan.faults, {0, 8});
  f.nodes("connection_loss", "whose connections may be lost, with what is under way on them",
          plan.connection_loss, Among::all);
  f.nodes("silent_loss", "the same, but the hub does not hear of it", plan.silent_loss, Among::all);
  f.nodes("crash", "who may crash", plan.crash, Among::all);
  f.duration("restart_after", "who crashed starts again after it", plan.restart_after, {});
  f.duration("begin", "choices begin then; what went before is connected and at rest", plan.begin, {});
  f.flag("late", "time may pass to the next deadline though something is under way", plan.late);
}

}  // namespace

void routing_fields(Fields& f, model::Routing& routing) {
  f.texts("endpoints", "besides the built-in one, each with a log of its own [D2C-28]", routing.endpoints);
  f.list("routes", "a message goes to the endpoint of each whose condition is true", routing.routes,
         model::most_routes, route);
  f.flag("fallback", "what matches no route goes to the built-in endpoint, or is dropped [D2C-21, D2C-22]",
         routing.fallback);
  if (!f.reading()) return;
  for (const model::RoutingProblem& problem : model::problems(routing)) f.problem(problem.where, problem.what);
}

void fault_fields(Fields& f, sim::Fault& one, sim::Duration duration) { fault(f, one, duration); }

void nemesis_fields(Fields& f, sim::NemesisSpec& spec, sim::Duration duration, std::size_t nodes) {
  nemesis(f, spec, duration, nodes);
}

// Faults name nodes, so the cast is known before them.
void scenario_fields(Fields& f, Scenario& scenario, Cast& cast, std::string_view profile) {
  if (f.purpose() == Fields::Purpose::schema || (f.reading() && f.given("$schema"))) {
    std::string schema;
    f.text("$schema", "for editors: where the schema is", schema);
  }
  f.text("name", "of the scenario; absent: that of the file", scenario.name);
  f.text("reason", "why it exists", scenario.reason);
  auto at = static_cast<std::size_t>(std::ranges::find(profile_names, scenario.rules.profile) -
                                     profile_names.begin());
  f.choice("profile", "what the hub promises", at, profile_names);
  if (f.reading()) scenario.rules = *model::profile(profile.empty() ? profile_names[at] : profile);
  scenario.rules.broker = nullptr;  // devices speak to a hub, with this profile's switches
  const bool plain = profile_names[at] == "mqtt-3.1.1";
  f.object("hub", "switches and figures that differ from the profile's", scenario.rules.hub,
           model::profile(scenario.rules.profile)->hub, hub_with_routes);
  if (f.reading()) check_conditions(f, scenario.rules.hub.routing);
  constexpr Fields::Span ten_years{1ns, 24h * 3650};
  f.duration("duration", "how long faults last; then all is healed", scenario.duration, ten_years);
  f.duration("settle", "liveness is owed within it after that; the run lasts until it is over",
             scenario.settle, ten_years);
  f.need("duration");
  f.need("settle");
  f.object("network", "every path, where a node does not say otherwise", scenario.network,
           sim::PathSettings{}, path);
  f.object("hub_disk", "where the hub's journal lives", scenario.hub_disk, sim::DiskSettings{}, disk);
  f.object("device_disk", "where durable outboxes and the checkpoints of back ends live", scenario.device_disk, sim::DiskSettings{}, disk);
  f.duration("hub_restart", "a hub that halted is started again after it", scenario.hub_restart, {});
  f.list("devices", "groups of devices", scenario.devices, 1000, device_group);
  f.list("services", "back ends", scenario.services, 100, service);
  f.list("clients", "of a plain broker (profile mqtt-3.1.1), which has no devices and back ends", scenario.clients,
         1000, client_group);
  if (f.reading() && !scenario.clients.empty()) {
    if (!plain) f.problem("clients", "only \"profile\": \"mqtt-3.1.1\" has clients; a hub has devices and services");
    if (!scenario.devices.empty() || !scenario.services.empty())
      f.problem("clients", "a plain broker has clients only: leave out devices and services");
    if (f.given("exhaustive")) f.problem("exhaustive", "a plain broker's clients cannot be walked yet");
    scenario.rules.profile = "mqtt-3.1.1";  // whatever another profile was asked for: clients know no hub
    scenario.rules.broker = model::profile("mqtt-3.1.1")->broker;
  }
  if (f.reading()) {
    for (std::size_t i = 0; i < scenario.services.size(); ++i)
      check_endpoint(f, scenario.rules.hub, i, scenario.services[i].settings);
    cast = checked_cast(scenario, [&](const std::string& where, std::string what) {
      f.problem(where, std::move(what));
    });
    check_targets(f, scenario, cast);
  }
  f.list("faults", "at known times", scenario.faults, 1000, [&](Fields& inner, sim::Fault& one) {
    fault(inner, one, scenario.duration);
  });
  f.list("nemeses", "faults drawn from the seed", scenario.nemeses, 100,
         [&](Fields& inner, sim::NemesisSpec& one) {
           nemesis(inner, one, scenario.duration, cast.names.size());
         });
  f.optional("exhaustive", scenario.exhaustive, [&](ExhaustivePlan& inner) {
    f.object("exhaustive", "for run --strategy exhaustive: every order, and every set of so many faults",
             inner, ExhaustivePlan{}, exhaustive);
  });
}

Cast cast_of(const Scenario& scenario) {
  return checked_cast(scenario, [](const std::string&, const std::string&) {});
}

bool lasts(sim::FaultKind kind) {
  using enum sim::FaultKind;
  return kind != reset && kind != half_open && kind != restart && kind != step && kind != slew &&
         kind != bit_rot;
}

std::vector<std::string> node_names(const Scenario& scenario) {
  return cast_of(scenario).names;
}

std::optional<Document> object_of(std::string_view json, std::vector<Problem>& problems) {
  Parsed parsed = parse(json);
  if (parsed.malformed)
    problems.push_back({parsed.malformed->where, parsed.malformed->what});
  else if (parsed.document.kind != Document::Kind::object)
    problems.push_back({"", "expected an object"});
  else
    return std::move(parsed.document);
  return std::nullopt;
}

ReadScenario read_scenario(std::string_view json, std::string_view file, std::string_view profile) {
  ReadScenario read;
  read.scenario.file = file;
  const std::optional<Document> document = object_of(json, read.problems);
  if (!document) return read;
  if (!profile.empty() && model::profile(profile) == nullptr) {
    read.problems.push_back({"/profile", "no profile is called \"" + std::string{profile} + "\""});
    return read;
  }
  if (document->find("bundle") != nullptr) {
    read.problems.push_back({"", "a bundle, which holds one failure: `hubproof replay FILE` runs it"});
    return read;
  }
  Cast cast;
  read_fields(*document, "", cast, read.problems, [&](Fields& f) {
    scenario_fields(f, read.scenario, cast, profile);
  });
  if (read.scenario.name.empty()) read.scenario.name = stem(file);
  return read;
}

std::string write_scenario(const Scenario& scenario) {
  Scenario copy = scenario;
  Cast cast = cast_of(scenario);
  Scenario usual;
  Cast nobody;
  return write(write_fields(cast, [&](Fields& f) { scenario_fields(f, copy, cast, {}); },
                            [&](Fields& f) { scenario_fields(f, usual, nobody, {}); }));
}

std::string scenario_schema() {
  Scenario scenario;
  Cast cast;
  const Document fields = schema_fields([&](Fields& f) { scenario_fields(f, scenario, cast, {}); });
  Document schema = parse(R"({
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A scenario of hubproof",
    "description": "scenarios/README.md explains it. Made from the program that reads it; do not edit.",
    "$defs": {
      "duration": {"type": "string", "description": "such as 90s, 200us, 1h30m, 2d",
                   "pattern": "^([0-9]+([.][0-9]+)?(d|h|m|s|ms|us|ns))+$"},
      "signed_duration": {"type": "string", "description": "such as -2h",
                          "pattern": "^-?([0-9]+([.][0-9]+)?(d|h|m|s|ms|us|ns))+$"},
      "ratio": {"description": "from 0 to 1: a number with at most nine decimals, or such as 1/3",
                "anyOf": [{"type": "number", "minimum": 0, "maximum": 1},
                          {"type": "string", "pattern": "^[0-9]+(/[0-9]+|([.][0-9]+)?)$"}]},
      "size": {"description": "bytes: a number, or such as 4KiB",
               "anyOf": [{"type": "integer", "minimum": 0},
                         {"type": "string", "pattern": "^[0-9]+([kMG]B|[KMG]iB|B)?$"}]},
      "durations": {"description": "always the same, evenly spread, or with a heavy tail",
                    "anyOf": [
        {"$ref": "#/$defs/duration"},
        {"type": "object", "required": ["uniform"], "additionalProperties": false, "properties": {
          "uniform": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"$ref": "#/$defs/duration"}}}},
        {"type": "object", "required": ["heavy", "cap"], "additionalProperties": false, "properties": {
          "heavy": {"$ref": "#/$defs/duration", "description": "the median"},
          "cap": {"$ref": "#/$defs/duration", "description": "no value is above it"}}}]},
      "sizes": {"description": "always the same, evenly spread, or with a heavy tail",
                "anyOf": [
        {"$ref": "#/$defs/size"},
        {"type": "object", "required": ["uniform"], "additionalProperties": false, "properties": {
          "uniform": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"$ref": "#/$defs/size"}}}},
        {"type": "object", "required": ["heavy", "cap"], "additionalProperties": false, "properties": {
          "heavy": {"$ref": "#/$defs/size", "description": "the median"},
          "cap": {"$ref": "#/$defs/size", "description": "no value is above it"}}}]},
      "loss": {"description": "a ratio, or the bursts of Gilbert and Elliott",
               "anyOf": [
        {"$ref": "#/$defs/ratio"},
        {"type": "object", "additionalProperties": false, "properties": {
          "good": {"$ref": "#/$defs/ratio", "description": "lost while the path is good"},
          "bad": {"$ref": "#/$defs/ratio", "description": "lost while it is bad"},
          "turns_bad": {"$ref": "#/$defs/ratio", "description": "asked of every packet"},
          "turns_good": {"$ref": "#/$defs/ratio", "description": "asked of every packet"}}}]},
      "nodes": {"description": "names of nodes, or patterns: d7, d*, d{}, d{2..5}; the hub is called hub",
                "anyOf": [{"type": "string"},
                          {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "string"}}]}
    }})").document;
  schema.members.insert(schema.members.end(), fields.members.begin(), fields.members.end());
  return write(schema);
}

std::string profile_table() {
  std::string table = "| switch or figure |";
  std::string rule = "| --- |";
  std::vector<Document> columns;
  for (const std::string_view name : profile_names) {
    table += " `" + std::string{name} + "` |";
    rule += " --- |";
    model::HubRules rules = model::profile(name)->hub;
    columns.push_back(write_fields(Cast{}, [&](Fields& f) { hub(f, rules); }));
  }
  table += "\n" + rule + "\n";
  for (std::size_t row = 0; row < columns[0].members.size(); ++row) {
    table += "| `" + columns[0].members[row].first + "` |";
    for (const Document& column : columns) {
      const Document& value = column.members[row].second;
      table += " " + (value.kind == Document::Kind::text ? value.text : write_compact(value)) + " |";
    }
    table += "\n";
  }
  return table;
}

}  // namespace hubproof::tools
