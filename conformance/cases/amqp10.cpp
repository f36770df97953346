#include "conformance/cases/amqp10.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::conformance::cases {

void add_amqp10(Cases& cases) {
  amqp10::add_connections(cases);
  amqp10::add_sessions(cases);
  amqp10::add_messages(cases);
}

}  // namespace hubproof::conformance::cases

namespace hubproof::conformance::cases::amqp10 {
namespace {

constexpr std::size_t frame_header = 8;
constexpr std::uint32_t absurd = 64u << 20;  // no frame is so long
constexpr std::uint64_t error_descriptor = 0x1d;

void number(amqp::ValueWriter& out, std::int64_t value) {
  value == none ? out.null() : out.uint(static_cast<std::uint32_t>(value));
}
void ushort(amqp::ValueWriter& out, std::int64_t value) {
  if (value == none) return out.null();
  const std::uint8_t bytes[] = {0x60, static_cast<std::uint8_t>(value >> 8),
                                static_cast<std::uint8_t>(value)};
  out.encoded(bytes);
}
void ubyte(amqp::ValueWriter& out, std::int64_t value) {
  value == none ? out.null() : out.ubyte(static_cast<std::uint8_t>(value));
}

template <class Fill>
Bytes performative(std::uint16_t channel, Code code, Fill fill, View payload = {}) {
  Bytes body;
  amqp::ValueWriter out{body};
  out.descriptor(static_cast<std::uint8_t>(code));
  out.begin_list();
  fill(out);
  out.end();
  return frame_of(channel, body, payload, {}, static_cast<std::uint8_t>(code) >= 0x40 ? 1 : 0);
}

Frame read_frame(View raw) {
  Frame frame;
  frame.raw = raw;
  frame.sasl = raw[5] == 1;
  frame.channel = static_cast<std::uint16_t>(model::load_big<2>(raw.data() + 6));
  const std::size_t at = std::size_t{4} * raw[4];
  if (at < frame_header || at >= raw.size()) return frame;
  amqp::ValueReader reader{raw.subspan(at)};
  frame.performative = reader.next();
  frame.code = static_cast<Code>(frame.performative.descriptor & 0xff);
  frame.payload = reader.rest();
  return frame;
}

}  // namespace

std::string_view text_of(Code code) {
  switch (code) {
    case Code::empty:
      return "an empty frame";
    case Code::open:
      return "open";
    case Code::begin:
      return "begin";
    case Code::attach:
      return "attach";
    case Code::flow:
      return "flow";
    case Code::transfer:
      return "transfer";
    case Code::disposition:
      return "disposition";
    case Code::detach:
      return "detach";
    case Code::end:
      return "end";
    case Code::close:
      return "close";
    case Code::mechanisms:
      return "sasl-mechanisms";
    case Code::init:
      return "sasl-init";
    case Code::challenge:
      return "sasl-challenge";
    case Code::response:
      return "sasl-response";
    case Code::outcome:
      return "sasl-outcome";
  }
  return "an unknown frame";
}

std::uint32_t Frame::number(std::size_t field, std::uint32_t otherwise) const {
  const amqp::Value value = (*this)[field];
  return value.is_number() ? static_cast<std::uint32_t>(value.bits) : otherwise;
}
bool Frame::flag(std::size_t field) const {
  const amqp::Value value = (*this)[field];
  return value.kind == amqp::Kind::boolean && value.bits != 0;
}

std::string_view condition_of(const amqp::Value& error) {
  if (error.kind != amqp::Kind::list || error.descriptor != error_descriptor) return {};
  return amqp::Fields{error}[0].text();
}

// ---- Frames to send.

Bytes frame_of(std::uint16_t channel, View body, View payload, View extended, std::uint8_t type) {
  Bytes frame;
  model::Writer out{frame};
  out.u32(
      static_cast<std::uint32_t>(frame_header + extended.size() + body.size() + payload.size()));
  out.u8(static_cast<std::uint8_t>((frame_header + extended.size()) / 4));
  out.u8(type);
  out.u16(channel);
  out.bytes(extended);
  out.bytes(body);
  out.bytes(payload);
  return frame;
}

Bytes open_frame(const Open& open) {
  return performative(0, Code::open, [&](amqp::ValueWriter& out) {
    out.string(open.container);
    out.null();
    number(out, open.max_frame);
    ushort(out, open.channel_max);
    number(out, open.idle);
  });
}

Bytes begin_frame(std::uint16_t channel, const Begin& begin) {
  return performative(channel, Code::begin, [&](amqp::ValueWriter& out) {
    out.null();
    number(out, begin.next_outgoing);
    number(out, begin.incoming_window);
    number(out, begin.outgoing_window);
    number(out, begin.handle_max);
  });
}

Bytes attach_frame(std::uint16_t channel, const Attaching& attach) {
  const auto terminus = [&](amqp::ValueWriter& out, std::uint8_t descriptor, bool is_node) {
    if (is_node && attach.address.data() == nullptr) return out.null();
    out.descriptor(descriptor);
    out.begin_list();
    if (is_node) out.string(attach.address);
    out.end();
  };
  return performative(channel, Code::attach, [&](amqp::ValueWriter& out) {
    out.string(attach.name);
    out.uint(attach.handle);
    out.boolean(attach.receives);
    ubyte(out, attach.sender_settles);
    ubyte(out, attach.receiver_settles);
    terminus(out, 0x28, attach.receives);
    terminus(out, 0x29, !attach.receives);
    out.null();
    out.null();
    number(out, attach.receives ? none : std::max<std::int64_t>(0, attach.initial_count));
    if (attach.max_message_size == none)
      out.null();
    else
      out.ulong(static_cast<std::uint64_t>(attach.max_message_size));
  });
}

Bytes transfer_frame(std::uint16_t channel, const Transfer& transfer) {
  return performative(
      channel, Code::transfer,
      [&](amqp::ValueWriter& out) {
        out.uint(transfer.handle);
        number(out, transfer.id);
        transfer.first ? out.binary(transfer.tag) : out.null();
        transfer.first ? out.uint(0) : out.null();
        out.boolean(transfer.settled);
        out.boolean(transfer.more);
        out.null();
        out.null();
        out.null();
        out.boolean(transfer.aborted);
      },
      transfer.payload);
}

Bytes disposition_frame(std::uint16_t channel, bool receiver, std::uint32_t first,
                        std::int64_t last, bool settled, State state, bool failed) {
  return performative(channel, Code::disposition, [&](amqp::ValueWriter& out) {
    out.boolean(receiver);
    out.uint(first);
    number(out, last);
    out.boolean(settled);
    if (state == State::null) return out.null();
    out.descriptor(static_cast<std::uint8_t>(state));
    out.begin_list();
    if (failed) out.boolean(true);
    out.end();
  });
}

Bytes detach_frame(std::uint16_t channel, std::uint32_t handle, bool closed) {
  return performative(channel, Code::detach, [&](amqp::ValueWriter& out) {
    out.uint(handle);
    out.boolean(closed);
  });
}
Bytes end_frame(std::uint16_t channel) {
  return performative(channel, Code::end, [](amqp::ValueWriter&) {});
}
Bytes close_frame() {
  return performative(0, Code::close, [](amqp::ValueWriter&) {});
}
Bytes sasl_init_frame(std::string_view mechanism, View response) {
  return performative(0, Code::init, [&](amqp::ValueWriter& out) {
    out.symbol(mechanism);
    if (!response.empty()) out.binary(response);
  });
}

// ---- A connection.

void Wire::judge(const Frame& frame) {
  const bool malformed =
      frame.raw[4] < 2 || std::size_t{4} * frame.raw[4] > frame.raw.size() || frame.raw[5] > 1;
  if (malformed) stage.fail("a well-formed frame", hex(frame.raw, 24), "amqp10:2.3.1-1");
  if (frame.sasl) {
    if (frame.raw.size() > 512)
      stage.fail("SASL frames of 512 bytes at most", std::to_string(frame.raw.size()) + " bytes",
                 "amqp10:5.3.1-2");
    return;
  }
  if (max_frame != 0 && frame.raw.size() > max_frame)
    stage.fail("frames of " + std::to_string(max_frame) + " bytes at most",
               std::to_string(frame.raw.size()) + " bytes", "amqp10:2.7.1-1");
  if (closed) stage.fail("nothing behind a close", text_of(frame.code), "amqp10:2.4.3-2");
  if ((frame.code == Code::open) == (opened != nullptr))
    stage.fail("open as the first frame, and once", text_of(frame.code), "amqp10:2.4.1-1");
}

Task<View> octets(Wire& wire, std::size_t count) {
  const View got = co_await wire.stage.bytes(wire.client, count);
  const View taken = got.first(std::min(count, got.size()));
  const View kept = wire.stage.keep(Bytes(taken.begin(), taken.end()));
  wire.stage.read(wire.client, taken.size());
  co_return kept;
}

Task<bool> pulled(Wire& wire) {
  for (std::size_t wanted = frame_header;;) {
    const View got = co_await wire.stage.bytes(wire.client, wanted);
    if (got.size() < wanted && !wire.stage.is_over(wire.client) && wire.stage.now() < wire.until) continue;
    if (got.size() < wanted) co_return false;
    const auto size = static_cast<std::uint32_t>(model::load_big<4>(got.data()));
    if (size < frame_header || size > absurd) {
      wire.stage.fail("a frame with a length", hex(got, 16), "amqp10:2.3.1-1");
      co_return false;
    }
    if (got.size() < size) {
      wanted = size;
      continue;
    }
    const View raw = wire.stage.keep(Bytes(got.begin(), got.begin() + size));
    wire.stage.read(wire.client, size);
    wire.frames.push_back(read_frame(raw));
    const Frame& frame = wire.frames.back();
    wire.judge(frame);
    if (frame.code == Code::open && wire.opened == nullptr) wire.opened = &frame;
    wire.closed = wire.closed || frame.code == Code::close;
    co_return true;
  }
}

Task<const Frame*> heard(Wire& wire, Codes codes) {
  for (std::size_t at = 0;;) {
    for (; at < wire.frames.size(); ++at) {
      Frame& frame = wire.frames[at];
      if (frame.taken || !codes.has(frame.code)) continue;
      frame.taken = true;
      co_return &frame;
    }
    const bool more = co_await pulled(wire);
    if (!more) co_return nullptr;
  }
}

Task<const Frame*> heard_on(Wire& wire, Codes codes, std::uint16_t channel) {
  for (std::size_t at = 0;;) {
    for (; at < wire.frames.size(); ++at) {
      Frame& frame = wire.frames[at];
      if (frame.taken || frame.channel != channel || !codes.has(frame.code)) continue;
      frame.taken = true;
      co_return &frame;
    }
    const bool more = co_await pulled(wire);
    if (!more) co_return nullptr;
  }
}

std::string found(const Wire& wire) {
  std::string text;
  for (const Frame& frame : wire.frames) {
    if (frame.taken || frame.code == Code::empty) continue;
    text += (text.empty() ? "" : ", ") + std::string{text_of(frame.code)};
    const std::size_t at = frame.code == Code::detach ? 2 : 0;
    if (frame.code != Code::detach && frame.code != Code::end && frame.code != Code::close)
      continue;
    if (const auto condition = condition_of(frame[at]); !condition.empty())
      text += " with " + std::string{condition};
  }
  if (wire.stage.is_over(wire.client))
    return text + (text.empty() ? "" : ", then ") + "the end of the connection";
  return text.empty() ? "nothing, while the target answered others" : text;
}

Task<void> called(Wire& wire) {
  Stage& stage = wire.stage;
  wire.client = stage.connect(Door::amqp);
  co_await stage.opened(wire.client);
  stage.send(wire.client, sasl_header);
  const View header = co_await octets(wire, 8);
  co_await stage.need(std::ranges::equal(header, sasl_header),
                      "the header of SASL was not answered with the same");
  const Frame* mechanisms = co_await heard(wire, Code::mechanisms);
  co_await stage.need(mechanisms != nullptr, "no sasl-mechanisms came");
  const std::string& user = stage.target().user;
  if (user.empty())
    wire.send(sasl_init_frame("ANONYMOUS", model::view(stage.keep(std::string{"suite"}))));
  else
    wire.send(sasl_init_frame(
        "PLAIN", model::view(stage.keep('\0' + user + '\0' + stage.target().password))));
  const Frame* outcome = co_await heard(wire, Code::outcome);
  co_await stage.need(outcome != nullptr && outcome->number(0, 1) == 0,
                      "the login was refused, or not answered");
  stage.send(wire.client, amqp_header);
  const View second = co_await octets(wire, 8);
  co_await stage.need(std::ranges::equal(second, amqp_header),
                      "the header of AMQP was not answered with the same");
}

Task<void> opened(Wire& wire, const Open* open) {
  co_await called(wire);
  const Open usual;
  if (open == nullptr) open = &usual;
  if (open->max_frame != none) wire.max_frame = static_cast<std::uint32_t>(open->max_frame);
  const Instant asked = wire.stage.now();
  wire.send(open_frame(*open));
  const Frame* answer = co_await heard(wire, Code::open);
  co_await wire.stage.need(answer != nullptr, "open was not answered");
  wire.stage.measured(wire.stage.now() - asked);
}

Task<Ending> ending(Wire& wire, bool closing) {
  Ending ending;
  wire.wait_for_an_end();
  const Frame* close = co_await heard(wire, Code::close);
  wire.until = {};
  if (close != nullptr) {
    ending.closed = true;
    ending.condition = condition_of((*close)[0]);
    if (!closing) wire.send(close_frame());
    for (bool more = true; more;) more = co_await pulled(wire);  // which is judged: nothing may come
  }
  ending.ended = ending.closed || wire.stage.is_over(wire.client);
  co_return ending;
}

std::string describe(const Ending& ending) {
  std::string text = !ending.closed             ? "no close"
                     : ending.condition.empty() ? "a close without an error"
                                                : "a close with " + std::string{ending.condition};
  return text + (ending.ended ? ", and the end of the connection" : ", and no end");
}

// ---- Sessions and links.

Task<void> begun(Wire& wire, Session& session, const Begin* begin, std::int64_t channel) {
  Begin drawn;
  drawn.next_outgoing = wire.stage.draws().below(1u << 20);
  if (begin == nullptr) begin = &drawn;
  const std::uint32_t most = wire.opened->number(3, 65'535);
  session.channel = static_cast<std::uint16_t>(
      channel != none ? channel : wire.stage.draws().between(0, std::min(most, 9u)));
  session.next_outgoing = static_cast<std::uint32_t>(begin->next_outgoing);
  session.incoming_window = static_cast<std::uint32_t>(begin->incoming_window);
  wire.send(begin_frame(session.channel, *begin));
  const Frame* answer = co_await heard(wire, Code::begin);
  co_await wire.stage.need(answer != nullptr, "begin was not answered");
  session.theirs = answer->channel;
  session.next_incoming = answer->number(1);
}

std::string_view fresh_node(Stage& stage) {
  std::string address = stage.target().node;
  if (const std::size_t at = address.find('*'); at != std::string::npos)
    address.replace(at, 1, stage.fresh_id());
  return stage.keep(std::move(address));
}

Task<void> linked(Wire& wire, Session& session, Link& link, Attaching attach) {
  if (attach.name.empty()) attach.name = wire.stage.fresh_id();
  attach.handle = session.handles++;
  link.handle = attach.handle;
  link.receives = attach.receives;
  link.name = attach.name;
  if (!attach.receives)
    link.count = static_cast<std::uint32_t>(std::max<std::int64_t>(0, attach.initial_count));
  wire.send(attach_frame(session.channel, attach));
  for (;;) {
    const Frame* answer = co_await heard_on(wire, Code::attach | Code::end, session.theirs);
    if (answer == nullptr || answer->code == Code::end) co_return;
    if ((*answer)[0].text() != attach.name) continue;
    link.attach = answer;
    link.theirs = answer->number(1);
    if (attach.receives) link.count = answer->number(9);
    co_return;
  }
}

Task<void> attached(Wire& wire, Session& session, Link& link, Attaching attach) {
  co_await linked(wire, session, link, attach);
  const bool there =
      link.attach != nullptr && (*link.attach)[attach.receives ? 5 : 6].kind == amqp::Kind::list;
  co_await wire.stage.need(there, "a node was not to be attached to");
}

void flow(Wire& wire, const Session& session, const Link* link, const Flow& flow) {
  wire.send(performative(session.channel, Code::flow, [&](amqp::ValueWriter& out) {
    out.uint(session.next_incoming);
    out.uint(session.incoming_window);
    out.uint(session.next_outgoing);
    out.uint(1'000);
    if (link == nullptr) return;
    out.uint(link->handle);
    out.uint(link->count);
    number(out, flow.credit);
    out.null();
    out.boolean(flow.drain);
    out.boolean(false);
  }));
}

// ---- Messages.

Made made(Stage& stage, Body body, std::uint32_t least, std::uint32_t most, bool annotated) {
  Made made;
  made.id = stage.fresh_id();
  Bytes annotations, bare;
  if (annotated) {
    amqp::ValueWriter out{annotations};
    out.descriptor(0x72);
    out.begin_map();
    out.symbol("x-opt-suite");
    out.string(stage.fresh_level());
    out.end();
  }
  amqp::ValueWriter out{bare};
  out.descriptor(0x73);
  out.begin_list();
  out.string(made.id);
  for (int field = 1; field < 5; ++field) out.null();
  out.string(stage.fresh_level());  // correlation-id
  out.end();
  out.descriptor(0x74);
  out.begin_map();
  for (std::uint32_t more = stage.draws().between(1, 3); more > 0; --more) {
    out.string(stage.fresh_level());
    switch (stage.draws().below(3)) {
      case 0:
        out.string(stage.fresh_level());
        break;
      case 1:
        out.int64(static_cast<std::int64_t>(stage.draws().below(1'000'000)) - 500'000);
        break;
      default:
        out.boolean(stage.draws().heads());
        break;
    }
  }
  out.end();
  switch (body) {
    case Body::data:
    case Body::several_data:
      for (std::uint32_t more = body == Body::data ? 1 : stage.draws().between(2, 4); more > 0;
           --more) {
        out.descriptor(0x75);
        out.binary(stage.payload(least, most));
      }
      break;
    case Body::value:
      out.descriptor(0x77);
      out.string(stage.fresh_level());
      break;
    case Body::sequence:
      out.descriptor(0x76);
      out.begin_list();
      out.string(stage.fresh_level());
      out.uint(stage.draws().below(100'000));
      out.end();
      break;
  }
  Bytes whole = annotations;
  whole.insert(whole.end(), bare.begin(), bare.end());
  made.annotations = stage.keep(std::move(annotations));
  made.bare = stage.keep(std::move(bare));
  made.whole = stage.keep(std::move(whole));
  return made;
}

Task<bool> transferred(Wire& wire, Session& session, Link& link, View message, std::uint32_t pieces,
                       bool settled) {
  while (link.credit == 0) {
    const Frame* flow =
        co_await heard_on(wire, Code::flow | Code::detach | Code::end, session.theirs);
    if (flow == nullptr || flow->code != Code::flow) co_return false;
    if ((*flow)[4].kind != amqp::Kind::uint || flow->number(4) != link.theirs) continue;
    link.credit = flow->number(5) + flow->number(6) -
                  link.count;  // what the peer has seen, and grants on top
  }
  --link.credit;
  ++link.count;
  Transfer transfer;
  transfer.handle = link.handle;
  transfer.id = session.deliveries++;
  Bytes tag;
  model::Writer{tag}.u32(static_cast<std::uint32_t>(transfer.id));
  transfer.tag = tag;
  transfer.settled = settled;
  const std::size_t longest = std::min(wire.opened->number(2, 65'536), 65'536u) - 64;
  for (bool last = false; !last; --pieces) {
    const std::size_t wanted =
        pieces <= 1 ? message.size()
                    : wire.stage.draws().below(static_cast<std::uint32_t>(message.size()) + 1);
    const std::size_t size = std::min(wanted, longest);
    last = pieces <= 1 && size == message.size();
    if (!last && pieces <= 1) ++pieces;
    transfer.payload = message.first(size);
    message = message.subspan(size);
    transfer.more = !last;
    wire.send(transfer_frame(session.channel, transfer));
    ++session.next_outgoing;
    transfer.first = false;
    if (wire.stage.draws().heads()) transfer.id = none;  // it goes without saying
  }
  co_return true;
}

Task<Said> word_on(Wire& wire, const Session& session, std::uint32_t delivery) {
  Said said;
  for (std::size_t at = 0;;) {
    for (; at < wire.frames.size(); ++at) {
      Frame& frame = wire.frames[at];
      if (frame.taken || frame.code != Code::disposition || frame.channel != session.theirs)
        continue;
      const std::uint32_t first = frame.number(1), last = frame.number(2, first);
      if (delivery - first > last - first) continue;
      if (delivery == last) frame.taken = true;
      said.answered = true;
      said.receiver = frame.flag(0);
      said.settled = frame.flag(3);
      const amqp::Value state = frame[4];
      if (state.described) said.state = static_cast<State>(state.descriptor & 0xff);
      said.condition = condition_of(amqp::Fields{state}[0]);
      co_return said;
    }
    const bool more = co_await pulled(wire);
    if (!more) co_return said;
  }
}

Task<void> filled(Wire& wire, Session& session, std::string_view node,
                  const std::vector<Made>* messages) {
  Link link;
  co_await attached(wire, session, link, {.address = node});
  for (const Made& each : *messages) {
    const std::uint32_t delivery = session.deliveries;
    const bool sent = co_await transferred(wire, session, link, each.whole, 1, false);
    co_await wire.stage.need(sent, "no credit came for a sender");
    const Said said = co_await word_on(wire, session, delivery);
    co_await wire.stage.need(said.state == State::accepted, "a message was not accepted");
  }
}

namespace {

// The encoded sections from the first of these to the last.
View sections(View bytes, std::uint64_t first, std::uint64_t last) {
  amqp::ValueReader reader{bytes};
  std::size_t from = bytes.size(), to = bytes.size();
  while (reader.left() > 0) {
    const std::size_t at = bytes.size() - reader.left();
    const amqp::Value section = reader.next();
    if (section.kind == amqp::Kind::broken) break;
    if (section.descriptor >= first && section.descriptor <= last) {
      from = std::min(from, at);
      to = bytes.size() - reader.left();
    }
  }
  return from < to ? bytes.subspan(from, to - from) : View{};
}

}  // namespace

View Delivery::bare() const { return sections(bytes, 0x73, 0x77); }
View Delivery::annotations() const { return sections(bytes, 0x72, 0x72); }
std::uint32_t Delivery::count() const {
  amqp::ValueReader reader{bytes};
  const amqp::Value header = reader.next();
  if (header.descriptor != 0x70) return 0;
  const amqp::Value count = amqp::Fields{header}[4];
  return count.is_number() ? static_cast<std::uint32_t>(count.bits) : 0;
}

Task<bool> delivered(Wire& wire, Session& session, Link& link, Delivery& delivery) {
  delivery = {};
  for (;;) {
    const Frame* frame =
        co_await heard_on(wire, Code::transfer | Code::detach | Code::end, session.theirs);
    if (frame == nullptr || frame->code != Code::transfer) co_return false;
    ++session.next_incoming;
    if (frame->number(0) != link.theirs) continue;
    if (delivery.frames++ == 0) {
      delivery.id = frame->number(1);
      delivery.tag = (*frame)[2].bytes;
    }
    delivery.settled = delivery.settled || frame->flag(4);
    delivery.bytes.insert(delivery.bytes.end(), frame->payload.begin(), frame->payload.end());
    if (frame->flag(9)) {  // aborted
      delivery = {};
      continue;
    }
    if (frame->flag(5)) continue;
    ++link.count;
    co_return true;
  }
}

}  // namespace hubproof::conformance::cases::amqp10
