#include "conformance/devices/amqp_script.hpp"

#include <algorithm>

#include "model/amqp/message.hpp"

namespace hubproof::conformance::devices::script {
namespace {

using Did = Said::Did;

constexpr std::int64_t some_date = 1'790'000'000'000;  // milliseconds since 1970

}  // namespace

Task<LinkId> amqp_connected(Stage& stage, Wish wish) {
  order_connect(stage, wish);
  const auto came = co_await arrives(stage, stage.patience() * 2);
  if (!came) co_await stage.missing("no connection came after the device was told to connect");
  const auto told = co_await said(stage, Did::connected);
  if (!told) {
    const auto why = told_off(stage);
    const std::string what = "the adapter did not say \"connected\"" + (why ? ", but that it failed: " + *why : std::string{});
    co_await stage.missing(what.c_str());
  }
  co_return came->link;
}

Task<LinkId> amqp_back(Stage& stage, Wish wish) {
  if (!stage.device().reconnects) {
    const auto lost = co_await said(stage, Did::lost);
    if (!lost) co_await stage.missing("the adapter did not say \"lost\" after the connection was cut");
    order_connect(stage, wish);
  }
  const auto came = co_await arrives(stage, std::max(stage.patience() * 4, longest_wait));
  if (!came) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device did not come back, and its adapter does not answer");
    stage.fail("INV-24", "the device does not come back after its connection ended");
    co_await stage.missing("the device did not come back");
  }
  co_return came->link;
}

Stage::Waiting telemetry_of(Stage& stage, LinkId link, std::uint64_t order) {
  return stage.wait(
      [link, order](const Heard& heard) {
        const auto* arrived = heard.amqp<amqp::Arrived>();
        return heard.link == link && heard.use == Use::telemetry && arrived != nullptr && body_of(*arrived) == text_of(order);
      },
      stage.patience());
}

PutToken put_token_of(const Heard& arrived) {
  PutToken token;
  const auto* message = arrived.amqp<amqp::Arrived>();
  const auto sections = message == nullptr ? std::nullopt : amqp::read_sections(message->message);
  if (!sections) return token;
  token.operation = sections->property("operation").value_or("");
  token.type = sections->property("type").value_or("");
  token.audience = sections->property("name").value_or("");
  token.token = sections->value.text();
  token.to_cbs = sections->to.text() == "$cbs";
  token.has_reply_to = sections->reply_to.is_text();
  token.has_id = sections->message_id.kind != amqp::Kind::null;
  return token;
}

Task<> takes_commands(Stage& stage, AmqpHub& hub, LinkId link) {
  const model::Instant until = stage.now() + stage.patience();
  while (hub.credit(link) == 0) {
    const auto credited = co_await next_event<amqp::Credited>(stage, link, Use::commands, until - stage.now());
    if (!credited) co_await stage.missing("the device gives no credit for commands");
  }
}

amqp::DeliveryId hand_over(AmqpHub& hub, LinkId link, const Command& command, std::uint32_t count) {
  const model::Bytes flat = flat_of(command);
  model::Bytes lock(16);
  model::store_big<8>(lock.data() + 8, model::hash(model::view(command.id), count));
  model::Bytes message;
  amqp::write_command(message, model::MessageView{flat}, {1 + model::hash(model::view(command.id), 0) % 1000, count, some_date, lock});
  return hub.send(link, message, lock);
}

}  // namespace hubproof::conformance::devices::script
