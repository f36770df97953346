// Arbitrary flat messages for property tests.
#pragma once

#include "model/message.hpp"
#include "tests/support/mqtt_generators.hpp"

namespace hubproof::generate {

// Property names that mean something to the bag have their own fields.
inline std::string property_name() {
  std::string name = utf8_text(8);
  if (name.empty() || name == "iothub-ack" || name.starts_with("$.")) name = "p" + name;
  return name;
}

inline model::Bytes message() {
  using model::System;
  model::Bytes flat;
  model::MessageWriter writer{flat};
  if (coin()) writer.system(System::message_id, utf8_text(10));
  if (coin()) writer.system(System::correlation_id, utf8_text(10));
  if (coin())
    writer.expiry_milliseconds(
        *rc::gen::inRange<std::int64_t>(-62'135'596'800'000, 253'402'300'800'000));
  if (coin()) writer.ack(static_cast<model::Ack>(*rc::gen::inRange(0, 4)));
  if (coin())
    writer.system(*rc::gen::element(System::user_id, System::content_type, System::schema,
                                    System::diagnostic_context, System::to),
                  utf8_text(10));
  for (int n = *rc::gen::inRange(0, 5); n > 0; --n) {
    if (coin())
      writer.property(property_name(), utf8_text(10));
    else
      writer.null_property(property_name());
  }
  Keep keep;
  writer.body(bytes(keep));
  return flat;
}

}  // namespace hubproof::generate
