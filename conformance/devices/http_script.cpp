#include "conformance/devices/http_script.hpp"

namespace hubproof::conformance::devices::script {

Task<> http_begun(Stage& stage, Wish wish) {
  if (!wish.poll) wish.poll = 1;
  order_connect(stage, wish);
  const auto told = co_await said(stage, Said::Did::connected);
  if (!told) {
    const auto why = told_off(stage);
    const std::string what = "the adapter did not say \"connected\"" + (why ? ", but that it failed: " + *why : std::string{});
    co_await stage.missing(what.c_str());
  }
}

Stage::Waiting request_for(Stage& stage, Asked::What what, model::Duration patience) {
  return stage.wait([what](const Heard& heard) { return heard.kind == Heard::Kind::request && heard.asked.what == what; }, patience);
}

Stage::Waiting settling(Stage& stage, model::Duration patience) {
  return stage.wait([](const Heard& heard) { return heard.kind == Heard::Kind::request && heard.asked.what >= Asked::What::complete; },
                    patience);
}

HttpHub::Answer answer_with(const Command& command, const std::string& lock) {
  HttpHub::Answer answer;
  answer.status = 200;
  answer.body = command.payload;
  answer.fields = {{"ETag", "\"" + lock + "\""},
                   {"iothub-messageid", command.id},
                   {"iothub-sequencenumber", std::to_string(1 + model::hash(model::view(command.id), 0) % 1000)},
                   {"iothub-deliverycount", "0"},
                   {"iothub-enqueuedtime", "2026-09-21T14:13:20.000Z"}};
  for (const auto& [name, value] : command.properties) answer.fields.emplace_back("iothub-app-" + name, value);
  return answer;
}

}  // namespace hubproof::conformance::devices::script
