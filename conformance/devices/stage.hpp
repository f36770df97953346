// Plays the server for one case: bytes, lines and time in; sends, ends and orders out. The case is a
// coroutine that waits for what the device does; what it does not wait for stays until it asks. All
// packets of the device pass the Watch as well, whatever the case is about.
//
//   opened ──▶ hello ──▶ echo (how quick is this device?) ──▶ the case ──▶ finished
//     └── the adapter fails, babbles or ends ──▶ finished: broken()
#pragma once

#include <coroutine>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/devices/adapter.hpp"
#include "conformance/devices/task.hpp"
#include "conformance/devices/watch.hpp"
#include "conformance/devices/websocket.hpp"
#include "model/amqp/engine.hpp"
#include "model/http/codec.hpp"
#include "model/mqtt/codec.hpp"
#include "model/time.hpp"

namespace hubproof::conformance::devices {

enum class LinkId : std::uint32_t { none = 0 };  // the driver's name of a connection

// What a device is to be told of the server, and how long a case waits.
struct StageSettings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string key;                          // of a hub's device
  std::string ca{};                         // TLS: the file with the authority to trust; empty: no TLS
  bool websocket = false;                   // MQTT within WebSockets
  std::uint64_t seed = 0;
  model::Duration start{std::chrono::seconds{20}};    // for an adapter to say hello
  model::Duration floor{std::chrono::seconds{3}};     // patience is never shorter
  model::Duration quiet{std::chrono::milliseconds{300}};  // nor the wait for what must not come
};

// What the driver is to do.
struct Act {
  enum class Kind : std::uint8_t {
    send,   // bytes on `link`
    close,  // `link`, after what was sent
    abort,  // cut `link`
    tell    // `line` to the adapter
  };
  Kind kind = Kind::send;
  LinkId link{};
  model::Bytes bytes{};
  std::string line{};
  Order order{};  // what the line says
};

// A request of HTTP that is its own.
struct Asked {
  enum class What : std::uint8_t { other, telemetry, receive, complete, reject, abandon };
  What what = What::other;
  std::uint64_t serial = 0;  // of this request in its case
  std::string lock;          // of a settling: its token, from the path
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;  // in the order in which they came
  model::Bytes body;

  std::optional<std::string_view> field(std::string_view name) const;  // the first of that name, in any case
};

// What a link of an AMQP connection is for.
enum class Use : std::uint8_t { none, tokens, answers, telemetry, commands, other };

// Something that the device did.
struct Heard {
  enum class Kind : std::uint8_t {
    opened,
    packet,
    malformed,
    ended,
    said,
    upgrade,  // a request for a WebSocket
    control,  // a pong or Close of a WebSocket
    event,    // of an AMQP connection
    request   // of HTTP, whole
  };
  Heard() = default;
  Heard(Heard&&) = default;             // the views stay where the bytes are; those of a copy would not
  Heard& operator=(Heard&&) = default;
  Kind kind = Kind::said;
  LinkId link{};
  model::Bytes bytes{};         // of a packet
  model::mqtt::Packet packet{}; // views into `bytes`
  bool by_device = false;       // ended
  Said said{};
  Upgrade upgrade{};
  Frame frame{};                // control
  Use use{};                    // event: of the link that it is about
  model::amqp::Event event{};
  Asked asked{};                // request
  model::Instant at{};

  template <class P>
  const P* is() const {
    return kind == Kind::packet ? std::get_if<P>(&packet) : nullptr;
  }
  bool is(Said::Did did) const { return kind == Kind::said && said.did == did; }
  template <class E>
  const E* amqp() const {
    return kind == Kind::event ? std::get_if<E>(&event) : nullptr;
  }
};

struct TranscriptLine {
  model::Instant at;
  std::string text;
};

std::string packet_text(const model::mqtt::Packet& packet);  // "PUBLISH 7, QoS 1, DUP, a/b, 5 bytes"
std::string hex_text(model::View bytes);                     // "30 05 ..."; long ones are shortened

// Speaks another protocol than MQTT on the connections of a case: bytes and time in. What it makes of them it tells the
// stage, which hands it to the case when the call is over.
class Speaker {
 public:
  virtual void opened(LinkId link) = 0;
  virtual void received(LinkId link, model::View bytes) = 0;
  virtual void ended(LinkId link) = 0;  // by either end
  virtual void woken() = 0;
  virtual std::optional<model::Instant> deadline() const = 0;

 protected:
  Speaker() = default;
  Speaker(const Speaker&) = delete;
  Speaker& operator=(const Speaker&) = delete;
  ~Speaker() = default;
};

class Stage {
 public:
  using Play = std::function<Task<>(Stage&)>;

  Stage(const StageSettings& settings, std::string name, std::vector<std::string> clauses, Play play);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // ---- The driver's calls.
  void started(model::Instant now);
  void opened(model::Instant now, LinkId link);
  void received(model::Instant now, LinkId link, model::View bytes);
  void ended(model::Instant now, LinkId link);  // by the device or the network
  void line(model::Instant now, std::string_view text);  // of the adapter's, without its end
  void said(model::Instant now, Said said);              // the same, read already
  void adapter_ended(model::Instant now, const std::string& how);
  void woken(model::Instant now);
  std::optional<model::Instant> deadline() const;
  std::vector<Act>& acts() { return acts_; }  // to be performed in order, and cleared
  bool finished() const { return finished_; }

  // ---- What came of it, once it is finished.
  const Tally& tally() const { return tally_; }
  const std::string& broken() const { return broken_; }  // what is wrong with the adapter; empty: nothing
  const std::string& not_applicable() const { return not_applicable_; }
  const std::vector<TranscriptLine>& transcript() const { return transcript_; }
  model::Instant began() const { return began_; }
  const Hello& device() const { return hello_; }
  model::Duration latency() const { return latency_; }

  // ---- The case's: what it knows.
  std::uint32_t below(std::uint32_t bound);  // drawn from the seed and the case's name
  model::Instant now() const { return now_; }
  model::Duration patience() const;  // for what must come
  model::Duration quiet() const;     // for what must not
  const StageSettings& settings() const { return settings_; }
  const std::string& name() const { return name_; }
  bool open(LinkId link) const;
  const std::vector<std::string>& clauses() const { return clauses_; }

  // ---- What it does.
  void tell(const Order& order);
  std::uint64_t next_id() { return ++last_order_; }  // of an order
  template <class P>
  void send(LinkId link, const P& packet) {
    model::Bytes bytes;
    model::mqtt::write(bytes, packet);
    watch_.sent(static_cast<std::uint32_t>(link), packet);
    send_noted(link, std::move(bytes), "server: " + packet_text(packet));
  }
  void send_raw(LinkId link, model::Bytes bytes, const std::string& what);  // which no codec would write
  // Within WebSockets. Packets whose frames are of the case's own making: the bytes that go into these.
  template <class P>
  void put(LinkId link, model::Bytes& into, const P& packet) {
    model::mqtt::write(into, packet);
    watch_.sent(static_cast<std::uint32_t>(link), packet);
    note("server, in frames: " + packet_text(packet));
  }
  // One after the other, or all in one write.
  void send_frames(LinkId link, const std::vector<Frame>& frames, bool at_once = false);
  void break_frames(LinkId link, const std::vector<Frame>& frames, const std::string& what);  // which no server may send
  void send_bare(LinkId link, model::Bytes bytes, const std::string& what);  // as they are, in no frame
  // The answer to a request for a WebSocket: as it should be, or what a case makes of it.
  std::string acceptance(LinkId link) const;
  void answer_upgrade(LinkId link, const std::string& head, const std::string& what);
  void close(LinkId link);
  void cut(LinkId link);
  // From here on this one reads and answers what comes; nullptr: the stage itself, which speaks MQTT.
  void spoken_by(Speaker* speaker) { speaker_ = speaker; }
  void heard(Heard heard);  // by the speaker
  // What the stage answers by itself. A silent server answers nothing.
  struct Manners {
    bool pings = true;
    bool requests = true;      // SUBSCRIBE and UNSUBSCRIBE
    bool publishes = false;    // with PUBACK, PUBREC and PUBCOMP
    bool connects = false;     // with CONNACK 0 and session present
    bool upgrades = true;      // requests for WebSockets
  };
  Manners manners{};

  // ---- What it says of it.
  void pass(std::string_view clause) { tally_.pass(clause); }
  void fail(std::string_view clause, std::string what) { note("fails " + std::string{clause} + ": " + what), tally_.fail(clause, std::move(what)); }
  void leave_undecided(std::string_view clause, std::string missing) { tally_.leave_undecided(clause, std::move(missing)); }
  void note(const std::string& what);  // a line of the transcript

  // ---- What it waits for.
  using Match = std::function<bool(const Heard&)>;
  class Waiting {
   public:
    Waiting(Stage& stage, Match match, model::Duration patience) : stage_{stage}, match_{std::move(match)}, patience_{patience} {}
    bool await_ready();
    void await_suspend(std::coroutine_handle<> who);
    std::optional<Heard> await_resume() { return std::move(found_); }

   private:
    friend class Stage;
    Stage& stage_;
    Match match_;
    model::Duration patience_;
    std::optional<Heard> found_;
    std::coroutine_handle<> who_;
    model::Instant until_{};
  };
  // The first thing that matches, of what came already or comes in time; the rest stays.
  Waiting wait(Match match, model::Duration patience) { return {*this, std::move(match), patience}; }
  Waiting pause(model::Duration time) { return wait([](const Heard&) { return false; }, time); }
  // Takes what is there and matches, without waiting.
  std::optional<Heard> take(const Match& match);
  void forget_packets() { std::erase_if(heard_, [](const Heard& one) { return one.kind != Heard::Kind::said; }); }

  // Ends the case: what it is about stays undecided unless it was decided, for the want of `what`.
  // Plain text, as g++ 12 destroys std::string temporaries of a co_await expression twice.
  struct Ending {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<>) const {}
    void await_resume() const {}
  };
  Ending missing(const char* what);
  Ending does_not_apply(const char* why);

 private:
  struct Link {
    model::mqtt::Decoder decoder{model::mqtt::End::server};
    model::Bytes held;   // what the decoder has not given as packets yet
    bool over = false;
    // Of a WebSocket.
    model::http::RequestDecoder request{};
    std::string key;      // of the request, once it is there
    bool asked = false;
    bool answered = false;
    bool deaf = false;    // what comes cannot be read
    bool said_close = false;
    FrameReader frames;
  };

  void hear(Heard heard);
  template <class Call>
  void ask_speaker(Call call);
  void received_packets(LinkId id, model::View bytes);
  void read_request(LinkId id, model::View bytes);
  void read_frames(LinkId id);
  void heard_frame(LinkId id, Frame frame);
  void give(LinkId link, const Frame& frame);
  void deliver();
  void answer(const Heard& heard);
  void send_noted(LinkId link, model::Bytes bytes, const std::string& what);
  void break_off(const std::string& why);
  void finish();
  void begin_case();
  void resume();

  StageSettings settings_;
  std::string name_;
  std::vector<std::string> clauses_;
  Play play_;
  Task<> story_;
  Tally tally_;
  Watch watch_{tally_};
  FrameWatch frame_watch_{tally_};
  Speaker* speaker_ = nullptr;
  std::map<LinkId, Link> links_;
  std::deque<Heard> heard_;
  Waiting* waiting_ = nullptr;
  std::vector<Act> acts_;
  std::vector<TranscriptLine> transcript_;
  Hello hello_;
  bool greeted_ = false;
  bool began_case_ = false;
  bool finished_ = false;
  bool settled_ = false;  // the case ended itself
  bool resuming_ = false;
  bool asking_ = false;   // the speaker
  std::string broken_;
  std::string not_applicable_;
  model::Instant now_{};
  model::Instant began_{};
  model::Instant asked_{};      // echo, by the stage itself
  model::Duration latency_{};
  std::optional<model::Instant> patience_end_;
  std::uint64_t last_order_ = 0;
  std::uint64_t drawn_ = 0;
  std::uint64_t draws_;
};

}  // namespace hubproof::conformance::devices
