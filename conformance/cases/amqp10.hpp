// AMQP 1.0 frame by frame, as scripts for brokers of AMQP send and read them: what a library would
// not let through can be sent, and every frame that comes is looked at. Texts and bytes that a
// script hands over live as long as the case (Stage::keep).
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/cases/case.hpp"
#include "conformance/cases/stage.hpp"
#include "model/amqp/value.hpp"

namespace hubproof::conformance::cases::amqp10 {

namespace amqp = model::amqp;

enum class Code : std::uint8_t {
  empty = 0,
  open = 0x10,
  begin,
  attach,
  flow,
  transfer,
  disposition,
  detach,
  end,
  close,
  mechanisms = 0x40,
  init,
  challenge,
  response,
  outcome
};
class Codes {
 public:
  constexpr Codes(Code one) : bits_{bit(one)} {}
  constexpr bool has(Code one) const { return (bits_ & bit(one)) != 0; }
  friend constexpr Codes operator|(Codes left, Codes right) {
    return left.bits_ |= right.bits_, left;
  }

 private:
  static constexpr std::uint64_t bit(Code one) {
    const auto code = static_cast<unsigned>(one);
    return std::uint64_t{1} << (code >= 0x40 ? code - 0x20 : code);
  }
  std::uint64_t bits_;
};
constexpr Codes operator|(Code left, Code right) { return Codes{left} | Codes{right}; }
std::string_view text_of(Code code);

struct Frame {
  View raw;
  std::uint16_t channel = 0;
  bool sasl = false;
  bool taken = false;
  Code code = Code::empty;
  amqp::Value performative;
  View payload;  // of a transfer

  amqp::Value operator[](std::size_t field) const { return amqp::Fields{performative}[field]; }
  std::uint32_t number(std::size_t field, std::uint32_t otherwise = 0) const;
  bool flag(std::size_t field) const;
};
std::string_view condition_of(const amqp::Value& error);  // of an error; empty: there is none

// ---- Frames to send. A field that is `none` is left null.

inline constexpr std::int64_t none = -1;

struct Open {
  std::string_view container = "suite";
  std::int64_t max_frame = none, channel_max = none, idle = none;
};
struct Begin {
  std::int64_t next_outgoing = 0, incoming_window = 1'000, outgoing_window = 1'000,
               handle_max = none;
};
struct Attaching {
  std::string_view name = {};
  std::uint32_t handle = 0;
  bool receives = false;          // this end
  std::string_view address = {};  // of the peer's node; null data: its terminus is null
  std::int64_t sender_settles = none, receiver_settles = none, max_message_size = none;
  std::int64_t initial_count = none;
};
struct Transfer {
  std::uint32_t handle = 0;
  std::int64_t id = none;
  View tag = {};
  bool first = true;  // with tag and format
  bool settled = false, more = false, aborted = false;
  View payload = {};
};
enum class State : std::uint8_t { null = 0, accepted = 0x24, rejected, released, modified };

Bytes frame_of(std::uint16_t channel, View body, View payload = {}, View extended = {},
               std::uint8_t type = 0);
Bytes open_frame(const Open& open);
Bytes begin_frame(std::uint16_t channel, const Begin& begin);
Bytes attach_frame(std::uint16_t channel, const Attaching& attach);
Bytes transfer_frame(std::uint16_t channel, const Transfer& transfer);
Bytes disposition_frame(std::uint16_t channel, bool receiver, std::uint32_t first,
                        std::int64_t last, bool settled, State state, bool failed = false);
Bytes detach_frame(std::uint16_t channel, std::uint32_t handle, bool closed);
Bytes end_frame(std::uint16_t channel);
Bytes close_frame();
Bytes sasl_init_frame(std::string_view mechanism, View response);
inline constexpr std::uint8_t amqp_header[]{'A', 'M', 'Q', 'P', 0, 1, 0, 0};
inline constexpr std::uint8_t sasl_header[]{'A', 'M', 'Q', 'P', 3, 1, 0, 0};

// ---- A connection.

struct Wire {
  explicit Wire(Stage& of) : stage{of} {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void send(Bytes frame) { stage.send(client, stage.keep(std::move(frame))); }
  void judge(const Frame& frame);  // what no frame may be, whatever the case is about

  Stage& stage;
  Client client{};
  std::deque<Frame> frames;       // all that came
  std::uint32_t max_frame = 0;    // that was announced; 0: no limit
  const Frame* opened = nullptr;  // the peer's open
  bool closed = false;            // its close has come
  // Until then what is awaited may take. Nobody says how soon a connection must be ended.
  static constexpr Duration for_an_end = 10s;
  Instant until{};
  void wait_for_an_end() { until = stage.now() + for_an_end; }
};

// Eight bytes, or fewer when no more come.
Task<View> octets(Wire& wire, std::size_t count);
// One frame more has come; false: the connection ended, or nothing comes.
Task<bool> pulled(Wire& wire);
// The first frame of these kinds that was not taken; null: the connection ended without it, or it
// is absent.
Task<const Frame*> heard(Wire& wire, Codes codes);
// The same, of one channel of the peer.
Task<const Frame*> heard_on(Wire& wire, Codes codes, std::uint16_t channel);
// What came in place of what was awaited.
std::string found(const Wire& wire);

// The transport is there, SASL is done with the target's user or as nobody, and AMQP's headers are
// exchanged; else the case gives up.
Task<void> called(Wire& wire);
Task<void> opened(Wire& wire, const Open* open = nullptr);  // called, and open is exchanged

// How the peer ended the connection. A close is answered, unless this end has said it before; who closes the
// stream behind it is nobody's duty.
struct Ending {
  bool closed = false;  // by a close
  std::string_view condition;
  bool ended = false;          // by a close, or by its stream
};
Task<Ending> ending(Wire& wire, bool closing = false);
std::string describe(const Ending& ending);

// ---- Sessions and links.

struct Session {
  std::uint16_t channel = 0, theirs = 0;
  std::uint32_t next_outgoing = 0, next_incoming = 0;
  std::uint32_t incoming_window = 1'000;
  std::uint32_t deliveries = 0;  // this end's next delivery-id
  std::uint32_t handles = 0;
};
struct Link {
  std::uint32_t handle = 0, theirs = 0;
  bool receives = false;
  std::uint32_t count = 0;        // delivery-count
  std::uint32_t credit = 0;       // that is known
  const Frame* attach = nullptr;  // the peer's; null: there is none
  std::string_view name = {};
};

// A session on a channel of chance; the case gives up without one.
Task<void> begun(Wire& wire, Session& session, const Begin* begin = nullptr,
                 std::int64_t channel = none);
// The answer is in `link`; its handles are drawn. Address and name may be left out: a node of the
// case's own.
Task<void> linked(Wire& wire, Session& session, Link& link, Attaching attach);
// The same, and the case gives up without.
Task<void> attached(Wire& wire, Session& session, Link& link, Attaching attach);
std::string_view fresh_node(Stage& stage);

struct Flow {
  std::int64_t credit = none;  // of the link, if there is one
  bool drain = false;
};
void flow(Wire& wire, const Session& session, const Link* link, const Flow& flow);

// ---- Messages.

enum class Body : std::uint8_t { data, several_data, value, sequence };
struct Made {
  View whole;
  View bare;  // properties, application properties and body
  View annotations;
  std::string_view id;
};
Made made(Stage& stage, Body body, std::uint32_t least = 0, std::uint32_t most = 200,
          bool annotated = false);

struct Said {
  bool answered = false, settled = false, receiver = false;
  State state{};
  std::string_view condition;
};
// Waits for credit, and sends in so many transfers; does not wait for a word. False: no credit
// comes.
Task<bool> transferred(Wire& wire, Session& session, Link& link, View message, std::uint32_t pieces,
                       bool settled);
Task<Said> word_on(Wire& wire, const Session& session, std::uint32_t delivery);
// Messages lie in the node and were accepted; else the case gives up.
Task<void> filled(Wire& wire, Session& session, std::string_view node,
                  const std::vector<Made>* messages);

struct Delivery {
  std::uint32_t id = 0;
  View tag;
  bool settled = false;
  std::uint32_t frames = 0;
  Bytes bytes;
  View bare() const;
  View annotations() const;
  std::uint32_t count() const;  // of the header; 0 without one
};
// The next delivery of this link into `delivery`; false: none comes, or it does not come to its
// end.
Task<bool> delivered(Wire& wire, Session& session, Link& link, Delivery& delivery);

// The chapters; each adds its cases.
void add_connections(Cases& cases);
void add_sessions(Cases& cases);
void add_messages(Cases& cases);

}  // namespace hubproof::conformance::cases::amqp10
