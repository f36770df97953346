// A message's properties as fields of an HTTP message [HTTP-03, HTTP-04, HTTP-11], and messages as
// the items of a batch [HTTP-07], to and from flat messages.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/message.hpp"

namespace hubproof::model::http {

inline constexpr std::string_view batch_type = "application/vnd.microsoft.iothub.json";

// Appends what a field says of a message. False: no message can have it (not UTF-8, too long, or a
// value of a system property that is none). A field that says nothing of a message is passed over;
// so is `iothub-to`, which must not change the result [HTTP-06], and an expiry that is no ISO date:
// SDKs send what their application set, and it has no effect on telemetry [D2C-45].
bool read_property(std::string_view name, std::string_view value, MessageWriter& out);

// Calls write(name, value) for each property, in the order of the flat message; what the hub alone
// sets is not among them. A null property is written as an empty one.
template <class F>
void each_property(const MessageView& message, F&& write);

// Can all its properties travel as fields, and arrive as they left? [MSG-13]
bool fits_fields(const MessageView& message);

// The messages of a batch as flat messages, in its order [D2C-44]; or what is wrong with it.
std::variant<std::vector<Bytes>, const char*> read_batch(std::string_view body, std::size_t most);

// Appends a batch of flat messages.
class BatchWriter {
 public:
  explicit BatchWriter(std::string& out) : out_{&out} { *out_ += '['; }
  void add(const MessageView& message);
  void finish() { *out_ += ']'; }

 private:
  std::string* out_;
  bool first_ = true;
};

// The field that carries a system property; empty: none does.
std::string_view field_name(System key);
// Its value as text.
std::string field_value(System key, std::string_view value);

inline constexpr std::string_view application_prefix = "iothub-app-";

template <class F>
void each_property(const MessageView& message, F&& write) {
  std::string name;
  message.each(
      [&](System key, std::string_view value) {
        if (const std::string_view field = field_name(key); !field.empty())
          write(field, std::string_view{field_value(key, value)});
      },
      [&](std::string_view property, std::optional<std::string_view> value) {
        name.assign(application_prefix).append(property);
        write(std::string_view{name}, value.value_or(std::string_view{}));
      });
}

}  // namespace hubproof::model::http
