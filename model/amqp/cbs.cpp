#include "model/amqp/cbs.hpp"

#include <string>

#include "model/amqp/message.hpp"

namespace hubproof::model::amqp {

CbsLinks attach_cbs(Engine& engine) {
  Attach tokens;
  tokens.peer_sends = false;
  tokens.name = "tokens";
  tokens.target = cbs_address;
  Attach answers;
  answers.name = "token-answers";
  answers.source = cbs_address;
  const LinkId first = engine.attach(tokens);
  return {first, engine.attach(answers)};
}

void write_put_token(Bytes& out, std::uint64_t id, std::string_view audience, std::string_view token) {
  constexpr std::uint8_t properties = 0x73, application_properties = 0x74, amqp_value = 0x77;
  ValueWriter to{out};
  to.descriptor(properties);
  to.begin_list();
  to.string(std::to_string(id));  // message-id
  to.null();                      // user-id
  to.string(cbs_address);         // to
  to.null();                      // subject
  to.string(cbs_address);         // reply-to
  to.end();
  to.descriptor(application_properties);
  to.begin_map();
  to.string("operation");
  to.string("put-token");
  to.string("type");
  to.string("servicebus.windows.net:sastoken");
  to.string("name");
  to.string(audience);
  to.end();
  to.descriptor(amqp_value);
  to.string(token);
}

std::optional<int> read_put_token_status(View message) {
  const auto sections = read_sections(message);
  if (!sections) return std::nullopt;
  std::optional<int> status;
  each_pair(sections->application_properties, [&](const Value& key, const Value& value) {
    if (key.text() == "status-code" && value.number() >= 100 && value.number() < 600)
      status = static_cast<int>(value.number());
  });
  return status;
}

}  // namespace hubproof::model::amqp
