#include "model/service.hpp"

#include <algorithm>
#include <variant>

#include "model/back_off.hpp"
#include "model/service/administration.hpp"
#include "model/service/commands.hpp"
#include "model/service/feedback_reader.hpp"
#include "model/service/partition_reader.hpp"

namespace hubproof::model {

// One connection with several lanes on it, each a small machine of its own.
//
//   waiting ──until──▶ dialling ──connected──▶ open
//      ▲                   │                     │
//      └── refused, no answer in time, ended, an answer that nobody asked for
struct Service::Parts {
  struct Waiting {
    Instant until;
  };
  struct Dialling {
    Instant patience;
  };
  struct Open {
    Instant since;
  };
  using State = std::variant<Waiting, Dialling, Open>;

  Parts(const ServiceSettings& the_settings, const ServiceRules& the_rules, Chance the_chance,
        std::function<NodeIndex(std::string_view)> the_index_of)
      : settings{the_settings},
        rules{the_rules},
        chance{the_chance},
        index_of{std::move(the_index_of)} {
    for (std::uint32_t i = 0; settings.reads_telemetry && i < settings.partitions; ++i)
      readers.emplace_back(i);
    if (settings.reads_feedback) feedback.emplace();
  }

  bool open() const { return std::holds_alternative<Open>(state); }
  bool current(ConnectionId connection) const { return connection == ConnectionId{connections}; }
  bool dialling(ConnectionId connection) const {
    return std::holds_alternative<Dialling>(state) && current(connection);
  }
  Line line(Now now, Effects& effects) {
    return {now, effects, settings, rules, index_of, chance, connections, last_correlation};
  }

  template <class F>
  void each_lane(F&& visit) {
    visit(administration);
    visit(commands);
    for (PartitionReader& reader : readers) visit(reader);
    if (feedback) visit(*feedback);
  }
  template <class F>
  void each_lane(F&& visit) const {
    const_cast<Parts*>(this)->each_lane([&](const auto& lane) { visit(lane); });
  }

  void connect(Now now, Effects& effects) {
    effects.connect(ConnectionId{++connections});
    state = Dialling{now.mono + settings.request_patience};
  }

  void wait_and_retry(Now now) {
    const Duration wait = back_off.next(chance, ChanceSite::service_retry, settings.back_off_first,
                                        settings.back_off_max, settings.back_off_jitter_percent);
    state = Waiting{now.mono + wait};
  }

  void opened(Now now, Effects& effects) {
    state = Open{now.mono};
    line(now, effects).saw(What::opened);
    effects.send(ConnectionId{connections}, view(link::preamble));
    go_on(now, effects);
  }

  void refused(Now now, EndedBy by, Why why, Effects& effects) {
    Event& event = line(now, effects).saw(What::refused);
    event.by = by;
    event.why = why;
    wait_and_retry(now);
  }

  void ended(Now now, EndedBy by, Why why, Effects& effects) {
    Line here = line(now, effects);
    each_lane([&](auto& lane) { lane.connection_ended(here); });
    Event& event = here.saw(What::ended);
    event.by = by;
    event.why = why;
    back_off.lasted(now.mono - std::get<Open>(state).since);
    decoder = {};
    wait_and_retry(now);
  }

  // Starts everything that is due.
  void go_on(Now now, Effects& effects) {
    if (!open()) return;
    Line here = line(now, effects);
    each_lane([&](auto& lane) { lane.go_on(here); });
  }

  bool answered(Now now, const link::ResponseFrame& frame, Effects& effects) {
    Line here = line(now, effects);
    Took took = Took::not_mine;
    each_lane([&](auto& lane) {
      if (took == Took::not_mine) took = lane.answered(here, frame);
    });
    return took == Took::fine;
  }

  void received(Now now, View bytes, Effects& effects) {
    decoder.feed(bytes);
    bool fine = true;
    while (fine) {
      const auto frame = decoder.next_response();
      if (!frame) break;
      fine = answered(now, *frame, effects);
      if (fine) go_on(now, effects);
    }
    if (fine && !decoder.broken()) return;
    effects.close(ConnectionId{connections});
    ended(now, EndedBy::local, Why::protocol, effects);
  }

  std::optional<Instant> deadline() const {
    if (const auto* waiting = std::get_if<Waiting>(&state)) return waiting->until;
    if (const auto* dialling = std::get_if<Dialling>(&state)) return dialling->patience;
    std::optional<Instant> first;
    each_lane([&](const auto& lane) {
      const auto due = lane.deadline();
      if (due && (!first || *due < *first)) first = due;
    });
    return first;
  }

  void woken(Now now, Effects& effects) {
    if (const auto* waiting = std::get_if<Waiting>(&state)) {
      if (now.mono >= waiting->until) connect(now, effects);
      return;
    }
    bool too_long = false;
    if (const auto* dialling = std::get_if<Dialling>(&state))
      too_long = now.mono >= dialling->patience;
    else
      each_lane([&](const auto& lane) {
        const auto patience = lane.patience();
        if (patience && now.mono >= *patience) too_long = true;
      });
    if (!too_long) return go_on(now, effects);
    effects.abort(ConnectionId{connections});
    if (open())
      ended(now, EndedBy::local, Why::no_answer, effects);
    else
      refused(now, EndedBy::local, Why::no_answer, effects);
  }

  ServiceSettings settings;
  const ServiceRules& rules;
  Chance chance;
  std::function<NodeIndex(std::string_view)> index_of;
  State state = Waiting{};
  std::uint32_t connections = 0;  // asked for so far; the newest is the current one
  std::uint32_t last_correlation = 0;
  BackOff back_off;
  link::Decoder decoder;

  Administration administration;
  Commands commands;
  std::vector<PartitionReader> readers;
  std::optional<FeedbackReader> feedback;
};

// A service's events do not name it, and its commands have ids that their maker chose: so neither
// its name nor its number is needed.
Service::Service(const ServiceSettings& settings, const ServiceRules& rules, std::string,
                 std::uint32_t, Chance chance,
                 std::function<NodeIndex(std::string_view)> index_of)
    : parts_{std::make_unique<Parts>(settings, rules, chance, std::move(index_of))} {}
Service::~Service() = default;
Service::Service(Service&&) noexcept = default;

void Service::started(Now now, Effects& effects) { parts_->connect(now, effects); }

void Service::submit(Now now, Request request, Effects& effects) {
  if (auto* command = std::get_if<SendCommand>(&request))
    parts_->commands.submit(std::move(*command));
  else
    parts_->administration.submit(std::move(request));
  parts_->go_on(now, effects);
}

void Service::connected(Now now, ConnectionId connection, Effects& effects) {
  if (parts_->dialling(connection)) parts_->opened(now, effects);
}

void Service::refused(Now now, ConnectionId connection, Effects& effects) {
  if (parts_->dialling(connection)) parts_->refused(now, EndedBy::unknown, Why::unknown, effects);
}

void Service::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (parts_->open() && parts_->current(connection)) parts_->received(now, bytes, effects);
}

void Service::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (parts_->open() && parts_->current(connection))
    parts_->ended(now, by, Why::unknown, effects);
  else
    refused(now, connection, effects);
}

void Service::woken(Now now, Effects& effects) { parts_->woken(now, effects); }

std::optional<Instant> Service::deadline() const { return parts_->deadline(); }

std::size_t Service::pending() const {
  return parts_->administration.size() + parts_->commands.size();
}

}  // namespace hubproof::model
