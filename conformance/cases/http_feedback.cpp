// Feedback over HTTPS. It is one stream for the whole hub: a case looks for the records of its own messages.
#include <algorithm>
#include <map>

#include "conformance/cases/commands.hpp"
#include "conformance/cases/hub.hpp"

namespace hubproof::conformance::cases {
namespace {

using model::Ack;

Script outcomes(Stage& stage) {
  const Who who = stage.someone();
  const std::string_view device = stage.identity(who).id;
  Service service{stage};
  co_await service.opened();
  Http http{stage}, registry{stage};
  http.as(who);
  registry.as_policy("iothubowner");
  const bool old = stage.target().profile == "iot-hub-2017";
  struct Expected {
    Ack ack;
    std::string_view status;
    bool record;
  };
  std::map<std::string, Expected> expected;
  const std::int64_t began = stage.date().time_since_epoch() / 1ms;
  for (const Ack ack : {Ack::none, Ack::positive, Ack::negative, Ack::full})
    for (const bool completes : {true, false}) {
      Wish wish;
      wish.ack = ack;
      const Drawn drawn = drawn_message(stage, wish);
      co_await taken(stage, &service, device, drawn.flat);
      http.ask("GET", device_path(stage, who, bound_path));
      const Answer* answer = co_await http.answer();
      const std::string_view token = etag_of(stage, answer);
      co_await stage.need(!token.empty(), "a command was not handed over");
      http.ask("DELETE", stage.keep(std::string{device_path(stage, who, bound_path)} + "/" + std::string{token} + (completes ? "" : ack == Ack::full ? "?reject" : "?reject=true")));
      const Answer* done = co_await http.answer();
      co_await stage.need(done != nullptr && done->status == 204, "a settling was refused");
      expected[std::string{drawn.id}] = {ack, completes ? "Success" : "Rejected", ack == Ack::full || ack == (completes ? Ack::positive : Ack::negative)};
    }
  const std::int64_t settled = stage.date().time_since_epoch() / 1ms;
  for (const Ack ack : {Ack::positive, Ack::negative}) {  // these expire
    Wish wish;
    wish.ack = ack;
    wish.expiry = (stage.date() + 6s).time_since_epoch() / 1ms;
    const Drawn drawn = drawn_message(stage, wish);
    co_await taken(stage, &service, device, drawn.flat);
    expected[std::string{drawn.id}] = {ack, "Expired", ack == Ack::negative};
  }
  co_await stage.pause(7s);
  Wish wish;
  wish.ack = Ack::full;
  const Drawn purged = drawn_message(stage, wish);
  co_await taken(stage, &service, device, purged.flat);
  registry.ask("DELETE", device_path(stage, who, "/commands"));
  const Answer* purge = co_await registry.answer();
  registry.expect(purge, 200, "a purge", "C2D-38");
  expected[std::string{purged.id}] = {Ack::full, "Purged", true};

  // All the time that a batch may last: what must not come has no order in which it would have come by then [FBK-16].
  Http reader{stage};
  reader.as_policy("service");
  std::map<std::string, int> seen;
  const Instant until = stage.now() + batching + 6s;
  for (;;) {
    reader.ask("GET", feedback_path);
    const Answer* answer = co_await reader.answer();
    if (answer == nullptr || (answer->status != 200 && answer->status != 204)) {
      reader.expect(answer, 200, "feedback", "FBK-10");
      co_return;
    }
    if (answer->status == 204) {
      if (stage.now() >= until) break;
      co_await stage.pause(1s);
      continue;
    }
    const std::string* type = answer->field("content-type");
    stage.expect(type != nullptr && type->starts_with("application/vnd.microsoft.iothub.feedback.json"), "the content type of feedback", type == nullptr ? "none" : *type, "FBK-14");
    const auto records = records_of(*answer);
    if (!stage.expect(records.has_value() && !records->empty() && records->size() <= 64, "a JSON array of 1 to 64 records", reader.found(answer), "FBK-14 FBK-15 INV-15 FBK-10")) co_return;
    for (const Record& record : *records) {
      const auto known = expected.find(record.message);
      if (known == expected.end()) continue;  // another case's
      ++seen[record.message];
      stage.expect(known->second.record, stage.keep("no record of " + std::string{known->second.status} + " with this ack"), record.status,
                   known->second.ack == Ack::none ? "FBK-01 FBK-04 INV-14" : known->second.ack == Ack::positive ? "FBK-02 INV-14" : "FBK-03 INV-14");
      stage.expect(status_name(record.status) == known->second.status, known->second.status, record.status, "FBK-09 INV-14");
      stage.expect(record.pascal == old, old ? "keys in PascalCase" : "keys in camelCase", record.pascal ? "PascalCase" : "camelCase", "FBK-12");
      stage.expect(record.device == device && !record.generation.empty(), "device id and generation id", record.device + " " + record.generation, "FBK-11 INV-21");
      const bool in_time = record.date && *record.date >= began - 60'000 &&
                           (known->second.status != "Success" || *record.date <= settled + 60'000);
      stage.expect(in_time, "the time of the outcome", record.date ? std::to_string(*record.date) : "none", "FBK-17 FBK-11");
    }
    reader.ask("DELETE", stage.keep(std::string{feedback_path} + "/" + std::string{etag_of(stage, answer)}));
    const Answer* done = co_await reader.answer();
    reader.expect(done, 204, "a batch that is completed", "FBK-21");
  }
  for (const auto& [id, what] : expected) {
    const std::string_view clauses = what.status == "Purged" ? "C2D-38 FBK-09" : what.ack == Ack::none ? "FBK-01 FBK-04 INV-14" : what.ack == Ack::positive ? "FBK-02 INV-14" : what.ack == Ack::negative ? "FBK-03 INV-14" : "FBK-04 INV-14";
    const int found = seen.contains(id) ? seen[id] : 0;
    if (what.record)
      stage.expect(found >= 1, stage.keep("a record of " + std::string{what.status} + " within 15 s and some"), "none", clauses);
    stage.expect(found <= 1, "one record at most of one message", std::to_string(found), "FBK-05 INV-14");
    if (!what.record && found == 0) stage.pass(clauses);
  }
  stage.pass("FBK-06");
}

Script settled(Stage& stage, bool waits) {
  const Who who = stage.someone();
  const std::string_view device = stage.identity(who).id;
  Service service{stage};
  co_await service.opened();
  Http http{stage}, reader{stage};
  http.as(who);
  reader.as_policy("service");
  Wish wish;
  wish.ack = Ack::full;
  const Drawn drawn = drawn_message(stage, wish);
  co_await taken(stage, &service, device, drawn.flat);
  service.close();
  http.ask("GET", device_path(stage, who, bound_path));
  const Answer* command = co_await http.answer();
  const std::string_view lock = etag_of(stage, command);
  co_await stage.need(!lock.empty(), "a command was not handed over");
  http.ask("DELETE", stage.keep(std::string{device_path(stage, who, bound_path)} + "/" + std::string{lock}));
  const Answer* done = co_await http.answer();
  co_await stage.need(done != nullptr && done->status == 204, "a settling was refused");
  if (waits) co_await fill_batch(stage, who);
  const Answer* batch = co_await batch_with(stage, &reader, drawn.id, batching + 6s);
  if (!stage.expect(batch != nullptr, "a batch with the record, within 15 s and some", reader.found(batch), "FBK-15 FBK-10 FBK-04 TIME-12")) co_return;
  const Instant locked_at = stage.now();
  const std::string_view token = etag_of(stage, batch);
  const std::string_view path = stage.keep(std::string{feedback_path} + "/" + std::string{token});
  stage.expect(!token.empty(), "a lock token as ETag", "none", "FBK-18 FBK-21");
  const Answer* locked = co_await batch_with(stage, &reader, drawn.id, 0s);
  stage.expect(locked == nullptr, "a batch that is locked hidden from others", "it comes again", "FBK-18 FBK-22");
  if (waits) {
    stage.leave_feedback();
    co_await stage.pause(lock_time - 15s);  // for the others; who reads when the lock has ended has its batch
    co_await stage.feedback_again();
    co_await stage.need(stage.now() - locked_at < lock_time, "others had the feedback until the lock had ended");
    co_await stage.pause(lock_time + 3s - (stage.now() - locked_at));
    const Answer* again = co_await batch_with(stage, &reader, drawn.id, 10s);
    if (!stage.expect(again != nullptr, "the batch again, once its lock has run out", reader.found(again), "FBK-18 FBK-19")) co_return;
    reader.ask("DELETE", path);
    const Answer* late = co_await reader.answer();
    reader.expect(late, 412, "a settling behind the lock's end", "FBK-18 FBK-19 ERR-27");
    reader.ask("DELETE", stage.keep(std::string{feedback_path} + "/" + std::string{etag_of(stage, again)}));
    co_await reader.answer();
    co_return;
  }
  reader.ask("POST", stage.keep(std::string{path} + "/abandon"));
  const Answer* abandoned = co_await reader.answer();
  reader.expect(abandoned, 204, "a batch that is abandoned", "FBK-21 FBK-18");
  const Answer* again = co_await batch_with(stage, &reader, drawn.id, 2s);
  if (!stage.expect(again != nullptr, "the batch at once, after it was abandoned", reader.found(again), "FBK-18 FBK-21")) co_return;
  const std::string_view last = stage.keep(std::string{feedback_path} + "/" + std::string{etag_of(stage, again)});
  reader.ask("DELETE", last);
  const Answer* completed = co_await reader.answer();
  reader.expect(completed, 204, "a batch that is completed", "FBK-21 FBK-18");
  const Answer* gone = co_await batch_with(stage, &reader, drawn.id, 0s);
  stage.expect(gone == nullptr, "nothing of a batch that was completed", "it comes again", "FBK-18 FBK-22");
  reader.ask("DELETE", last);
  const Answer* twice = co_await reader.answer();
  stage.expect(twice != nullptr && (twice->status == 412 || twice->status == 404), "status 412 or 404 for a batch that is final", reader.found(twice), "FBK-18 ERR-27");
}

// A batch that is given back each time comes as often as it may [FBK-20].
Script abandoned(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  Http http{stage}, reader{stage};
  http.as(who);
  reader.as_policy("service");
  Wish wish;
  wish.ack = Ack::positive;
  const Drawn drawn = drawn_message(stage, wish);
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  service.close();
  http.ask("GET", device_path(stage, who, bound_path));
  const Answer* command = co_await http.answer();
  http.ask("DELETE", stage.keep(std::string{device_path(stage, who, bound_path)} + "/" + std::string{etag_of(stage, command)}));
  const Answer* done = co_await http.answer();
  co_await stage.need(done != nullptr && done->status == 204, "a settling was refused");
  co_await fill_batch(stage, who);
  const int most = stage.target().profile == "iot-hub-2017" ? 100 : 10;
  int deliveries = 0;
  for (; deliveries <= most + 2; ++deliveries) {
    const Answer* batch = co_await batch_with(stage, &reader, drawn.id, deliveries == 0 ? batching + 6s : model::Duration{0});
    if (batch == nullptr) break;
    reader.ask("POST", stage.keep(std::string{feedback_path} + "/" + std::string{etag_of(stage, batch)} + "/abandon"));
    const Answer* back = co_await reader.answer();
    if (!reader.expect(back, 204, "a batch that is abandoned", "FBK-18 FBK-21")) co_return;
  }
  stage.expect(deliveries == most || deliveries == most + 1, stage.keep(std::to_string(most) + " deliveries, or one more"), std::to_string(deliveries), "FBK-20 FBK-18");
}

}  // namespace

void add_http_feedback(Cases& cases) {
  const Capabilities needs{Capability::amqp, Capability::service};
  cases.push_back({"http/feedback/outcomes", "Commands with each ack end in each way; the records that come are those that were asked for.",
                   {"FBK-01", "FBK-02", "FBK-03", "FBK-04", "FBK-05", "FBK-06", "FBK-09", "FBK-10", "FBK-11", "FBK-12", "FBK-14", "FBK-15", "FBK-17",
                    "FBK-21", "C2D-38", "INV-14", "INV-15", "INV-21"},
                   outcomes, needs, For::hubs, Alone::feedback});
  cases.push_back({"http/feedback/settled", "A batch is received, abandoned, received again and completed.",
                   {"FBK-04", "FBK-10", "FBK-15", "FBK-18", "FBK-21", "FBK-22", "TIME-12", "ERR-27"},
                   [](Stage& stage) { return settled(stage, false); }, needs, For::hubs, Alone::feedback});
  cases.push_back({"http/feedback/abandoned-each-time", "A batch is abandoned until it comes no more.", {"FBK-18", "FBK-20", "FBK-21"}, abandoned, needs, For::hubs, Alone::feedback});
  cases.push_back({"http/feedback/lock-runs-out", "A batch is received, and its lock runs out.",
                   {"FBK-04", "FBK-10", "FBK-15", "FBK-18", "FBK-19", "FBK-21", "FBK-22", "TIME-12", "ERR-27"},
                   [](Stage& stage) { return settled(stage, true); }, needs, For::hubs, Alone::feedback});
}

}  // namespace hubproof::conformance::cases
