// AMQP messages: their sections as views, and the way between them and the hub's flat message
// [AMQP-22..AMQP-24, MSG-04]. No link and no hub in sight: what a hub stamps comes as plain values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/amqp/value.hpp"
#include "model/message.hpp"

namespace hubproof::model::amqp {

// The sections of one message, as views into its bytes. What is not there is null.
struct Sections {
  Value message_id = absent, user_id = absent, to = absent, reply_to = absent;
  Value correlation_id = absent, content_type = absent, content_encoding = absent;
  Value expiry = absent;
  Value annotations = absent;             // maps
  Value application_properties = absent;
  std::vector<View> data;                 // bodies of data sections
  Value value = absent;                   // body of an amqp-value section
  std::uint32_t delivery_count = 0;

  static constexpr Value absent{Kind::null};

  // A text among the application properties; nothing when there is none.
  std::optional<std::string_view> property(std::string_view name) const;
  Value annotation(std::string_view name) const;
};

// Nothing when the bytes are no message: broken values, unknown or doubled sections, fields of
// another type.
std::optional<Sections> read_sections(View bytes);

// An id as text: a uuid in its lower-case spelling, a number in decimal [MSG-04].
std::string id_text(const Value& id);
std::string uuid_text(View sixteen);

// The flat message that these sections mean. Application properties that are no texts are left out,
// as other readers do [MSG-14]. False: it cannot be one (a body of another type, a text that is no
// UTF-8 or has no room).
bool read_flat(const Sections& sections, Bytes& flat);

// What the hub adds to a cloud-to-device message [AMQP-22].
struct CommandStamp {
  std::uint64_t sequence = 0;
  std::uint32_t count = 0;     // of deliveries before this one
  std::int64_t enqueued = 0;   // milliseconds since 1970
  View lock;                   // 16 bytes
};
void write_command(Bytes& out, const MessageView& message, const CommandStamp& stamp);

// What the hub adds to an event [D2C-14].
struct EventStamp {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;
  std::int64_t enqueued = 0;
  std::string_view device;
  std::string_view generation;
  std::string_view auth_method;
};
void write_event(Bytes& out, const MessageView& message, const EventStamp& stamp);

// As a device or a service sends it.
void write_message(Bytes& out, const MessageView& message, std::string_view to);

// A feedback batch [FBK-14]: `json` is its body.
void write_feedback(Bytes& out, std::string_view message_id, std::string_view hub,
                    std::int64_t enqueued, std::string_view json);

// An answer of $cbs and $management: status 200 as an int, and what the request is answered with
// [AMQP-04]. `condition` may be empty; `body` is one encoded value.
void write_reply(Bytes& out, const Value& correlation, std::int32_t status,
                 std::string_view description, std::string_view condition, View body);

}  // namespace hubproof::model::amqp
