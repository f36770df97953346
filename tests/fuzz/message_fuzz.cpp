// Flat messages and property bags from outside: what is valid can be read to its end, and a bag
// that was read is written and read again as the same message.
#include <string_view>

#include "model/message.hpp"
#include "model/mqtt/bag.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hubproof::model;
  const View bytes{data, size};

  const MessageView message{bytes};
  if (message.valid()) {
    std::size_t fields = 0;
    message.each([&](System, std::string_view) { ++fields; }, [&](std::string_view, auto) { ++fields; });
    hold(message.body().size() <= size && message.counted_size() <= size && fields <= size);
    (void)message.key(), (void)message.expiry(), (void)message.ack(), (void)message.content_digest();
  }

  Bytes flat;
  MessageWriter writer{flat};
  if (mqtt::read_bag(text(bytes), writer)) {
    writer.body({});
    hold(MessageView{flat}.valid());
    Bytes bag;
    mqtt::write_bag(bag, MessageView{flat});
    Bytes flat_again;
    MessageWriter again{flat_again};
    hold(mqtt::read_bag(text(bag), again));
    again.body({});
    Bytes bag_again;
    mqtt::write_bag(bag_again, MessageView{flat_again});
    hold(bag_again == bag);
  }
  return 0;
}
