// A device that speaks HTTP: it sends telemetry, alone or in batches, polls for commands and
// settles them by their lock tokens [HTTP-02, HTTP-09, HTTP-13]. It keeps what it was given until a
// response says that the hub has it, and sends it again when none came: at least once [DLV-07,
// DLV-09].
//
//   asleep ──▶ waiting ──▶ dialling ──connected──▶ open: requests leave, responses come
//                 ▲             │                    │
//                 └─────────────┴── refused, ended, no answer in time, an error that may pass
//
// Requests are pipelined: a poll does not wait for the answer to a message. One command is handled
// at a time; lock tokens outlive a connection, so a command that was being handled when one ended
// is settled on the next.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/back_off.hpp"
#include "model/chance.hpp"
#include "model/device_settings.hpp"
#include "model/effects.hpp"
#include "model/http/codec.hpp"
#include "model/operations.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

class HttpDevice {
 public:
  HttpDevice(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
             std::uint32_t number, Chance chance);

  void started(Now now, std::span<const StoredFile>, Effects& effects) { connect(now, effects); }
  void submit(Now now, MessageKey key, View message, Effects& effects);
  void connected(Now now, ConnectionId connection, Effects& effects);
  void refused(Now now, ConnectionId connection, Effects& effects);
  void received(Now now, ConnectionId connection, View bytes, Effects& effects);
  void ended(Now now, ConnectionId connection, EndedBy by, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;
  void sleep(Now now, Effects& effects);
  void resume(Now now, Effects& effects);
  std::size_t unacknowledged() const { return outbox_.size(); }

 private:
  struct Asleep {};
  struct Waiting {
    Instant until;
  };
  struct Dialling {
    Instant patience;
  };
  struct Open {
    Instant poll;  // asks for a command then, unless it has one
  };
  using State = std::variant<Asleep, Waiting, Dialling, Open>;

  struct Entry {  // a message that waits for its acknowledgement
    std::uint64_t serial = 0;
    MessageKey key{};
    Bytes flat;
    bool sent = false;  // in a request that has no response yet
  };
  struct Asked {  // a request that has no response yet
    enum class What : std::uint8_t { telemetry, receive, settle } what{};
    Instant patience{};
    std::vector<std::uint64_t> serials{};
    bool shows = false;  // the history told of its token, and wants to know the answer
    bool older = false;  // its token has been renewed since
  };
  struct InHand {
    MessageKey key{};
    std::string etag;
    std::uint64_t token = 0;
    std::uint64_t sequence = 0;
    Settle how = Settle::complete;
    Instant handled{};
  };
  enum class Then : std::uint8_t { go_on, back_off, give_up };  // after a response

  bool current(ConnectionId connection) const { return connection == ConnectionId{connections_}; }
  bool under_way(Asked::What what) const;
  void connect(Now now, Effects& effects);
  void wait_and_retry(Now now);
  void connection_ended(Now now, EndedBy by, Why why, Effects& effects);
  void cut(Now now, Why why, Effects& effects);
  void go_on(Now now, Effects& effects);
  bool send_telemetry(Now now, Effects& effects);  // false: nothing waits, or enough is under way
  void ask(Now now, Asked asked, std::string_view method, std::string_view path,
           http::Request request, Effects& effects);

  void make_token(Now now);
  bool show_token(Now now, Effects& effects);  // false: of this one the history was told lately
  Then on(Now now, const http::Response& response, Effects& effects);
  Then telemetry_answered(const Asked& asked, unsigned status, Effects& effects);
  Then command_answered(Now now, const http::Response& response, Effects& effects);
  Then settling_answered(Now now, unsigned status, Effects& effects);
  void finish(std::uint64_t serial, Phase phase, Error error, Effects& effects);
  void take(Now now, const http::Response& response, Effects& effects);
  void settled(Phase phase, Error error, Effects& effects);
  Event& saw(Effects& effects, What what, Phase phase = Phase::ok) const;

  const DeviceSettings* settings_;
  const DeviceRules* rules_;
  Chance chance_;
  std::string id_;
  std::string path_;  // of its endpoints
  State state_ = Asleep{};
  http::ResponseDecoder decoder_;
  std::deque<Entry> outbox_;  // in the order of submission
  std::deque<Asked> asked_;   // in the order of sending
  std::optional<InHand> in_hand_;
  Instant since_{};  // when the connection opened
  std::uint64_t last_serial_ = 0;
  std::uint32_t batch_;  // messages of a request; smaller while the hub finds them too large
  std::uint32_t number_;
  std::uint32_t connections_ = 0;
  BackOff back_off_;
  struct Shown {
    std::string text;         // of the token; empty: none
    std::string device;       // whom it names
    std::uint64_t key = 0;
    Date expiry{};
    Instant made{};
    Instant told = Instant::min();  // in the history
  } token_;
  std::string body_;  // scratch
};

}  // namespace hubproof::model
