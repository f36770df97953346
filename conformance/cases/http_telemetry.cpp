// Telemetry over HTTPS: what is taken, what is refused, and what readers of the telemetry then see.
#include <algorithm>

#include "conformance/cases/amqp.hpp"
#include "conformance/cases/hub.hpp"
#include "conformance/cases/http.hpp"
#include "model/base64.hpp"
#include "model/http/properties.hpp"
#include "model/iso_date.hpp"
#include "model/json.hpp"

namespace hubproof::conformance::cases {
namespace {

using model::http::Field;

constexpr std::uint32_t most = 262'144;  // bytes of a message [D2C-40]

std::string_view events_of(Stage& stage, Who who) { return device_path(stage, who, events_path); }

// A service that reads telemetry from now on, and a door that asks as `who`.
Task<void> ready(Service* service, Http* http, Who who) {
  co_await service->opened();
  co_await service->watches();
  http->as(who);
}

bool same_body(const Reading* reading, View body) {
  return reading != nullptr && std::ranges::equal(reading->message().body(), body);
}
std::string seen(const Reading* reading) {
  if (reading == nullptr) return "no event";
  return "an event with " + std::to_string(reading->message().body().size()) + " bytes";
}
std::string seen(const Reading* reading, std::string_view name) {
  if (reading == nullptr) return "no event";
  const auto value = reading->message().property(name);
  return value ? "\"" + std::string{*value} + "\"" : "no such property";
}

// ---- What is taken.

Script single(Stage& stage, std::uint32_t size) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  http.ask("POST", events_of(stage, who), {}, stage.payload(size, size));
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, 204, "telemetry of " + std::to_string(size) + " bytes")) co_return;
  stage.expect(answer->body.empty(), "a 204 without a body", http.found(answer), "DLV-07 HTTP-02");
}

Script one_after_the_other(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  std::vector<View> bodies;
  const std::int64_t began = stage.date().time_since_epoch() / 1ms;
  for (std::uint32_t more = stage.draws().between(36, 44); more > 0; --more) {
    bodies.push_back(stage.payload(8, 60));
    http.ask("POST", events_of(stage, who), {}, bodies.back());
    const Answer* answer = co_await http.answer();
    if (!http.expect(answer, 204, "telemetry", "DLV-07")) co_return;
  }
  std::int64_t sequence = -1, offset = -1, received = 0;
  std::optional<std::uint32_t> partition;
  for (const View body : bodies) {
    const Reading* one = co_await service.telemetry(stage.identity(who).id);
    if (!stage.expect(one != nullptr, "each message that was acknowledged, at the built-in endpoint", "one less", "DLV-01 D2C-02 INV-01")) co_return;
    if (!stage.expect(same_body(one, body), "the messages in the order of their acknowledgements, unchanged", seen(one), "D2C-08 D2C-01 INV-03 INV-02")) co_return;
    if (!partition) partition = one->partition;
    stage.expect(one->partition == *partition, "one partition for one device", "two", "D2C-03 D2C-04 INV-05");
    stage.expect(one->sequence > sequence, "sequence numbers that increase", std::to_string(one->sequence) + " behind " + std::to_string(sequence), "D2C-06 D2C-07 INV-06");
    const std::int64_t at = std::atoll(one->offset.c_str());
    stage.expect(!one->offset.empty() && at > offset, "offsets that increase", "\"" + one->offset + "\"", "D2C-07 INV-06");
    stage.expect(one->received >= received, "times of receipt that do not run backwards", std::to_string(one->received), "TIME-07");
    const std::int64_t slack = 60'000;  // the clocks of both ends may differ
    const std::int64_t ended = stage.date().time_since_epoch() / 1ms;
    stage.expect(one->received > began - slack && one->received < ended + slack, "the hub's time of receipt", std::to_string(one->received), "D2C-12");
    stage.expect(one->enqueued >= one->received, "a time of writing that is not before that of receipt", std::to_string(one->enqueued), "D2C-13");
    stage.expect(one->device == stage.identity(who).id, "the sender's id as a stamp", one->device, "D2C-14 D2C-16");
    stage.expect(!one->generation.empty(), "the sender's generation as a stamp", "none", "D2C-14 D2C-16");
    stage.expect(one->source == "Telemetry", "the source \"Telemetry\"", one->source, "D2C-17");
    const auto method = model::read_json(one->auth_method);
    const auto member = [&](std::string_view name) {
      const model::Json* found = method ? method->find(name) : nullptr;
      return found == nullptr ? std::string_view{} : std::string_view{found->text};
    };
    stage.expect(!member("scope").empty() && !member("type").empty() && member("issuer") == "iothub",
                 "scope, type and the issuer iothub as the method of authentication", one->auth_method, "D2C-15");
    sequence = one->sequence, offset = at, received = one->received;
  }
}

Script with_properties(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  std::vector<Field> fields;
  std::vector<std::pair<std::string_view, std::string_view>> properties;
  for (std::uint32_t more = stage.draws().between(1, 6); more > 0; --more) {
    properties.emplace_back(property_name(stage), property_value(stage));
    fields.push_back({stage.keep((stage.draws().heads() ? "iothub-app-" : "IoTHub-App-") + std::string{properties.back().first}),
                      properties.back().second});
  }
  properties.emplace_back(property_name(stage), "with; a semicolon, and \"quotes\"");
  fields.push_back({stage.keep("iothub-app-" + std::string{properties.back().first}), properties.back().second});
  const bool upper = stage.draws().heads();
  const std::string_view id = stage.keep("id-:.+%_#*?!(),=@;$'" + std::string{stage.fresh_id()});
  const std::string_view correlation = stage.fresh_level(), user = stage.fresh_level();
  fields.push_back({upper ? "IOTHUB-MESSAGEID" : "IoTHub-MessageId", id});
  fields.push_back({upper ? "iothub-correlationid" : "IoTHub-CorrelationId", correlation});
  fields.push_back({upper ? "IotHub-UserId" : "iothub-userid", user});
  fields.push_back({"iothub-contenttype", "application/json"});
  fields.push_back({"iothub-contentencoding", "utf-8"});
  const View body = stage.payload(1, 300);
  http.ask("POST", events_of(stage, who), fields, body);
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, 204, "telemetry with properties", "HTTP-02")) co_return;
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  if (!stage.expect(same_body(one, body), "the message, unchanged", seen(one), "DLV-01 INV-25 MSG-01 MSG-16 DLV-18")) co_return;
  for (const auto& [name, value] : properties) {
    // Names of fields have no case: a hub may give them back in another one [MSG-15].
    bool found = false;
    one->message().each([](model::System, std::string_view) {},
                        [&](std::string_view known, std::optional<std::string_view> held) {
                          found = found || (model::http::same(known, name) && held == value);
                        });
    stage.expect(found, stage.keep("the property " + std::string{name} + " = " + std::string{value}), seen(one, name), "HTTP-03 MSG-02 INV-25 MSG-12 DLV-18");
  }
  const auto system = [&](model::System key, std::string_view value, std::string_view clauses) {
    const auto held = one->message().system(key);
    stage.expect(held == value, stage.keep("the system property " + std::string{value}), held ? *held : "none", clauses);
  };
  system(model::System::message_id, id, "HTTP-04 MSG-03 DLV-18");
  system(model::System::correlation_id, correlation, "HTTP-04 MSG-05");
  system(model::System::user_id, user, "HTTP-04 MSG-06");
  system(model::System::content_type, "application/json", "HTTP-04 MSG-09");
  system(model::System::content_encoding, "utf-8", "HTTP-04 MSG-09");
  stage.expect(!one->message().system(model::System::output_name), "no property that was not sent", "one", "MSG-18");
}

// ---- What makes no difference.

Script no_difference(Stage& stage, int kind) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const std::string_view other = stage.identity(stage.someone()).id;
  std::vector<Field> fields;
  switch (kind) {
    case 0: fields.push_back({"iothub-to", events_of(stage, who)}); break;
    case 1: fields.push_back({"iothub-to", device_path(stage, other, events_path)}); break;
    case 2: fields.push_back({"iothub-app-dt-subject", "thermostat1"}); break;
    case 3: fields.push_back({"iothub-app-iothub-connection-device-id", other}); break;
    case 4: fields.push_back({"iothub-expiry", "2001-01-01T00:00:00Z"}); break;
    case 5: fields.push_back({"iothub-connection-device-id", other}); break;
    default: fields.push_back({"iothub-app-iothub-enqueuedtime", "2001-01-01T00:00:00Z"});
  }
  const View body = stage.payload(8, 100);
  http.ask("POST", events_of(stage, who), fields, body);
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, 204, "telemetry with the field " + std::string{fields[0].name})) co_return;
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  if (!stage.expect(same_body(one, body) && one->device == stage.identity(who).id, "the message, from its sender", seen(one))) co_return;
  if (kind == 2)
    stage.expect(one->message().property("dt-subject") == "thermostat1" && !one->message().system(model::System::component),
                 "an application property dt-subject", seen(one, "dt-subject"));
  if (kind == 6) stage.expect(one->received > 1'000'000'000'000, "the hub's own time of receipt", std::to_string(one->received));
}

Script twice(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const std::string_view id = stage.fresh_id();
  const View body = stage.payload(8, 100);
  for (int round = 0; round < 2; ++round) {
    http.ask("POST", events_of(stage, who), {{"iothub-messageid", id}}, body);
    const Answer* answer = co_await http.answer();
    if (!http.expect(answer, 204, "a message that is sent again")) co_return;
  }
  const Reading* first = co_await service.telemetry(stage.identity(who).id);
  const std::int64_t sequence = first == nullptr ? 0 : first->sequence;
  const Reading* second = co_await service.telemetry(stage.identity(who).id);
  stage.expect(same_body(second, body) && second->sequence > sequence, "two events, as the hub knows no duplicates", second == nullptr ? "one" : seen(second));
}

Script creation_time(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const std::string_view when = stage.draws().heads() ? "2021-04-21T11:30:16Z" : "2035-12-31T23:59:59.123Z";
  http.ask("POST", events_of(stage, who), {{"iothub-creationtimeutc", when}}, stage.payload(1, 50));
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, 204, "telemetry with a time of creation")) co_return;
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  const auto held = one == nullptr ? std::nullopt : one->message().system(model::System::creation_time);
  stage.expect(held == when, when, held ? *held : "none");
}

// ---- Batches.

std::string batch_of(const std::vector<std::string>& items) {
  std::string body = "[";
  for (const std::string& item : items) body += (body.size() > 1 ? "," : "") + item;
  return body + "]";
}
std::string item_of(View body, std::string_view properties = {}) {
  return "{\"body\":\"" + model::to_base64(body) + "\"" + (properties.empty() ? "" : ",\"properties\":{" + std::string{properties} + "}") + "}";
}
const std::vector<Field> as_batch{{"Content-Type", "application/vnd.microsoft.iothub.json"}};

Script batch(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  std::vector<View> bodies;
  std::vector<std::string> items, names;
  for (std::uint32_t more = stage.draws().between(3, 12); more > 0; --more) {
    bodies.push_back(stage.payload(1, 200));
    names.emplace_back(stage.fresh_level());
    items.push_back(item_of(bodies.back(), "\"iothub-app-" + names.back() + "\":\"" + std::to_string(items.size()) + "\""));
  }
  const std::string text = "plain " + std::string{stage.fresh_level()};
  items.push_back("{\"body\":\"" + text + "\",\"base64Encoded\":false}");
  bodies.push_back(stage.keep(Bytes(text.begin(), text.end())));
  http.ask("POST", events_of(stage, who), as_batch, batch_of(items));
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, 204, "a batch of " + std::to_string(items.size()))) co_return;
  for (std::size_t at = 0; at < bodies.size(); ++at) {
    const Reading* one = co_await service.telemetry(stage.identity(who).id);
    if (!stage.expect(same_body(one, bodies[at]), "each message of the batch, in its order", seen(one))) co_return;
    if (at < names.size())
      stage.expect(one->message().property(names[at]) == std::to_string(at), "each with its own properties", seen(one, names[at]), "D2C-44 HTTP-07");
  }
}

Script batch_refused(Stage& stage, std::string_view bad, unsigned status) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  std::vector<std::string> items;
  for (int more = 3; more > 0; --more) items.push_back(item_of(stage.payload(1, 20)));
  items.insert(items.begin() + stage.draws().below(4), std::string{bad});
  http.ask("POST", events_of(stage, who), as_batch, batch_of(items));
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, status, "a batch of which one message is none")) co_return;
  const View body = stage.payload(30, 60);
  http.ask("POST", events_of(stage, who), {}, body);
  const Answer* after = co_await http.answer();
  co_await stage.need(after != nullptr && after->status == 204, "telemetry behind a refused batch was not taken");
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  stage.expect(same_body(one, body), "nothing of a refused batch in the stream", seen(one), "DLV-08 ERR-37");
}

Script batch_count(Stage& stage, std::uint32_t count) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  std::vector<std::string> items(count, item_of(stage.payload(1, 3)));
  http.ask("POST", events_of(stage, who), as_batch, batch_of(items));
  const Answer* answer = co_await http.answer();
  if (count <= 500) {
    http.expect(answer, 204, "a batch of " + std::to_string(count));
  } else {
    stage.expect(answer != nullptr && (answer->status == 400 || answer->status == 413),
                 "status 400 or 413 for a batch of " + std::to_string(count), http.found(answer));
  }
}

Script batch_size(Stage& stage, std::uint32_t size) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  const std::uint32_t parts = stage.draws().between(2, 5);
  std::vector<std::string> items;
  for (std::uint32_t at = 0, left = size; at < parts; ++at) {
    const std::uint32_t part = at + 1 == parts ? left : left / (parts - at);
    items.push_back(item_of(Bytes(part, static_cast<std::uint8_t>(at))));
    left -= part;
  }
  http.ask("POST", events_of(stage, who), as_batch, batch_of(items));
  const Answer* answer = co_await http.answer();
  http.expect(answer, size <= most ? 204 : 413, "a batch of " + std::to_string(size) + " bytes in all");
}

// ---- Sizes [MSG-20]: body, values of system properties, names and values of application properties.

Script size_limit(Stage& stage, std::uint32_t size, bool properties) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  std::vector<Field> fields;
  std::uint32_t counted = 0;
  if (properties) {
    const std::string_view name = stage.fresh_level(), value = property_value(stage), id = stage.fresh_id();
    fields.push_back({stage.keep("iothub-app-" + std::string{name}), value});
    fields.push_back({"iothub-messageid", id});
    counted = static_cast<std::uint32_t>(name.size() + value.size() + id.size());
  }
  http.ask("POST", events_of(stage, who), fields, stage.keep(Bytes(size - counted, 'x')));
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, size <= most ? 204 : 413, "a message of " + std::to_string(size) + " bytes")) co_return;
  http.as(who);
  http.ask("POST", events_of(stage, who), {}, "after");
  const Answer* after = co_await http.answer();
  http.expect(after, 204, "telemetry after that", "ERR-34");
}

// ---- What is refused.

Script version(Stage& stage, std::string_view asked, unsigned status) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  http.ask("POST", stage.keep(std::string{events_of(stage, who)} + std::string{asked}), {}, stage.payload());
  const Answer* answer = co_await http.answer();
  http.expect(answer, status, stage.keep("a request with " + std::string{asked}));
}

Script no_such_thing(Stage& stage, std::string_view method, std::string_view rest) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  http.ask(method, device_path(stage, who, rest), {}, "{}");
  const Answer* answer = co_await http.answer();
  const bool refused = answer != nullptr && answer->status >= 400 && answer->status < 500;
  stage.expect(refused, "a refusal with a status of 400 to 499", http.found(answer));
}

Script malformed(Stage& stage, int kind) {
  const Who who = stage.someone();
  Http http{stage};
  const std::string_view requests[] = {"POST HTTP/1.1\r\n\r\n", "NONSENSE\r\n\r\n", "POST /devices/%zz/messages/events?api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
                                       "GET / HTTP/1.1\r\nContent-Length: abc\r\n\r\n"};
  http.send_raw(model::view(requests[kind]));
  const Answer* answer = co_await http.answer();
  stage.expect(answer == nullptr ? stage.is_over(http.client()) : answer->status >= 400 && answer->status < 500,
               "a refusal with a status of 400 to 499, or the end of the connection", http.found(answer));
  if (answer != nullptr) co_await stage.ended(http.client());
  Http again{stage};
  again.as(who);
  again.ask("POST", events_of(stage, who), {}, "after");
  const Answer* after = co_await again.answer();
  again.expect(after, 204, "telemetry of others, after that");
}

Script no_trace(Stage& stage, int kind) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const std::string_view path = events_of(stage, who);
  if (kind == 0) http.ask("POST", path, {}, stage.keep(Bytes(most + 1, 'x')));
  if (kind == 1) http.ask("POST", stage.keep(std::string{path} + "?api-version=1999-01-01"), {}, stage.payload(1, 20));
  if (kind == 2) {
    http.as_bearer("SharedAccessSignature sr=h&sig=AAAA&se=1");
    http.ask("POST", path, {}, stage.payload(1, 20));
  }
  const Answer* answer = co_await http.answer();
  const unsigned statuses[] = {413, 400, 401};
  if (!http.expect(answer, statuses[kind], "a request that cannot be taken", "ERR-34")) co_return;
  http.hang_up();
  http.as(who);
  const View body = stage.payload(30, 60);
  http.ask("POST", path, {}, body);
  const Answer* after = co_await http.answer();
  co_await stage.need(after != nullptr && after->status == 204, "telemetry behind a refusal was not taken");
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  stage.expect(same_body(one, body), "nothing of what was refused in the stream", seen(one), "ERR-37");
}

// ---- One connection, many requests.

Script kept_alive(Stage& stage) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  Client first{};
  for (std::uint32_t round = stage.draws().between(3, 6); round > 0; --round) {
    http.ask("POST", events_of(stage, who), {}, stage.payload());
    const Answer* answer = co_await http.answer();
    if (!http.expect(answer, 204, "a request on a connection that is kept")) co_return;
    if (first == Client::none) first = http.client();
    if (!stage.expect(first == http.client() && !stage.is_over(first), "a connection that is kept", "its end")) co_return;
  }
}

Script many_ahead(Stage& stage) {
  const Who who = stage.someone();
  const std::uint32_t many = stage.draws().between(3, 8);
  Http http{stage};
  http.as(who);
  const std::uint32_t odd = stage.draws().below(many);
  for (std::uint32_t at = 0; at < many; ++at) {
    if (at == odd) http.ask("GET", device_path(stage, who, "/no/such/path"));
    else http.ask("POST", events_of(stage, who), {}, stage.payload());
  }
  for (std::uint32_t at = 0; at < many; ++at) {
    const Answer* answer = co_await http.answer();
    if (!http.expect(answer, at == odd ? 404 : 204, "the request at this place of a row")) co_return;
  }
}

// Each request says who asks, also on a connection that served another device before.
Script two_on_one(Stage& stage) {
  const Who whos[] = {stage.someone(), stage.someone()};
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, whos[0]);
  for (std::uint32_t round = stage.draws().between(2, 4); round > 0; --round)
    for (const Who who : whos) {
      http.as(who);
      const View body = stage.payload(20, 60);
      http.ask("POST", events_of(stage, who), {}, body);
      const Answer* answer = co_await http.answer();
      if (!http.expect(answer, 204, "telemetry of one of two devices on one connection", "DLV-07")) co_return;
      const Reading* one = co_await service.telemetry(stage.identity(who).id);
      if (!stage.expect(same_body(one, body), "the message, from the device that sent it", seen(one))) co_return;
    }
}

Script asks_to_close(Stage& stage) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  http.ask("POST", events_of(stage, who), {{"Connection", "close"}}, stage.payload());
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, 204, "a request that wants to be the last")) co_return;
  const bool ended = co_await stage.ended(http.client());
  stage.expect(ended, "the end of the connection behind it", "none");
}

}  // namespace

void add_http_telemetry(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script, Capabilities needs = {}) {
    cases.push_back({"http/telemetry/" + name, std::move(sentence), std::move(clauses), std::move(script), needs, For::hubs});
  };
  const Capabilities reads{Capability::events, Capability::amqp};
  for (const std::uint32_t size : {0u, 1u, 4096u, 100'000u})
    add("single-of-" + std::to_string(size), "One message of " + std::to_string(size) + " bytes is sent.",
        {"HTTP-01", "HTTP-02", "DLV-07", "HTTP-21"}, [size](Stage& stage) { return single(stage, size); });
  add("one-after-the-other", "Messages are sent, each after the answer to the one before, and read.",
      {"DLV-07", "DLV-01", "D2C-01", "D2C-02", "D2C-03", "D2C-04", "D2C-06", "D2C-07", "D2C-08", "D2C-12", "D2C-13", "D2C-14",
       "D2C-15", "D2C-16", "D2C-17", "TIME-07", "INV-01", "INV-02", "INV-03", "INV-05", "INV-06"},
      one_after_the_other, reads);
  add("with-properties", "A message with system and application properties as headers, in any case, is read back.",
      {"HTTP-02", "HTTP-03", "HTTP-04", "MSG-01", "MSG-02", "MSG-03", "MSG-05", "MSG-06", "MSG-09", "MSG-12", "MSG-16", "MSG-18", "DLV-01",
       "DLV-18", "INV-25"},
      with_properties, reads);
  const struct {
    const char* name;
    const char* sentence;
    std::vector<std::string> clauses;
  } same[] = {{"to-own-endpoint", "A message has iothub-to with the path of its endpoint.", {"HTTP-06"}},
              {"to-other-device", "A message has iothub-to with another device's path.", {"HTTP-06", "DLV-17", "D2C-14"}},
              {"prefixed-system-name", "A system property's name has the prefix of application properties.", {"HTTP-05"}},
              {"claims-other-device", "An application property is called like the hub's stamp of origin.", {"D2C-14", "MSG-11"}},
              {"expired-before-sent", "A message has an expiry that is past.", {"D2C-45"}},
              {"claims-other-device-in-a-header", "A header is called like the hub's stamp of origin.", {"D2C-14", "MSG-11"}},
              {"claims-a-time", "An application property is called like the hub's time of receipt.", {"D2C-12", "MSG-11", "TIME-01"}}};
  for (int kind = 0; kind < 7; ++kind)
    add(same[kind].name, same[kind].sentence, same[kind].clauses, [kind](Stage& stage) { return no_difference(stage, kind); }, reads);
  add("twice", "One message is sent twice, under one id.", {"DLV-10", "DLV-09", "DLV-03"}, twice, reads);
  add("creation-time", "A message has a time of creation.", {"D2C-18", "TIME-08"}, creation_time, reads);

  add("batch", "A batch of messages, each with a property of its own, one of them in plain text.",
      {"HTTP-07", "DLV-08", "D2C-44", "D2C-08"}, batch, reads);
  const std::pair<const char*, const char*> bads[] = {{"object-as-body", R"({"body":{"a":1}})"},
                                                      {"no-body", R"({"properties":{"iothub-app-a":"b"}})"},
                                                      {"no-base64", R"({"body":"*not base64*"})"},
                                                      {"number-as-property", R"({"body":"AA==","properties":{"iothub-app-a":1}})"},
                                                      {"no-object", R"("text")"}};
  for (const auto& [name, bad] : bads) {
    std::vector<std::string> clauses{"DLV-08", "ERR-03", "ERR-34", "ERR-37", "HTTP-21"};
    if (name == std::string_view{"object-as-body"}) clauses.emplace_back("HTTP-08");
    add(std::string{"batch-with-"} + name, std::string{"One message of a batch is none: "} + bad, std::move(clauses),
        [its_bad = bad](Stage& stage) { return batch_refused(stage, its_bad, 400); }, reads);
  }
  for (const std::uint32_t count : {499u, 500u, 501u, 600u})
    add("batch-of-" + std::to_string(count), "A batch has " + std::to_string(count) + " messages.", {"D2C-42"},
        [count](Stage& stage) { return batch_count(stage, count); });
  for (const std::uint32_t size : {most, most + 1})
    add("batch-of-" + std::to_string(size) + "-bytes", "The messages of a batch have " + std::to_string(size) + " bytes in all.",
        {"D2C-41", "QUO-15"}, [size](Stage& stage) { return batch_size(stage, size); });
  for (const std::uint32_t size : {most - 1, most, most + 1, most + 2048})
    for (const bool properties : {false, true})
      add("size-of-" + std::to_string(size) + (properties ? "-with-properties" : ""),
          "A message counts " + std::to_string(size) + " bytes.", {"D2C-40", "MSG-20", "ERR-29", "ERR-34", "QUO-15", "HTTP-21"},
          [size, properties](Stage& stage) { return size_limit(stage, size, properties); });

  const std::tuple<const char*, const char*, unsigned> versions[] = {
      {"2016-02-03", "?api-version=2016-02-03", 204}, {"2016-11-14", "?api-version=2016-11-14", 204}, {"2018-06-30", "?api-version=2018-06-30", 204},
      {"2020-03-13", "?api-version=2020-03-13", 204}, {"2021-04-12", "?api-version=2021-04-12", 204}, {"unknown", "?api-version=1999-12-31", 400},
      {"empty", "?api-version=", 400},                {"nonsense", "?api-version=latest", 400}};
  for (const auto& [name, asked, status] : versions)
    add(std::string{"version-"} + name, std::string{"A request has "} + asked + ".",
        status == 204 ? std::vector<std::string>{"HTTP-01"} : std::vector<std::string>{"HTTP-01", "ERR-01", "ERR-34"},
        [its_asked = asked, its_status = status](Stage& stage) { return version(stage, its_asked, its_status); });
  const std::tuple<const char*, const char*, const char*> nothing[] = {
      {"no-twins", "GET", "/twin"}, {"no-methods", "POST", "/methods"}, {"no-method-answers", "GET", "/methods/deviceBound"},
      {"no-such-endpoint", "POST", "/messages/elsewhere"}};
  for (const auto& [name, method, rest] : nothing)
    add(name, std::string{"A device asks for "} + rest + ", which HTTPS does not offer.", {"HTTP-23", "ERR-34"},
        [its_method = method, its_rest = rest](Stage& stage) { return no_such_thing(stage, its_method, its_rest); });
  for (int kind = 0; kind < 4; ++kind)
    add("malformed-" + std::to_string(kind), "What comes is no request.", {"ERR-04", "HTTP-21"}, [kind](Stage& stage) { return malformed(stage, kind); });
  const char* traces[] = {"too-large", "wrong-version", "wrong-token"};
  for (int kind = 0; kind < 3; ++kind) {
    Capabilities needs = reads;
    if (kind == 2) needs.add(Capability::tokens);
    add(std::string{"no-trace-of-"} + traces[kind], "A request is refused; only what comes behind it is read.", {"ERR-37", "ERR-34"},
        [kind](Stage& stage) { return no_trace(stage, kind); }, needs);
  }
  add("kept-alive", "Requests follow each other on one connection.", {"HTTP-01", "DLV-07"}, kept_alive);
  add("many-ahead", "Requests are sent ahead of their answers; one of them asks for nothing that is there.", {"HTTP-01", "DLV-07"}, many_ahead);
  add("two-on-one-connection", "Two devices take turns on one connection.", {"D2C-14", "INV-02", "HTTP-20", "DLV-07"}, two_on_one, reads);
  add("asks-to-close", "A request says that it is the last.", {"HTTP-01"}, asks_to_close);
}

}  // namespace hubproof::conformance::cases
