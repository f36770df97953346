#include "conformance/cases/amqp.hpp"

#include "conformance/cases/registry.hpp"

#include <algorithm>
#include <variant>

#include "model/amqp/cbs.hpp"
#include "model/amqp/message.hpp"
#include "model/amqp/sasl.hpp"

namespace hubproof::conformance::cases {

namespace amqp = model::amqp;

namespace {

constexpr std::uint32_t window = 50;  // events that a reader takes ahead, of each partition

amqp::Engine::Settings settings(Stage& stage, Duration idle) {
  return {true, "conform-" + std::string{stage.fresh_level()}, stage.target().host, idle, 0};
}

// SASL's header and a sasl-init of PLAIN.
Bytes plain_hello(std::string_view user, std::string_view password) {
  Bytes init;
  amqp::ValueWriter frame{init};
  frame.descriptor(0x41);
  frame.begin_list();
  frame.symbol("PLAIN");
  frame.binary(model::view(std::string{'\0'} + std::string{user} + '\0' + std::string{password}));
  frame.end();
  const auto size = static_cast<std::uint32_t>(init.size() + 8);
  const auto octet = [&](int at) { return static_cast<std::uint8_t>(size >> (8 * at)); };
  // The body of the frame begins at its ninth byte; it is one of SASL.
  const std::uint8_t head[] = {'A', 'M', 'Q', 'P', 3, 1, 0, 0, octet(3), octet(2), octet(1), octet(0), 2, 1, 0, 0};
  Bytes hello(std::size(head) + init.size());
  std::ranges::copy(init, std::ranges::copy(head, hello.begin()).out);
  return hello;
}

}  // namespace

// ---- The connection.

Amqp::Amqp(Stage& stage, Duration idle) : stage_{stage}, engine_{settings(stage, idle)} {}

// The client's half in one piece, and the hub's answer.
Task<bool> Amqp::sasl(View hello) {
  client_ = stage_.connect(Door::amqp);
  co_await stage_.opened(client_);
  stage_.send(client_, hello);
  for (std::size_t wanted = 1;;) {
    const View got = co_await stage_.bytes(client_, wanted);
    if (got.size() < wanted) co_return false;
    const auto answer = amqp::read_sasl_answer(got);
    if (!answer) {
      wanted = got.size() + 1;
      continue;
    }
    stage_.read(client_, answer->size);
    if (answer->welcome) flush();
    co_return answer->welcome;
  }
}

Task<void> Amqp::opened() {
  Bytes hello;
  amqp::write_sasl_anonymous(hello);
  const bool welcome = co_await sasl(stage_.keep(std::move(hello)));
  if (!welcome) co_await stage_.give_up("SASL ANONYMOUS was refused, or not answered");
}

Task<bool> Amqp::logged_in(std::string_view user, std::string_view password) {
  const bool welcome = co_await sasl(stage_.keep(plain_hello(user, password)));
  co_return welcome;
}

void Amqp::wake() {
  engine_.woken(stage_.now());
  listen();
}

void Amqp::flush() {
  Bytes out;
  for (;;) {
    out.clear();
    engine_.output(stage_.now(), out);
    if (out.empty()) return;
    stage_.send(client_, out);
    listen();
  }
}

void Amqp::listen() {
  while (auto event = engine_.next()) events_.push_back(std::move(*event));
}

Task<const amqp::Event*> Amqp::next() {
  for (;;) {
    flush();
    if (!events_.empty()) {
      current_ = std::move(events_.front());
      events_.pop_front();
      co_return &current_;
    }
    const View got = co_await stage_.bytes(client_, 1);
    if (got.empty()) co_return nullptr;
    engine_.received(stage_.now(), got);
    stage_.read(client_, got.size());
    listen();
  }
}

Task<int> Amqp::token_put(std::string_view audience, std::string_view token) {
  if (!cbs_) cbs_ = amqp::attach_cbs(engine_);  // one pair for all tokens of a connection
  else engine_.grant(cbs_->answers, 1);
  bool asked = false;
  for (;;) {
    if (!asked && engine_.credit(cbs_->tokens) > 0) {
      asked = true;
      Bytes message, tag;
      amqp::write_put_token(message, ++tags_, audience, token);
      model::Writer{tag}.u64(tags_);
      engine_.send(cbs_->tokens, tag, message);
    }
    const amqp::Event* event = co_await next();
    if (event == nullptr) co_return 0;
    if (const auto* attached = std::get_if<amqp::Attached>(event); attached != nullptr && attached->link == cbs_->answers)
      engine_.grant(cbs_->answers, 1);
    if (const auto* settled = std::get_if<amqp::Settled>(event); settled != nullptr && settled->link == cbs_->tokens)
      engine_.forget(settled->link, settled->delivery);
    if (const auto* arrived = std::get_if<amqp::Arrived>(event); arrived != nullptr && arrived->link == cbs_->answers) {
      engine_.settle(arrived->link, arrived->delivery, amqp::Outcome::accepted);
      co_return amqp::read_put_token_status(arrived->message).value_or(0);
    }
  }
}

void Amqp::close() {
  if (client_ != Client::none) stage_.close(client_);
}

// ---- The service.

Task<void> Service::opened(bool afresh) {
  if (afresh) co_await purged(stage_);
  co_await amqp_.opened();
  const Identity* policy = stage_.target().policy("service");
  if (policy == nullptr) policy = stage_.target().policy("iothubowner");
  if (policy != nullptr) {
    const int status = co_await amqp_.token_put(stage_.target().host, policy->password);
    if (status != 200) co_await stage_.give_up(stage_.keep("the token of a service was answered with " + std::to_string(status)));
  }
  amqp::Attach attach;
  attach.peer_sends = false;
  attach.name = "commands";
  attach.target = "/messages/devicebound";
  commands_ = amqp_.engine().attach(attach);
  amqp_.flush();
}

Task<Sent> Service::send(std::string_view device, View flat) {
  const std::string_view to = stage_.keep("/devices/" + std::string{device} + "/messages/devicebound");
  const Sent sent = co_await send_to(to, flat);
  co_return sent;
}

Task<Sent> Service::send_to(std::string_view address, View flat) {
  Sent sent;
  amqp::DeliveryId delivery{};
  for (;;) {
    if (delivery == amqp::DeliveryId::none && amqp_.engine().credit(commands_) > 0) {
      Bytes message, tag;
      amqp::write_message(message, model::MessageView{flat}, address);  // [C2D-01]
      model::Writer{tag}.u64(++tags_);
      delivery = amqp_.engine().send(commands_, tag, message);
    }
    const amqp::Event* event = co_await amqp_.next();
    if (event == nullptr) co_return sent;
    if (took(*event)) continue;
    if (const auto* settled = std::get_if<amqp::Settled>(event); settled != nullptr && settled->delivery == delivery) {
      sent.answered = true;
      sent.accepted = settled->outcome == amqp::Outcome::accepted;
      sent.condition = stage_.keep(settled->error.condition.empty() ? std::string{"another outcome"} : settled->error.condition);
      amqp_.engine().forget(commands_, delivery);
      amqp_.flush();
      co_return sent;
    }
    if (const auto* detached = std::get_if<amqp::Detached>(event); detached != nullptr && detached->link == commands_) {
      sent.answered = true;
      sent.condition = stage_.keep(detached->error.condition);
      co_return sent;
    }
  }
}

Task<void> Service::watches(bool from_the_start) {
  for (std::uint32_t partition = 0; partition < stage_.target().limits.partitions; ++partition) {
    amqp::Attach attach;
    attach.name = "events-" + std::to_string(partition);
    attach.source = stage_.target().host + "/ConsumerGroups/$Default/Partitions/" + std::to_string(partition);
    attach.target = attach.name;
    amqp::ValueWriter filter{attach.filter};
    filter.begin_map();
    filter.symbol("apache.org:selector-filter:string");
    filter.descriptor(0x04);
    filter.string(from_the_start ? "amqp.annotation.x-opt-offset > '-1'" : "amqp.annotation.x-opt-offset > '@latest'");  // [D2C-36]
    filter.end();
    partitions_[amqp_.engine().attach(attach)] = partition;
  }
  for (std::size_t attached = 0; attached < partitions_.size();) {
    const amqp::Event* event = co_await amqp_.next();
    if (event == nullptr) co_await stage_.give_up("telemetry could not be read: its links were not answered");
    if (const auto* refused = std::get_if<amqp::Detached>(event); refused != nullptr && partitions_.contains(refused->link))
      co_await stage_.give_up(stage_.keep("telemetry could not be read: " + refused->error.condition));
    const auto* one = std::get_if<amqp::Attached>(event);
    if (one == nullptr || !partitions_.contains(one->link)) continue;
    amqp_.engine().grant(one->link, window);
    ++attached;
  }
  amqp_.flush();
}

bool Service::took(const amqp::Event& event) {
  const auto* arrived = std::get_if<amqp::Arrived>(&event);
  if (arrived == nullptr || !partitions_.contains(arrived->link)) return false;
  amqp_.engine().settle(arrived->link, arrived->delivery, amqp::Outcome::accepted);
  amqp_.engine().grant(arrived->link, window);
  const auto sections = amqp::read_sections(arrived->message);
  Reading reading;
  if (!sections || !amqp::read_flat(*sections, reading.flat)) {
    stage_.note("an event that is no message");
    return true;
  }
  reading.partition = partitions_[arrived->link];
  reading.sequence = sections->annotation("x-opt-sequence-number").number();
  reading.offset = sections->annotation("x-opt-offset").text();
  reading.device = sections->annotation("iothub-connection-device-id").text();
  reading.generation = sections->annotation("iothub-connection-auth-generation-id").text();
  reading.auth_method = sections->annotation("iothub-connection-auth-method").text();
  reading.source = sections->annotation("iothub-message-source").text();
  reading.received = sections->annotation("iothub-enqueuedtime").number();
  reading.enqueued = sections->annotation("x-opt-enqueued-time").number();
  readings_.push_back(std::move(reading));
  return true;
}

Task<const Reading*> Service::telemetry(std::string_view device) {
  std::size_t& at = shown_[std::string{device}];
  for (;;) {
    while (at < readings_.size()) {
      const Reading& one = readings_[at++];
      if (one.device == device) co_return &one;
    }
    const amqp::Event* event = co_await amqp_.next();
    if (event == nullptr) co_return nullptr;
    took(*event);
  }
}

// ---- Messages of chance.

std::string_view property_name(Stage& stage) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  std::string name{stage.fresh_level()};
  if (stage.draws().below(3) == 0) name += marks[stage.draws().below(static_cast<std::uint32_t>(marks.size()))];
  return stage.keep(name + std::to_string(stage.draws().below(1000)));
}

std::string_view property_value(Stage& stage) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
  std::string value;
  for (std::uint32_t more = stage.draws().between(1, 24); more > 0; --more)
    value += letters[stage.draws().below(static_cast<std::uint32_t>(letters.size()))];
  return stage.keep(std::move(value));
}

Drawn drawn_message(Stage& stage, const Wish& wish) {
  Drawn drawn;
  drawn.id = stage.keep(std::string{stage.fresh_id()} + std::to_string(stage.draws().below(1'000'000)));
  Bytes flat;
  model::MessageWriter out{flat};
  out.system(model::System::message_id, drawn.id);
  if (wish.expiry != 0) out.expiry_milliseconds(wish.expiry);
  if (wish.ack != model::Ack::none) out.ack(wish.ack);
  for (std::uint32_t more = std::min(wish.properties, 1 + stage.draws().below(wish.properties + 1)); more > 0; --more) {
    drawn.properties.emplace_back(property_name(stage), property_value(stage));
    out.property(drawn.properties.back().first, drawn.properties.back().second);
  }
  drawn.body = stage.payload(wish.least, wish.most);
  out.body(drawn.body);
  drawn.flat = stage.keep(std::move(flat));
  return drawn;
}

}  // namespace hubproof::conformance::cases
