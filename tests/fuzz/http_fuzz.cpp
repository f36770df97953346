// HTTP messages: any split gives the same messages and the same refusal, and what was read can be
// written and read again. JSON bodies are read too.
#include <algorithm>
#include <string>
#include <utility>

#include "model/http/codec.hpp"
#include "model/json.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;

struct Seen {
  Bytes again;  // the messages, written anew
  unsigned refused = 0;
  bool idle = false;
  bool operator==(const Seen&) const = default;
};

// What frames a message is the writer's.
template <class Message>
void write_again(Bytes& out, const Message& read) {
  Message message = read;
  std::erase_if(message.fields, [](const http::Field& field) {
    return http::same(field.name, "content-length") || http::same(field.name, "transfer-encoding") ||
           http::same(field.name, "connection") || http::same(field.name, "proxy-connection") ||
           http::same(field.name, "upgrade") || http::same(field.name, "expect") ||
           (http::same(field.name, "host"));
  });
  if constexpr (std::is_same_v<Message, http::Request>) message.fields.push_back({"Host", "h"});
  for (const http::Field& field : message.fields)
    hold(http::legal_name(field.name) && http::legal_value(field.value));
  http::write(out, message);
}

template <class Message>
Seen read(View bytes, std::size_t chunk) {
  Seen seen;
  http::Decoder<Message> decoder{http::Limits{512, 256}};
  while (!bytes.empty() && !decoder.refused()) {
    const View part = bytes.first(std::min(chunk, bytes.size()));
    bytes = bytes.subspan(part.size());
    decoder.feed(part);
    while (const Message* message = decoder.next()) write_again(seen.again, *message);
    decoder.wants_continue();
  }
  if (decoder.refused())
    seen.refused = decoder.refused()->status;
  else
    seen.idle = decoder.idle();
  return seen;
}

template <class Message>
void check(View bytes, std::size_t chunk) {
  const Seen whole = read<Message>(bytes, bytes.size() + 1);
  hold(read<Message>(bytes, 1) == whole);
  hold(read<Message>(bytes, chunk) == whole);
  const Seen second = read<Message>(whole.again, whole.again.size() + 1);
  if (second.refused == 0) hold(second.again == whole.again && second.idle);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const View bytes{data + 2, size - 2};
  if (data[0] % 3 == 0) check<http::Request>(bytes, 1u + data[1]);
  if (data[0] % 3 == 1) check<http::Response>(bytes, 1u + data[1]);
  if (data[0] % 3 == 2) read_json(text(bytes));
  return 0;
}
