// AMQP messages: what is read as a flat message is one, and means the same once written and read
// again.
#include "model/amqp/message.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hubproof::model;
  const auto sections = amqp::read_sections({data, size});
  if (!sections) return 0;
  Bytes flat;
  if (!amqp::read_flat(*sections, flat)) return 0;
  const MessageView message{flat};
  hold(message.valid());
  Bytes written;
  amqp::write_message(written, message, "/devices/d/messages/events");
  const auto again = amqp::read_sections(written);
  hold(again.has_value());
  Bytes twice;
  hold(amqp::read_flat(*again, twice));
  hold(MessageView{twice}.counted_size() > 0);
  return 0;
}
