// The registry over HTTPS: identities that services create, look up, change, count and delete, and who may.
#include "conformance/cases/registry.hpp"

#include <algorithm>
#include <set>

#include "conformance/cases/hub.hpp"
#include "model/base64.hpp"
#include "model/hub/token.hpp"
#include "model/json.hpp"

namespace hubproof::conformance::cases {

std::string_view fresh_device_id(Stage& stage, bool plain) {
  constexpr std::string_view marks = "-.+%_#*?!(),=@$'";
  std::string id = "case-" + std::string{stage.fresh_level()} + std::string{stage.tag()};
  if (!plain && stage.draws().heads()) id += marks[stage.draws().below(static_cast<std::uint32_t>(marks.size()))];
  return stage.keep(id + std::string{stage.fresh_level()});
}

std::string_view fresh_key(Stage& stage) { return stage.keep(model::to_base64(stage.payload(32, 32))); }

std::string_view device_token(Stage& stage, std::string_view id, std::string_view key) {
  return stage.keep(model::make_token(stage.target().host + "/devices/" + std::string{id}, key, model::KeyForm::decoded,
                                      stage.date() + 1h));
}

std::string_view device_json(Stage& stage, std::string_view id, std::string_view primary, std::string_view secondary,
                             bool enabled) {
  std::string json = "{\"deviceId\":";
  model::write_json_text(json, id);
  json += std::string{",\"status\":\""} + (enabled ? "enabled" : "disabled") + "\"";
  if (!primary.empty())
    json += ",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"" + std::string{primary} +
            "\",\"secondaryKey\":\"" + std::string{secondary} + "\"}}";
  return stage.keep(json + "}");
}

std::string_view member(Stage& stage, const Answer* answer, std::string_view name) {
  if (answer == nullptr) return {};
  const auto json = model::read_json(answer->body);
  const model::Json* found = json ? json->find(name) : nullptr;
  return found == nullptr ? std::string_view{} : stage.keep(std::string{found->text});
}

Task<Made> made(Stage& stage, Http* registry, std::string_view id) {
  Made device;
  device.id = id;
  device.primary = fresh_key(stage);
  device.secondary = fresh_key(stage);
  device.token = device_token(stage, id, device.primary);
  registry->ask("PUT", device_path(stage, id), {{"Content-Type", "application/json"}},
                device_json(stage, id, device.primary, device.secondary));
  const Answer* answer = co_await registry->answer();
  if (answer == nullptr || answer->status != 200)
    co_await stage.give_up(stage.keep("a device could not be created: " + registry->found(answer)));
  device.generation = member(stage, answer, "generationId");
  device.etag = member(stage, answer, "etag");
  co_return device;
}

Task<void> removed(Stage& stage, Http* registry, std::string_view id) {
  registry->ask("DELETE", device_path(stage, id), {{"If-Match", "*"}});
  co_await registry->answer();
}

Task<void> purged(Stage& stage) {
  if (!stage.target().can.has(Capability::http) || !stage.target().can.has(Capability::service)) co_return;
  Http registry{stage};
  registry.as_policy("iothubowner");
  for (const Identity& device : stage.people()) {
    registry.ask("DELETE", device_path(stage, device.id, "/commands"));
    const Answer* answer = co_await registry.answer();
    co_await stage.need(answer != nullptr && answer->status == 200, "a queue could not be purged");
  }
  registry.hang_up();
}

Script tidied(Stage& stage, std::function<Script(Stage&)> script) {
  const Script inner = script(stage);
  co_await inner;
  co_await purged(stage);
}

namespace {

const std::vector<model::http::Field> json_type{{"Content-Type", "application/json"}};

Script life(Stage& stage) {
  const std::string_view id = fresh_device_id(stage);
  Http http{stage};
  http.as_policy("registryReadWrite");
  http.ask("GET", device_path(stage, id));
  const Answer* before = co_await http.answer();
  http.expect(before, 404, "a device that was never created", "ERR-18 ERR-34");
  const Made device = co_await made(stage, &http, id);
  stage.pass("C2D-02");
  stage.expect(!device.generation.empty() && device.generation.size() <= 128, "a generation id of 1 to 128 characters", device.generation, "MSG-22");
  http.ask("GET", device_path(stage, id));
  const Answer* found = co_await http.answer();
  if (!http.expect(found, 200, "a device that is there", "MSG-23")) co_return;
  stage.expect(member(stage, found, "deviceId") == id, stage.keep("the id " + std::string{id}), member(stage, found, "deviceId"), "MSG-22 MSG-23");
  stage.expect(member(stage, found, "generationId") == device.generation, "one generation id for the device's life", member(stage, found, "generationId"), "C2D-37");
  stage.expect(member(stage, found, "status") == "enabled", "enabled", member(stage, found, "status"), "C2D-02");
  http.ask("PUT", device_path(stage, id), json_type, device_json(stage, id, device.primary, device.secondary));
  const Answer* again = co_await http.answer();
  http.expect(again, 409, "a device that is there already", "ERR-24");
  http.ask("GET", device_path(stage, id));
  const Answer* still = co_await http.answer();
  stage.expect(member(stage, still, "generationId") == device.generation, "a refused creation without effect", http.found(still), "ERR-37");
  http.ask("DELETE", device_path(stage, id), {{"If-Match", "*"}});
  const Answer* gone = co_await http.answer();
  http.expect(gone, 204, "a device that is deleted", "C2D-36");
  http.ask("GET", device_path(stage, id));
  const Answer* after = co_await http.answer();
  http.expect(after, 404, "a device that was deleted", "C2D-36 ERR-18");
  const Made next = co_await made(stage, &http, id);
  stage.expect(next.generation != device.generation, "another generation id for a device that is created again", next.generation, "C2D-37");
  co_await removed(stage, &http, id);
}

Script etags(Stage& stage) {
  const std::string_view id = fresh_device_id(stage);
  Http http{stage};
  http.as_policy("registryReadWrite");
  const Made device = co_await made(stage, &http, id);
  co_await stage.need(!device.etag.empty(), "a device has no ETag");
  const std::string_view path = device_path(stage, id);
  const std::string_view disabled = device_json(stage, id, device.primary, device.secondary, false);
  const std::string_view good = stage.keep("\"" + std::string{device.etag} + "\"");
  http.ask("PUT", path, {{"Content-Type", "application/json"}, {"If-Match", "\"bm8gc3VjaCB0YWc=\""}}, disabled);
  const Answer* wrong = co_await http.answer();
  http.expect(wrong, 412, "an update with an ETag that is not the device's", "ERR-26");
  http.ask("GET", path);
  const Answer* still = co_await http.answer();
  stage.expect(member(stage, still, "status") == "enabled", "a refused update without effect", http.found(still), "ERR-37");
  http.ask("PUT", path, {{"Content-Type", "application/json"}, {"If-Match", good}}, disabled);
  const Answer* right = co_await http.answer();
  if (http.expect(right, 200, "an update with the device's ETag", "ERR-26")) {
    stage.expect(member(stage, right, "status") == "disabled", "disabled", http.found(right), "ERR-26");
    stage.expect(member(stage, right, "etag") != device.etag, "another ETag after an update", device.etag, "ERR-26");
    stage.expect(member(stage, right, "generationId") == device.generation, "the same generation after an update", http.found(right), "C2D-37");
  }
  http.ask("DELETE", path, {{"If-Match", good}});
  const Answer* old = co_await http.answer();
  http.expect(old, 412, "a deletion with an older ETag", "ERR-26");
  http.ask("GET", path);
  const Answer* there = co_await http.answer();
  http.expect(there, 200, "the device, which a refused deletion left", "ERR-37");
  co_await removed(stage, &http, id);
}

Script cases_differ(Stage& stage) {
  const std::string lower = "case-ab" + std::string{stage.fresh_level()} + std::string{stage.tag()};
  std::string upper = lower;
  upper[5] = 'A';
  Http http{stage};
  http.as_policy("registryReadWrite");
  const Made one = co_await made(stage, &http, stage.keep(lower));
  http.ask("GET", device_path(stage, upper));
  const Answer* other = co_await http.answer();
  http.expect(other, 404, "an id that differs in case", "SEC-25 MSG-22");
  const Made two = co_await made(stage, &http, stage.keep(upper));
  stage.expect(one.generation != two.generation, "two devices whose ids differ in case", "one", "SEC-25 MSG-22");
  Http device{stage};
  device.as_bearer(one.token);
  device.ask("POST", device_path(stage, one.id, events_path), {}, "own");
  const Answer* own = co_await device.answer();
  device.expect(own, 204, "telemetry under the id as it is", "SEC-25");
  device.ask("POST", device_path(stage, two.id, events_path), {}, "other");
  const Answer* wrong = co_await device.answer();
  if (stage.target().can.has(Capability::tokens))
    device.expect(wrong, 401, "a token of an id that differs in case", "SEC-25 SEC-12");
  co_await removed(stage, &http, one.id);
  co_await removed(stage, &http, two.id);
}

Script id_of(Stage& stage, std::uint32_t size) {
  std::string id = "case-" + std::string{stage.fresh_level()} + std::string{stage.tag()};
  id.resize(size, 'x');
  Http http{stage};
  http.as_policy("registryReadWrite");
  http.ask("PUT", device_path(stage, id), json_type, device_json(stage, id, {}, {}));
  const Answer* answer = co_await http.answer();
  http.expect(answer, size <= 128 ? 200 : 400, "a device id of " + std::to_string(size) + " characters");
  co_await removed(stage, &http, stage.keep(id));
}

Script id_with(Stage& stage, char mark, bool legal) {
  const std::string_view id = stage.keep("case-" + std::string{stage.fresh_level()} + mark + std::string{stage.tag()});
  Http http{stage};
  http.as_policy("registryReadWrite");
  http.ask("PUT", device_path(stage, id), json_type, device_json(stage, id, {}, {}));
  const Answer* answer = co_await http.answer();
  http.expect(answer, legal ? 200 : 400, std::string{"a device id with the character "} + mark, "MSG-22");
  if (legal) {
    stage.expect(member(stage, answer, "deviceId") == id, "the id as it is", http.found(answer), "MSG-23");
    http.ask("GET", device_path(stage, id));
    const Answer* found = co_await http.answer();
    http.expect(found, 200, "its path, percent-encoded", "MSG-23");
  }
  co_await removed(stage, &http, id);
}

Script wrong_body(Stage& stage, std::string_view body) {
  const std::string_view id = fresh_device_id(stage);
  Http http{stage};
  http.as_policy("registryReadWrite");
  http.ask("PUT", device_path(stage, id), json_type, body);
  const Answer* answer = co_await http.answer();
  http.expect(answer, 400, "a device that is none");
  http.ask("GET", device_path(stage, id));
  const Answer* after = co_await http.answer();
  http.expect(after, 404, "a device whose creation was refused", "ERR-37");
}

Script outlasts(Stage& stage) {
  Http http{stage};
  http.as_policy("registryReadWrite");
  const Made kept = co_await made(stage, &http, fresh_device_id(stage));
  const Made gone = co_await made(stage, &http, fresh_device_id(stage));
  co_await removed(stage, &http, gone.id);
  const Made again = co_await made(stage, &http, gone.id);
  const std::string_view third = fresh_device_id(stage);
  const Made deleted = co_await made(stage, &http, third);
  co_await removed(stage, &http, third);
  co_await stage.restart();
  co_await stage.pause(stage.settling(2s));
  Http later{stage};
  later.as_policy("registryReadWrite");
  for (const Made& one : {kept, again}) {
    later.ask("GET", device_path(stage, one.id));
    const Answer* found = co_await later.answer();
    later.expect(found, 200, "a device that was created before the restart", "C2D-02 DLV-02");
    stage.expect(member(stage, found, "generationId") == one.generation, "its generation of before", later.found(found), "C2D-37 INV-21");
  }
  later.ask("GET", device_path(stage, third));
  const Answer* none = co_await later.answer();
  later.expect(none, 404, "a device that was deleted before the restart", "C2D-36");
  const Made anew = co_await made(stage, &later, third);
  stage.expect(anew.generation != deleted.generation, "a generation that was never given", anew.generation, "C2D-37 INV-21");
  for (const std::string_view id : {kept.id, again.id, third}) co_await removed(stage, &later, id);
}

Script list(Stage& stage) {
  Http http{stage};
  http.as_policy("registryReadWrite");
  std::vector<std::string_view> ids;
  for (std::uint32_t more = stage.draws().between(2, 4); more > 0; --more) {
    const Made one = co_await made(stage, &http, fresh_device_id(stage));
    ids.push_back(one.id);
  }
  http.as_policy("registryRead");
  http.ask("GET", "/devices?top=1000");
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, 200, "the list of devices")) co_return;
  const auto json = model::read_json(answer->body);
  std::set<std::string> listed;
  if (json)
    for (const model::Json& item : json->items)
      if (const model::Json* id = item.find("deviceId")) stage.expect(listed.insert(id->text).second, "each device once", id->text);
  if (listed.size() < 1000)
    for (const std::string_view id : ids) stage.expect(listed.contains(std::string{id}), stage.keep("the device " + std::string{id}), "it is not in the list");
  http.ask("GET", "/devices?top=1");
  const Answer* one = co_await http.answer();
  const auto short_list = one == nullptr ? std::nullopt : model::read_json(one->body);
  stage.expect(short_list && short_list->items.size() == 1, "one device with top=1", http.found(one));
  http.ask("GET", "/devices?top=0");
  const Answer* none = co_await http.answer();
  http.expect(none, 400, "top=0", "ERR-03");
  http.as_policy("registryReadWrite");
  for (const std::string_view id : ids) co_await removed(stage, &http, id);
}

Script bulk(Stage& stage) {
  Http http{stage};
  http.as_policy("registryReadWrite");
  std::vector<std::string_view> ids;
  std::string body = "[";
  for (std::uint32_t more = stage.draws().between(2, 6); more > 0; --more) {
    ids.push_back(fresh_device_id(stage));
    std::string json = "{\"id\":";
    model::write_json_text(json, ids.back());
    body += (body.size() > 1 ? "," : "") + json + ",\"importMode\":\"create\",\"status\":\"enabled\"}";
  }
  body += "]";
  http.ask("POST", "/devices", json_type, body);
  const Answer* answer = co_await http.answer();
  if (!http.expect(answer, 200, "devices that are created in one request", "C2D-02")) co_return;
  for (const std::string_view id : ids) {
    http.ask("GET", device_path(stage, id));
    const Answer* found = co_await http.answer();
    http.expect(found, 200, "a device of a bulk creation", "C2D-02 MSG-23");
  }
  http.ask("POST", "/devices", json_type, body);
  const Answer* again = co_await http.answer();
  stage.expect(again != nullptr && again->status == 400 && again->body.find("409001") != std::string::npos,
               "status 400 and DeviceAlreadyExists for each", http.found(again), "ERR-24");
  for (const std::string_view id : ids) co_await removed(stage, &http, id);
}

Script statistics(Stage& stage) {
  Http http{stage};
  http.as_policy("registryReadWrite");
  const auto count = [&](const Answer* answer, std::string_view name) {
    return std::atoll(std::string{member(stage, answer, name)}.c_str());
  };
  http.ask("GET", "/statistics/devices");
  const Answer* before = co_await http.answer();
  if (!http.expect(before, 200, "the number of devices")) co_return;
  const long long total = count(before, "totalDeviceCount"), disabled = count(before, "disabledDeviceCount");
  const Made one = co_await made(stage, &http, fresh_device_id(stage));
  http.ask("PUT", device_path(stage, one.id), {{"Content-Type", "application/json"}, {"If-Match", "*"}},
           device_json(stage, one.id, one.primary, one.secondary, false));
  const Answer* update = co_await http.answer();
  http.expect(update, 200, "a device that is disabled");
  http.ask("GET", "/statistics/devices");
  const Answer* after = co_await http.answer();
  stage.expect(count(after, "totalDeviceCount") == total + 1 && count(after, "disabledDeviceCount") == disabled + 1,
               "one device more, and one disabled one", http.found(after));
  co_await removed(stage, &http, one.id);
}

// What a policy may do: registryRead looks, registryReadWrite changes, service purges nothing.
Script permissions(Stage& stage, std::string_view policy, bool reads, bool writes) {
  const std::string_view id = fresh_device_id(stage);
  Http owner{stage};
  owner.as_policy("iothubowner");
  const Made device = co_await made(stage, &owner, id);
  Http http{stage};
  http.as_policy(policy);
  http.ask("GET", device_path(stage, id));
  const Answer* one = co_await http.answer();
  http.expect(one, reads ? 200 : 401, "a look at a device");
  http.ask("GET", "/devices?top=1");
  const Answer* many = co_await http.answer();
  http.expect(many, reads ? 200 : 401, "a look at the list of devices");
  http.ask("GET", "/statistics/devices");
  const Answer* counts = co_await http.answer();
  http.expect(counts, reads ? 200 : 401, "a look at the number of devices");
  http.ask("PUT", device_path(stage, id), {{"Content-Type", "application/json"}, {"If-Match", "*"}},
           device_json(stage, id, device.primary, device.secondary, false));
  const Answer* update = co_await http.answer();
  http.expect(update, writes ? 200 : 401, "a device that is changed");
  const std::string_view other = fresh_device_id(stage);
  http.ask("PUT", device_path(stage, other), json_type, device_json(stage, other, {}, {}));
  const Answer* create = co_await http.answer();
  http.expect(create, writes ? 200 : 401, "a device that is created");
  http.ask("DELETE", device_path(stage, id), {{"If-Match", "*"}});
  const Answer* gone = co_await http.answer();
  http.expect(gone, writes ? 204 : 401, "a device that is deleted");
  owner.ask("GET", device_path(stage, id));
  const Answer* left = co_await owner.answer();
  owner.expect(left, writes ? 404 : 200, "the device, after all that", "ERR-37 SEC-12");
  co_await removed(stage, &owner, id);
  co_await removed(stage, &owner, other);
}

// Feedback is for whoever has ServiceConnect, telemetry for DeviceConnect.
Script other_permissions(Stage& stage, std::string_view policy, bool service, bool device) {
  const Who who = stage.someone();
  Http http{stage};
  http.as_policy(policy);
  http.ask("GET", "/messages/serviceBound/feedback");
  // A batch of another case is given back by its lock alone: only who may not looks.
  if (!service) {
    const Answer* feedback = co_await http.answer();
    http.expect(feedback, 401, "feedback", "SEC-11 FBK-10 SEC-12");
  } else {
    const Answer* feedback = co_await http.answer();
    stage.expect(feedback != nullptr && (feedback->status == 200 || feedback->status == 204), "status 200 or 204 for feedback", http.found(feedback), "SEC-11 FBK-10");
    if (const std::string_view lock = etag_of(stage, feedback); !lock.empty()) {
      http.ask("POST", stage.keep("/messages/serviceBound/feedback/" + std::string{lock} + "/abandon"));
      co_await http.answer();
    }
  }
  http.ask("POST", device_path(stage, who, events_path), {}, stage.payload());
  const Answer* telemetry = co_await http.answer();
  http.expect(telemetry, device ? 204 : 401, "telemetry of a device, with a policy's token", "SEC-11 SEC-08");
}

}  // namespace

void add_registry(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script, Capabilities needs = {Capability::service}) -> Case& {
    return cases.emplace_back(Case{"http/registry/" + name, std::move(sentence), std::move(clauses), std::move(script), needs, For::hubs});
  };
  add("life", "A device is created, looked up, created again, deleted, and created anew.",
      {"C2D-02", "C2D-36", "C2D-37", "ERR-18", "ERR-24", "ERR-34", "ERR-37", "MSG-22", "MSG-23"}, life);
  add("etags", "Updates and deletions come with ETags, right and wrong.", {"ERR-26", "ERR-37", "C2D-37"}, etags);
  add("cases-differ", "Two ids differ in case alone.", {"SEC-25", "MSG-22"}, cases_differ);
  for (const std::uint32_t size : {127u, 128u, 129u})
    add("id-of-" + std::to_string(size), "A device id has " + std::to_string(size) + " characters.", {"MSG-22"},
        [size](Stage& stage) { return id_of(stage, size); });
  const std::pair<const char*, char> marks[] = {{"hyphen", '-'}, {"dot", '.'}, {"plus", '+'}, {"percent", '%'}, {"underscore", '_'},
                                                {"hash", '#'}, {"star", '*'}, {"question-mark", '?'}, {"exclamation-mark", '!'},
                                                {"bracket", '('}, {"comma", ','}, {"equals", '='}, {"at", '@'}, {"dollar", '$'}, {"quote", '\''}};
  for (const auto& [name, mark] : marks)
    add(std::string{"id-with-"} + name, std::string{"A device id has the character "} + mark + ".", {"MSG-22", "MSG-23"},
        [its_mark = mark](Stage& stage) { return id_with(stage, its_mark, true); });
  const std::pair<const char*, char> others[] = {{"blank", ' '}, {"slash", '/'}, {"double-quote", '"'}, {"ampersand", '&'}, {"less-than", '<'}};
  for (const auto& [name, mark] : others)
    add(std::string{"id-with-"} + name, std::string{"A device id has the character "} + mark + ".", {"MSG-22"},
        [its_mark = mark](Stage& stage) { return id_with(stage, its_mark, false); });
  const std::pair<const char*, const char*> bodies[] = {
      {"no-json", "{"}, {"array", "[]"}, {"no-status", R"({"status":"perhaps"})"}, {"other-id", R"({"deviceId":"another-one"})"},
      {"key-of-a-number", R"({"authentication":{"symmetricKey":{"primaryKey":1}}})"}};
  for (const auto& [name, body] : bodies)
    add(std::string{"wrong-body-"} + name, std::string{"A device is created with "} + body + ".", {"ERR-03", "ERR-34", "ERR-37"},
        [its_body = body](Stage& stage) { return wrong_body(stage, its_body); });
  add("outlasts-a-restart", "The hub restarts: who was created is there, who was deleted is not.", {"C2D-02", "C2D-36", "C2D-37", "DLV-02", "INV-21"}, outlasts,
      {Capability::service, Capability::restart})
      .alone = Alone::target;
  add("list", "Devices are listed, all and one.", {"C2D-02", "ERR-03"}, list);
  add("bulk", "Devices are created by one request, twice.", {"C2D-02", "ERR-24", "MSG-23"}, bulk);
  add("statistics", "A device more, and a disabled one, show in the statistics.", {"C2D-02"}, statistics).alone = Alone::target;
  const std::tuple<const char*, bool, bool, bool, bool> policies[] = {
      {"iothubowner", true, true, true, true}, {"service", false, false, true, false}, {"device", false, false, false, true},
      {"registryRead", true, false, false, false}, {"registryReadWrite", true, true, false, false}};
  for (const auto& [name, reads, writes, service, device] : policies) {
    add(std::string{"permissions-of-"} + name, std::string{"What the policy "} + name + " may do in the registry.",
        {"SEC-11", "SEC-12", "ERR-08", "ERR-34", "ERR-37"},
        [its_name = name, its_reads = reads, its_writes = writes](Stage& stage) { return permissions(stage, its_name, its_reads, its_writes); },
        {Capability::service, Capability::tokens});
    std::vector<std::string> clauses{"SEC-11", "SEC-08", "FBK-10"};
    if (!service) clauses.emplace_back("SEC-12");
    add(std::string{"other-permissions-of-"} + name, std::string{"What the policy "} + name + " may do elsewhere.", std::move(clauses),
        [its_name = name, its_service = service, its_device = device](Stage& stage) { return other_permissions(stage, its_name, its_service, its_device); },
        {Capability::service, Capability::tokens})
        .alone = service ? Alone::feedback : Alone::nothing;
  }
}

}  // namespace hubproof::conformance::cases
