// The protocol-neutral message that hub, sessions and devices exchange [MSG-01], held as one flat
// buffer: tagged fields, then the body. The flat form is what journals, outboxes, the telemetry
// log and links store, so a message is encoded once and copied as a block.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/bytes.hpp"
#include "model/time.hpp"

namespace hubproof::model {

// System properties [MSG-03..MSG-10]. Numbers are stored: add at the end, never renumber.
enum class System : std::uint8_t {
  message_id = 1,
  correlation_id = 2,
  user_id = 3,
  to = 4,
  expiry =
      5,  // 8 bytes: milliseconds since 1970, as the wire's ISO text and AMQP's timestamp have them
  content_type = 6,
  content_encoding = 7,
  ack = 8,  // 1 byte: Ack
  creation_time = 9,
  output_name = 10,
  schema = 11,
  interface_id = 12,
  component = 13,
  connection_device_id = 14,
  connection_module_id = 15,
  diagnostic_id = 16,
  diagnostic_context = 17
};

// What feedback the sender of a cloud-to-device message asked for [FBK-01].
enum class Ack : std::uint8_t { none, positive, negative, full };

// Who a message is, across every hop: 64 bits made of its message-id (see message_key).
enum class MessageKey : std::uint64_t { none = 0 };

// The key of a message-id. Ids that hubproof itself makes ("t3-17": the 17th telemetry message of
// node 3; "c3-17" likewise from the service) are packed reversibly, all others are hashed, with
// the top bit set to tell the two apart.
MessageKey message_key(std::string_view message_id);
MessageKey own_key(char kind, std::uint32_t node, std::uint32_t number);  // kind 't' or 'c'
std::string message_id(
    MessageKey key);  // the id of an own key; of a hashed one "#" and 16 hex digits

// Tags of fields that are no system properties.
inline constexpr std::uint8_t body_tag = 0x00;
inline constexpr std::uint8_t property_tag = 0x80;
inline constexpr std::uint8_t null_property_tag = 0x81;

// A flat message is any number of fields, then the body, once, last.
//   field: tag u8, then per tag: system: length u16, bytes; property 0x80: name string16, value
//   string16; null property 0x81: name string16 [MQTT-28]; body 0x00: the rest of the buffer.
// These write one field to where there is room for it, and give its end.
inline constexpr std::size_t field_head = 3;    // tag and length; a property has two bytes more
inline constexpr std::size_t longest_own_id = 24;
inline std::uint8_t* put_string16(std::uint8_t* to, std::string_view text) {
  store_big<2>(to, text.size());
  return copy(to + 2, text.data(), text.size());
}
inline std::uint8_t* put_field(std::uint8_t* to, std::uint8_t tag, std::string_view text) {
  *to = tag;
  return put_string16(to + 1, text);
}
inline std::uint8_t* put_property(std::uint8_t* to, std::string_view name, std::string_view value) {
  return put_string16(put_field(to, property_tag, name), value);
}
std::uint8_t* put_own_id(std::uint8_t* to, MessageKey own);  // the message-id of an own key
std::uint8_t* put_expiry(std::uint8_t* to, Date at);         // cut to whole milliseconds
std::uint8_t* put_ack(std::uint8_t* to, Ack ack);

// Writes a flat message that a buffer holds at its end, field by field.
class MessageWriter {
 public:
  explicit MessageWriter(Bytes& out) : buffer_{&out} {}
  void system(System key, std::string_view value);
  void expiry(Date at);                               // cut to whole milliseconds
  void expiry_milliseconds(std::int64_t since_1970);  // the wire's years reach further than a Date
  void ack(Ack ack);
  void property(std::string_view name, std::string_view value);
  void null_property(std::string_view name);
  void body(View bytes);

  // For who writes fields in place: the buffer that they go to.
  Bytes& buffer() { return *buffer_; }

 private:
  Bytes* buffer_;
};

// A view of a flat message that somebody else holds.
class MessageView {
 public:
  MessageView() = default;
  explicit MessageView(View flat) : flat_{flat} {}

  View flat() const { return flat_; }
  bool valid() const;  // well formed to the end: ask once, of bytes that come from outside
  std::optional<std::string_view> system(System key) const;
  std::optional<std::string_view> property(std::string_view name) const;
  std::optional<Date> expiry() const;
  Ack ack() const;
  View body() const;
  MessageKey key() const;  // of its message-id; none when it has none

  // The sum of body, properties and settable system properties, in any order, without what a hub
  // may add on the way (mqtt-retain, x-opt-retain, mqtt-dup, iothub-MessageType) and without `to`.
  // Equal digests at both ends are what [INV-25] asks for.
  std::uint64_t content_digest() const;

  // Bytes that count towards the size limits: body, system values, property names and values
  // [MSG-20].
  std::size_t counted_size() const;

  // visit(System, value) / visit(name, optional value) for every field in order; returns the body.
  template <class OnSystem, class OnProperty>
  View each(OnSystem&& on_system, OnProperty&& on_property) const;

 private:
  View flat_;
};

template <class OnSystem, class OnProperty>
View MessageView::each(OnSystem&& on_system, OnProperty&& on_property) const {
  Reader reader{flat_};
  while (reader.left() > 0) {
    const std::uint8_t tag = reader.u8();
    if (tag == body_tag) return reader.rest();
    if (tag == property_tag) {
      const std::string_view name = reader.string16();
      const std::string_view value = reader.string16();
      on_property(name, std::optional<std::string_view>{value});
    } else if (tag == null_property_tag) {
      on_property(reader.string16(), std::optional<std::string_view>{});
    } else {
      on_system(static_cast<System>(tag), reader.string16());
    }
  }
  return {};
}

}  // namespace hubproof::model
