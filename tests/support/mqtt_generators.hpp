// Arbitrary MQTT packets for property tests, and a text for each packet that says all of it.
#pragma once

#include <rapidcheck.h>

#include <deque>
#include <string>

#include "model/mqtt/codec.hpp"

namespace hubproof::generate {

namespace mqtt = model::mqtt;

// Owns what the views of generated packets look at; addresses stay.
using Keep = std::deque<std::string>;

inline std::string utf8_text(std::size_t most) {
  const auto points = *rc::gen::resize(
      static_cast<int>(most),
      rc::gen::container<std::vector<std::uint32_t>>(rc::gen::weightedOneOf<std::uint32_t>(
          {{8, rc::gen::inRange<std::uint32_t>(0x20, 0x7f)},
           {1, rc::gen::inRange<std::uint32_t>(0x80, 0x800)},
           {1, rc::gen::inRange<std::uint32_t>(0x800, 0xd800)},
           {1, rc::gen::element<std::uint32_t>(0x01, 0x7f, 0xe000, 0xfeff, 0xffff, 0x10000)},
           {1, rc::gen::inRange<std::uint32_t>(0x10000, 0x110000)}})));
  std::string text;
  for (const std::uint32_t point : points) {
    const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (point < 0x80) {
      add(point);
    } else if (point < 0x800) {
      add(0xc0 | point >> 6), add(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
      add(0xe0 | point >> 12), add(0x80 | (point >> 6 & 0x3f)), add(0x80 | (point & 0x3f));
    } else {
      add(0xf0 | point >> 18), add(0x80 | (point >> 12 & 0x3f));
      add(0x80 | (point >> 6 & 0x3f)), add(0x80 | (point & 0x3f));
    }
  }
  return text;
}

inline std::string_view text(Keep& keep) { return keep.emplace_back(utf8_text(20)); }

inline std::string_view topic(Keep& keep) {
  std::string name = "t/" + utf8_text(30);
  std::erase_if(name, [](char c) { return c == '+' || c == '#'; });
  return keep.emplace_back(std::move(name));
}

inline std::string_view filter(Keep& keep) {
  return keep.emplace_back(*rc::gen::element<std::string>("#", "+/a", "a/+/b", "a/#", "") + "x/" +
                           utf8_text(10));
}

inline model::View bytes(Keep& keep) {
  return model::view(
      keep.emplace_back(*rc::gen::container<std::string>(rc::gen::arbitrary<char>())));
}

inline mqtt::PacketId id() { return *rc::gen::inRange<mqtt::PacketId>(1, 0xffff); }
inline std::uint8_t qos() { return *rc::gen::inRange<std::uint8_t>(0, 3); }
inline bool coin() { return *rc::gen::arbitrary<bool>(); }

inline mqtt::Connect connect(Keep& keep) {
  mqtt::Connect packet;
  packet.clean_session = coin();
  packet.keep_alive = *rc::gen::arbitrary<std::uint16_t>();
  packet.client_id = text(keep);
  if (coin()) {
    mqtt::Will& will = packet.will.emplace();
    will.topic = topic(keep);
    will.message = bytes(keep);
    will.qos = qos();
    will.retain = coin();
  }
  if (coin()) packet.user_name = text(keep);
  if (packet.user_name && coin()) packet.password = bytes(keep);
  return packet;
}

inline mqtt::Publish publish(Keep& keep) {
  mqtt::Publish packet;
  packet.topic = topic(keep);
  packet.payload = bytes(keep);
  packet.qos = qos();
  packet.id = packet.qos > 0 ? id() : mqtt::PacketId{0};
  packet.dup = packet.qos > 0 && coin();
  packet.retain = coin();
  return packet;
}

inline mqtt::Connack connack() {
  const auto code = *rc::gen::inRange<std::uint8_t>(0, 6);
  return {code == 0 && coin(), code};
}

inline mqtt::Subscribe subscribe(Keep& keep) {
  mqtt::Subscribe packet;
  packet.id = id();
  for (int n = *rc::gen::inRange(1, 5); n > 0; --n) packet.filters.push_back({filter(keep), qos()});
  return packet;
}

inline mqtt::Unsubscribe unsubscribe(Keep& keep) {
  mqtt::Unsubscribe packet;
  packet.id = id();
  for (int n = *rc::gen::inRange(1, 5); n > 0; --n) packet.filters.push_back(filter(keep));
  return packet;
}

inline mqtt::Suback suback() {
  mqtt::Suback packet;
  packet.id = id();
  for (int n = *rc::gen::inRange(1, 5); n > 0; --n)
    packet.codes.push_back(*rc::gen::element<std::uint8_t>(0, 1, 2, 0x80));
  return packet;
}

// Of a type that may travel to `end`.
inline mqtt::Packet packet(mqtt::End end, Keep& keep) {
  const bool server = end == mqtt::End::server;
  switch (*rc::gen::inRange(0, server ? 10 : 9)) {
    case 0:
    case 1:
      return publish(keep);
    case 2:
      return mqtt::Puback{id()};
    case 3:
      return mqtt::Pubrec{id()};
    case 4:
      return mqtt::Pubrel{id()};
    case 5:
      return mqtt::Pubcomp{id()};
    case 6:
      return server ? mqtt::Packet{connect(keep)} : mqtt::Packet{connack()};
    case 7:
      return server ? mqtt::Packet{subscribe(keep)} : mqtt::Packet{suback()};
    case 8:
      return server   ? mqtt::Packet{unsubscribe(keep)}
             : coin() ? mqtt::Packet{mqtt::Unsuback{id()}}
                      : mqtt::Packet{mqtt::Pingresp{}};
    default:
      return coin() ? mqtt::Packet{mqtt::Pingreq{}} : mqtt::Packet{mqtt::Disconnect{}};
  }
}

// ---- All of a packet as text: equal texts, equal packets.

inline std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '\'') {
      out += c;
    } else {
      constexpr char digits[] = "0123456789abcdef";
      out += '\\';
      out += digits[static_cast<std::uint8_t>(c) >> 4];
      out += digits[static_cast<std::uint8_t>(c) & 15];
    }
  }
  return out + "'";
}
inline std::string quoted(model::View bytes) { return quoted(model::text(bytes)); }
inline std::string number(std::uint64_t value) { return ' ' + std::to_string(value); }

inline std::string describe(const mqtt::Connect& p) {
  std::string out = "CONNECT" + number(p.level) + number(p.clean_session) + number(p.keep_alive) +
                    ' ' + quoted(p.client_id);
  if (p.will)
    out += " will " + quoted(p.will->topic) + quoted(p.will->message) + number(p.will->qos) +
           number(p.will->retain);
  if (p.user_name) out += " user " + quoted(*p.user_name);
  if (p.password) out += " password " + quoted(*p.password);
  return out;
}
inline std::string describe(const mqtt::Connack& p) {
  return "CONNACK" + number(p.session_present) + number(p.code);
}
inline std::string describe(const mqtt::Publish& p) {
  return "PUBLISH" + number(p.id) + number(p.qos) + number(p.dup) + number(p.retain) + ' ' +
         quoted(p.topic) + quoted(p.payload);
}
inline std::string describe(const mqtt::Puback& p) { return "PUBACK" + number(p.id); }
inline std::string describe(const mqtt::Pubrec& p) { return "PUBREC" + number(p.id); }
inline std::string describe(const mqtt::Pubrel& p) { return "PUBREL" + number(p.id); }
inline std::string describe(const mqtt::Pubcomp& p) { return "PUBCOMP" + number(p.id); }
inline std::string describe(const mqtt::Subscribe& p) {
  std::string out = "SUBSCRIBE" + number(p.id);
  for (const mqtt::Filter& f : p.filters) out += ' ' + quoted(f.filter) + number(f.qos);
  return out;
}
inline std::string describe(const mqtt::Suback& p) {
  std::string out = "SUBACK" + number(p.id);
  for (const std::uint8_t code : p.codes) out += number(code);
  return out;
}
inline std::string describe(const mqtt::Unsubscribe& p) {
  std::string out = "UNSUBSCRIBE" + number(p.id);
  for (const std::string_view f : p.filters) out += ' ' + quoted(f);
  return out;
}
inline std::string describe(const mqtt::Unsuback& p) { return "UNSUBACK" + number(p.id); }
inline std::string describe(const mqtt::Pingreq&) { return "PINGREQ"; }
inline std::string describe(const mqtt::Pingresp&) { return "PINGRESP"; }
inline std::string describe(const mqtt::Disconnect&) { return "DISCONNECT"; }
inline std::string describe(const mqtt::Packet& packet) {
  return std::visit([](const auto& p) { return describe(p); }, packet);
}

inline model::Bytes written(const mqtt::Packet& packet) {
  model::Bytes bytes;
  std::visit([&](const auto& p) { mqtt::write(bytes, p); }, packet);
  return bytes;
}

}  // namespace hubproof::generate
