// The stage of one case: a machine of bytes and time that runs the case's script, START HERE. A script
// opens connections, sends bytes, and awaits: a packet, an end, a while. The driver (tools/conform) performs
// the effects, and says what came of them.
//
// Absence is proved, not waited for. When what a script awaits does not come within its patience, which
// follows the latencies measured at this target, the stage opens a connection of its own and waits for its
// CONNACK: only when the target has answered that is the other thing absent. A target that does not answer
// leaves the case inconclusive, with what was missing. A target that has become slow meanwhile is given more
// time. Nothing is tried twice.
//
// What a clause is about may not come about, because the target does what it is free to do, or because it broke
// another clause, which has failed then: such a clause is not exercised, and the reason is kept. Only what was
// seen can say so; what was awaited and did not come is missing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/cases/draws.hpp"
#include "conformance/cases/packet.hpp"
#include "conformance/cases/script.hpp"
#include "conformance/cases/target.hpp"
#include "conformance/verdict.hpp"
#include "model/effects.hpp"
#include "model/time.hpp"

namespace hubproof::conformance::cases {

using model::Duration;
using model::Effects;
using model::Instant;
using namespace std::chrono_literals;

enum class Door : std::uint8_t { mqtt, amqp, http };
enum class Client : std::uint32_t { none = 0 };  // a connection of this stage; also its ConnectionId
enum class Who : std::uint32_t {};               // one of the identities that a case uses

// The latencies of a target, shared by all stages at it.
struct Pace {
  static constexpr std::uint32_t remembered = 256;  // round trips, twice as many at most

  Duration worst{};   // of a CONNACK or PINGRESP among those
  Duration recent{};  // of the last few
  Duration least = 1s;
  Duration most = 60s;
  Duration epoch{};  // from 1970 to Instant zero, by the suite's clock

  Duration patience() const { return std::clamp(20 * worst, least, most); }
  void measured(Duration round_trip) {
    worst = std::max(worst, round_trip);
    newer_ = std::max(newer_, round_trip);
    recent = std::max(round_trip, recent - recent / 4);
    if (++count_ < remembered) return;
    worst = newer_;
    newer_ = {};
    count_ = 0;
  }

 private:
  Duration newer_{};  // the worst of the last count_
  std::uint32_t count_ = 0;
};

struct Case;

// One line of what happened, as a failure shows it.
struct Line {
  enum class What : std::uint8_t { connecting, connected, refused, sent, received, ended, closed, note };
  Instant at{};
  What what{};
  Client client{};
  Door door{};
  model::EndedBy by{};
  std::uint32_t from = 0;  // bytes, or the words of a note: from, size in transcript_bytes()
  std::uint32_t size = 0;
};

// What is known of one clause after a case. A case that failed is evidence, whatever came after.
struct Outcome {
  std::string clause;
  Finding finding;
};

class Stage {
 public:
  // `tag` makes the names of this run differ from those of others at the same target; it takes no part in
  // any draw. `identities`: those of a hub's devices that are this case's own.
  Stage(const Target& target, Pace& pace, const Case& of, std::uint64_t seed, std::string tag,
        std::vector<Identity> identities);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // ---- For the driver.

  void begin(Instant now, Effects& effects);
  void connected(Instant now, model::ConnectionId connection, Effects& effects);
  void refused(Instant now, model::ConnectionId connection, Effects& effects);
  void received(Instant now, model::ConnectionId connection, View bytes, Effects& effects);
  void ended(Instant now, model::ConnectionId connection, model::EndedBy by, Effects& effects);
  void woken(Instant now, Effects& effects);
  std::optional<Instant> deadline() const;
  Door door(model::ConnectionId connection) const { return conn(static_cast<Client>(connection)).door; }
  bool restart_wanted() const { return restart_wanted_; }
  void restarted(Instant now, bool ok, Effects& effects);
  // Whether the target's feedback is this case's and nobody else may read it, and whether it waits for that.
  bool holds_feedback() const { return !over_ && feedback_ == Feedback::held; }
  bool wants_feedback() const { return !over_ && feedback_ == Feedback::wanted; }
  void feedback_given(Instant now, Effects& effects);
  bool resting() const { return !over_ && wait_.what == Wait::For::time && wait_.until >= now_ + 1s; }  // it asks nothing of the target
  bool over() const { return over_; }  // connections that are open may be cut
  Duration took() const { return now_ - began_; }  // of a case that is over

  const Case& which() const { return case_; }
  const std::vector<Outcome>& outcomes() const { return outcomes_; }
  const std::vector<Line>& transcript() const { return transcript_; }
  bool transcript_is_whole() const;  // a very long one lacks bytes
  View bytes(const Line& line) const { return View{log_}.subspan(line.from, line.size); }
  std::string_view missing() const { return missing_; }  // why it could not decide; empty: it could

  // ---- For scripts: the target, chance and names.

  const Target& target() const { return target_; }
  bool hub() const { return target_.hub(); }
  Draws& draws() { return draws_; }
  std::uint16_t packet_id() { return static_cast<std::uint16_t>(1 + draws_.below(65'535)); }
  std::uint16_t other_id(std::uint16_t than);
  View payload(std::uint32_t least = 0, std::uint32_t most = 200);

  Who someone();  // who has not been used in this case
  const std::deque<Identity>& people() const { return identities_; }  // all that were used
  const Identity& identity(Who who) const { return identities_[static_cast<std::size_t>(who)]; }
  // Where this one may publish, and what it may subscribe to; the same at every call. At a broker nobody
  // else uses them.
  std::string_view topic(Who who);
  std::string_view filter(Who who);
  std::string_view fresh_topic();              // at a broker; one level, two or three
  std::string_view fresh_level();              // letters and digits
  std::string_view fresh_id();                 // the same, of a message: a log that holds those of other runs has none like it
  std::string_view tag() const { return tag_; }  // in names that others must not have
  std::string_view keep(std::string text);     // lives as long as the case
  View keep(Bytes bytes);

  // ---- For scripts: what they do at once.

  Client connect(Door door = Door::mqtt);      // then: co_await opened(client)
  void send(Client client, View bytes);        // in pieces, where the draws say so
  void send_whole(Client client, View bytes);  // in one piece
  void close(Client client);                   // in good order
  void cut(Client client);                     // with a reset
  void note(std::string text);                 // into the transcript
  void sends_id_zero() { sends_id_zero_ = true; }  // so that an answer with that id is no breach of its own

  Instant now() const { return now_; }
  model::Date date() const { return model::Date{pace_.epoch + now_.time_since_epoch()}; }
  void measured(Duration round_trip) { pace_.measured(round_trip); }  // of a door that is not MQTT's
  bool is_over(Client client) const { return conn(client).state == State::over; }
  Instant over_since(Client client) const { return conn(client).over_since; }
  // It ended, and in good order: all that the target sent on it has come.
  bool closed_by_target(Client client) const { return is_over(client) && !conn(client).ours && conn(client).by == model::EndedBy::peer; }
  // Packets that came and that the script has not taken.
  std::size_t left(Client client, Types types = Types::any()) const;
  std::size_t left_on(Client client, std::string_view topic) const;  // PUBLISHes
  const Packet* take(Client client, Types types = Types::any(), std::uint16_t id = 0);
  // What came in place of what was awaited, in words.
  std::string found(Client client) const;

  // Verdicts: on all clauses of the case, or on these, ids with blanks between them.
  void pass(std::string_view clauses = {});
  void fail(std::string_view expected, std::string_view found, std::string_view clauses = {});
  void undecided(std::string_view missing, std::string_view clauses = {});
  // What these are about did not come about; it decides nothing where something else decided already.
  void not_exercised(std::string_view why, std::string_view clauses = {});
  bool expect(bool holds, std::string_view expected, std::string_view found, std::string_view clauses = {}) {
    holds ? pass(clauses) : fail(expected, found, clauses);
    return holds;
  }

  // ---- For scripts: what they await.

 private:
  struct Wait {
    enum class For : std::uint8_t { nothing, packet, end, open, time, restart, feedback, bytes, never };
    For what = For::nothing;
    Client client{};
    Types types = Types::any();
    std::uint16_t id = 0;
    std::size_t size = 0;
    Instant until{};
    bool by_time = false;  // at its end there is no proof of absence to look for
    std::string_view topic = {};  // of a PUBLISH; null: any
  };
  struct Awaiter {
    Stage* stage;
    Wait wait;
    bool await_ready() const { return stage->arm(wait); }
    void await_suspend(std::coroutine_handle<> script) const { stage->waiting_ = script; }
  };

 public:
  struct Heard : Awaiter {
    const Packet* await_resume() const { return stage->take(wait); }
  };
  struct Ended : Awaiter {
    bool await_resume() const { return stage->is_over(wait.client); }
  };
  struct Got : Awaiter {
    View await_resume() const { return stage->unread(wait.client); }
  };
  struct Done : Awaiter {
    void await_resume() const {}
  };

  Done opened(Client client);  // the transport is up, or the case gives up
  // The first packet of these types, and with this id unless it is 0, that was not taken yet. Null: the
  // connection ended without it, or it is absent.
  Heard heard(Client client, Types types, std::uint16_t id = 0);
  Heard heard(Client client, Types types, std::uint16_t id, Duration patience);
  Heard heard_on(Client client, std::string_view topic);  // a PUBLISH to this topic
  Ended ended(Client client);  // false: it is open, and the target answers others
  Ended ended(Client client, Duration patience);
  Ended ended_within(Client client, Duration time);  // false: not by then
  Got bytes(Client client, std::size_t at_least);  // of a raw door: all that came and was not read()
  void read(Client client, std::size_t count);
  Done pause(Duration duration);
  // The target, at once and whatever is under way, by the means that its descriptor names; else gives up. In
  // simulation its machine loses power. What it had sent before that comes still; then the connections end.
  Done restart();
  // Whoever restarts a target comes back when it is up: all that may be lacking is a moment. In simulation: as long.
  Duration settling(Duration simulated = 1s) const { return target_.can.has(Capability::free_time) ? simulated : 300ms; }
  // A case that has the feedback for itself, and a while to wait, lets others read it, and then has it again.
  void leave_feedback();
  Done feedback_again();
  Done need(bool holds, std::string_view what);  // gives up when it does not hold
  Done give_up(std::string_view missing);
  // Ends the case when it does not hold: what is not decided by then is not exercised.
  Done premise(bool holds, std::string_view what);
  Duration patience() const { return pace_.patience(); }
  // In which a target does what it does by itself, such as to see that a connection is over.
  Duration moment() const { return std::max<Duration>(300ms, pace_.patience() / 4); }

 private:
  enum class State : std::uint8_t { connecting, open, over };
  enum class Feedback : std::uint8_t { others, held, wanted };
  struct Piece {
    Bytes bytes;
    bool more = false;  // of the same packet follows, after a moment
  };
  struct Conn {
    Door door{};
    State state = State::connecting;
    model::EndedBy by{};
    Instant over_since{};
    bool probe = false;
    bool ours = false;             // this end closed it
    Bytes in;                      // of a raw door, and what is no whole packet yet
    std::size_t read = 0;
    std::deque<Packet> packets;
    std::deque<Piece> pieces;      // that wait to be sent
    Instant next_piece{};
    std::optional<Instant> asked;  // CONNECT or PINGREQ that has no answer yet
    bool broken = false;           // what came is no MQTT
  };

  Conn& conn(Client client) { return conns_[static_cast<std::size_t>(client)]; }
  const Conn& conn(Client client) const { return conns_[static_cast<std::size_t>(client)]; }
  View unread(Client client) const { return View{conn(client).in}.subspan(conn(client).read); }

  const Packet* take(const Wait& wait);
  static bool fits(const Packet& packet, const Wait& wait);
  bool arm(const Wait& wait);     // true: there is nothing to wait for
  bool ready() const;
  void go_on();                   // the script, as far as it can go
  void finish();
  void stop(std::string missing);
  Duration longest() const;       // that a case may take
  void look_at_clock();
  bool waits_longer();            // the target has become slower since the wait began
  void probe();
  void probe_answered();
  void parse(Client client);
  void judge(Client client, const Packet& packet);
  void put(Client client, View bytes, bool more);
  void flush(Client client, bool all = false);
  void log(Line::What what, Client client, View bytes = {}, model::EndedBy by = {});
  Outcome& outcome(std::string_view clause);
  template <class F>
  void each_clause(std::string_view clauses, F f);

  const Target& target_;
  Pace& pace_;
  const Case& case_;
  Draws draws_;
  std::string tag_;
  std::vector<Identity> spare_;       // a hub's, in reverse order
  std::deque<Identity> identities_;
  std::vector<std::string_view> topics_;
  std::vector<std::string_view> filters_;
  std::deque<Bytes> kept_;
  std::deque<std::string> texts_;
  std::deque<Conn> conns_{1};         // the first is nobody's
  std::vector<Line> transcript_;
  Bytes log_;
  std::vector<Outcome> outcomes_;
  std::string missing_;

  Instant now_{};
  Instant began_{};
  Effects* effects_ = nullptr;        // of the call
  Wait wait_;
  Instant wait_since_{};
  bool absent_ = false;               // what is awaited is
  Client probe_{};
  Instant probe_since_{};
  Instant probe_until_{};
  bool sends_id_zero_ = false;
  bool restart_wanted_ = false;
  Feedback feedback_;
  bool stopped_ = false;
  bool over_ = false;
  std::coroutine_handle<> waiting_;
  Script script_;                     // last: its frames hold pointers to the rest
};

}  // namespace hubproof::conformance::cases
