#include "model/amqp/sasl.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "model/amqp/value.hpp"

namespace hubproof::model::amqp {
namespace {

constexpr std::array<std::uint8_t, 8> amqp_header{'A', 'M', 'Q', 'P', 0, 1, 0, 0};
constexpr std::array<std::uint8_t, 8> sasl_header{'A', 'M', 'Q', 'P', 3, 1, 0, 0};
constexpr std::uint8_t mechanisms = 0x40;
constexpr std::uint8_t init = 0x41;
constexpr std::uint8_t outcome = 0x44;
constexpr std::uint32_t longest_frame = 8'192;  // a token of PLAIN is some hundred bytes
constexpr std::size_t frame_header = 8;

template <class Fill>
void frame(Bytes& out, std::uint8_t code, Fill&& fill) {
  Writer writer{out};
  const std::size_t at = writer.size();
  writer.u32(0);
  writer.u8(2);  // data offset
  writer.u8(1);  // SASL
  writer.u16(0);
  ValueWriter values{out};
  values.descriptor(code);
  values.begin_list();
  fill(values);
  values.end();
  writer.patch_u32(at, static_cast<std::uint32_t>(out.size() - at));
}

// The performative of the frame at the front, with its whole size; nothing: it is not there yet.
struct Frame {
  std::size_t size = 0;
  Value performative;  // broken: it is none
};
std::optional<Frame> front(View bytes) {
  if (bytes.size() < 4) return std::nullopt;
  const auto size = static_cast<std::uint32_t>(load_big<4>(bytes.data()));
  if (size < frame_header || size > longest_frame) return Frame{};
  if (bytes.size() < size) return std::nullopt;
  const std::size_t data_at = std::size_t{4} * bytes[4];
  if (data_at < frame_header || data_at > size || bytes[5] != 1) return Frame{};
  ValueReader reader{bytes.first(size).subspan(data_at)};
  const Value value = reader.next();
  const bool whole = value.kind == Kind::list && value.described && reader.left() == 0;
  return Frame{size, whole ? value : Value{}};
}

}  // namespace

Protocol protocol(View eight) {
  if (std::ranges::equal(eight, amqp_header)) return Protocol::amqp;
  if (std::ranges::equal(eight, sasl_header)) return Protocol::sasl;
  return Protocol::other;
}

void SaslServer::begin(Bytes& out) {
  out.insert(out.end(), sasl_header.begin(), sasl_header.end());
  frame(out, mechanisms, [](ValueWriter& list) {
    list.begin_symbols();
    for (const std::string_view name : {"ANONYMOUS", "PLAIN", "MSSBCBS"}) list.symbol(name);
    list.end();
  });
}

void SaslServer::received(View& bytes) {
  if (broken_ || login_) return;
  begun_.insert(begun_.end(), bytes.begin(), bytes.end());
  const std::size_t before = begun_.size() - bytes.size();
  const auto found = front(begun_);
  if (!found) {
    bytes = {};
    return;
  }
  const Fields fields{found->performative};
  if (found->performative.descriptor != init || fields[0].kind != Kind::symbol) {
    broken_ = true;
    return;
  }
  bytes = bytes.subspan(found->size - before);
  Login login{std::string{fields[0].text()}, {}, {}};
  if (login.mechanism == "PLAIN") {  // [authorization] NUL user NUL password
    const std::string_view said = text(fields[1].bytes);
    const std::size_t first = said.find('\0');
    const std::size_t second = first == said.npos ? said.npos : said.find('\0', first + 1);
    if (second == said.npos) {
      broken_ = true;
      return;
    }
    login.user = said.substr(first + 1, second - first - 1);
    login.password = said.substr(second + 1);
  } else if (login.mechanism != "ANONYMOUS" && login.mechanism != "MSSBCBS") {
    broken_ = true;
    return;
  }
  login_ = std::move(login);
  begun_ = {};
}

void SaslServer::answer(bool welcome, Bytes& out) {
  frame(out, outcome, [&](ValueWriter& list) { list.ubyte(welcome ? 0 : 1); });
}

void write_sasl_anonymous(Bytes& out) {
  out.insert(out.end(), sasl_header.begin(), sasl_header.end());
  frame(out, init, [](ValueWriter& list) { list.symbol("ANONYMOUS"); });
}

std::optional<SaslAnswer> read_sasl_answer(View bytes) {
  if (bytes.size() < protocol_header) return std::nullopt;
  if (protocol(bytes.first(protocol_header)) != Protocol::sasl) return SaslAnswer{};
  std::size_t at = protocol_header;
  for (;;) {
    const auto found = front(bytes.subspan(at));
    if (!found) return std::nullopt;
    if (found->performative.kind == Kind::broken) return SaslAnswer{};
    at += found->size;
    if (found->performative.descriptor != outcome) continue;
    const Value code = Fields{found->performative}[0];
    return SaslAnswer{at, code.kind == Kind::ubyte && code.bits == 0};
  }
}

}  // namespace hubproof::model::amqp
