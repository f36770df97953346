#include "conformance/cases/commands.hpp"

#include <algorithm>

#include "model/iso_date.hpp"
#include "model/json.hpp"

namespace hubproof::conformance::cases {

using model::Ack;

Task<void> ready(Service* service, Http* http, Who who) {
  co_await service->opened();
  http->as(who);
}

Task<void> taken(Stage& stage, Service* service, std::string_view device, View flat) {
  const Sent sent = co_await service->send(device, flat);
  if (!sent.accepted) co_await stage.give_up(stage.keep("a command was not taken: " + std::string{sent.text()}));
}

void receive(Stage& stage, Http& http, Who who, const std::vector<model::http::Field>& fields) {
  http.ask("GET", device_path(stage, who, bound_path), fields);
}

void settle(Stage& stage, Http& http, Who who, std::string_view token, How how, const std::vector<model::http::Field>& fields) {
  std::string path{device_path(stage, who, bound_path)};
  path += "/" + std::string{token};
  if (how == How::abandon) return http.ask("POST", path + "/abandon", fields);
  http.ask("DELETE", path + (how == How::reject ? "?reject" : how == How::reject_true ? "?reject=true" : ""), fields);
}

bool expect_command(Stage& stage, const Http& http, const Answer* answer, View body, std::string_view what, std::string_view clauses) {
  const bool right = answer != nullptr && answer->status == 200 && answer->body == model::text(body);
  return stage.expect(right, what, http.found(answer), clauses);
}

std::int64_t number(const std::string* text) { return text == nullptr ? -1 : std::atoll(text->c_str()); }

Task<std::string_view> served(Stage& stage, Http* http, Who who, How how) {
  receive(stage, *http, who);
  const Answer* answer = co_await http->answer();
  if (answer != nullptr && answer->status == 204) co_return std::string_view{};
  const std::string_view token = etag_of(stage, answer);
  co_await stage.need(!token.empty(), "a command was not handed over");
  const std::string* id = answer->field("iothub-messageid");
  settle(stage, *http, who, token, how);
  const Answer* done = co_await http->answer();
  co_await stage.need(done != nullptr && done->status == 204, "a settling was refused");
  co_return id == nullptr ? std::string_view{"?"} : stage.keep(std::string{*id});
}

// ---- Feedback.

std::optional<std::vector<Record>> records_of(const Answer& answer) {
  const auto json = model::read_json(answer.body);
  if (!json || !json->is(model::Json::Kind::array)) return std::nullopt;
  std::vector<Record> records;
  for (const model::Json& item : json->items) {
    Record record;
    record.pascal = item.find("OriginalMessageId") != nullptr;
    const auto text = [&](std::string name) -> std::string {
      if (record.pascal) name[0] = static_cast<char>(name[0] & ~0x20);
      const model::Json* found = item.find(name);
      return found == nullptr ? std::string{} : found->text;
    };
    record.message = text("originalMessageId");
    record.status = text("statusCode");
    record.device = text("deviceId");
    record.generation = text("deviceGenerationId");
    record.date = model::read_iso_date(text("enqueuedTimeUtc"));
    records.push_back(std::move(record));
  }
  return records;
}

std::string_view status_name(std::string_view status) {
  constexpr std::string_view names[] = {"Success", "Expired", "DeliveryCountExceeded", "Rejected", "Purged"};
  if (status.size() == 1 && status[0] >= '0' && status[0] <= '4') return names[status[0] - '0'];
  return status;
}

bool names(const Answer& answer, std::string_view id) { return answer.body.find(id) != std::string::npos; }

Task<const Answer*> batch_with(Stage& stage, Http* http, std::string_view id, model::Duration time) {
  co_await stage.need(stage.holds_feedback(), "the feedback is another case's");
  const Instant until = stage.now() + time;
  for (;;) {
    http->ask("GET", feedback_path);
    const Answer* answer = co_await http->answer();
    if (answer == nullptr) co_return nullptr;
    if (answer->status == 200 && names(*answer, id)) co_return answer;
    if (answer->status == 200) {
      http->ask("DELETE", stage.keep(std::string{feedback_path} + "/" + std::string{etag_of(stage, answer)}));
      co_await http->answer();
      continue;
    }
    if (answer->status != 204) {
      http->expect(answer, 200, "feedback");
      co_return nullptr;
    }
    if (stage.now() >= until) co_return nullptr;
    co_await stage.pause(1s);
  }
}

Task<bool> fill_batch(Stage& stage, Who who) {
  constexpr int full = 64, queue = 32;  // [FBK-15]; and less than a device's queue holds [C2D-03]
  if (stage.target().can.has(Capability::free_time)) co_return false;
  Service service{stage};
  Http registry{stage};
  co_await service.opened();
  registry.as_policy("iothubowner");
  bool taken = true;
  for (int records = 0; records < full && taken; records += queue) {
    for (int n = 0; n < queue && taken; ++n) {
      const Drawn drawn = drawn_message(stage, {.ack = Ack::full, .most = 20, .properties = 0});
      const Sent sent = co_await service.send(stage.identity(who).id, drawn.flat);
      taken = sent.accepted;
    }
    registry.ask("DELETE", device_path(stage, who, "/commands"));
    co_await registry.answer();
  }
  service.close();
  co_return taken;
}

Task<void> gather(Stage& stage, Http* http, const std::vector<std::string_view>* ids, Gathered* into, model::Duration time) {
  co_await stage.need(stage.holds_feedback(), "the feedback is another case's");
  const Instant until = stage.now() + time;
  for (;;) {
    http->ask("GET", feedback_path);
    const Answer* answer = co_await http->answer();
    co_await stage.need(answer != nullptr && (answer->status == 200 || answer->status == 204), "feedback could not be received");
    if (answer->status == 200) {
      const auto records = records_of(*answer);
      co_await stage.need(records.has_value(), "a batch of feedback is no JSON");
      into->largest = std::max(into->largest, records->size());
      http->ask("DELETE", stage.keep(std::string{feedback_path} + "/" + std::string{etag_of(stage, answer)}));
      const Answer* done = co_await http->answer();
      co_await stage.need(done != nullptr && done->status == 204, "a batch of feedback could not be completed");
      for (const Record& record : *records)
        if (std::ranges::find(*ids, std::string_view{record.message}) != ids->end()) into->records[record.message].push_back(record);
      continue;
    }
    const bool all = std::ranges::all_of(*ids, [&](std::string_view id) { return into->of(id) > 0; });
    if (all || stage.now() >= until) co_return;
    co_await stage.pause(1s);
  }
}

}  // namespace hubproof::conformance::cases
