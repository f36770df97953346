#include "model/service.hpp"

#include <algorithm>
#include <variant>

#include "model/back_off.hpp"
#include "model/service/administration.hpp"
#include "model/service/amqp_carrier.hpp"
#include "model/service/commands.hpp"
#include "model/service/feedback_reader.hpp"
#include "model/service/http_carrier.hpp"
#include "model/service/partition_reader.hpp"

namespace hubproof::model {

// Lanes, each a small machine of its own, on two connections: one of AMQP, and one of HTTP for the registry.
// Each connection is a channel:
//
//   idle ──work──▶ dialling ──connected──▶ open
//                   ▲  │                     │
//                 until│                     │
//                   │  ▼                     │
//                 waiting ◀── refused, no answer in time, ended, an answer that nobody asked for
//
// AMQP's always has work: something may come. HTTP's goes to idle, not to waiting, when nothing is to be asked.
struct Service::Parts {
  struct Idle {};
  struct Waiting {
    Instant until;
  };
  struct Dialling {
    Instant patience;
  };
  struct Open {
    Instant since;
  };
  using State = std::variant<Idle, Waiting, Dialling, Open>;

  struct Channel {
    Goal goal;
    std::unique_ptr<Carrier> carrier;
    State state{};
    std::uint32_t connection = 0;  // the newest that it asked for
    BackOff back_off{};

    bool open() const { return std::holds_alternative<Open>(state); }
    bool idle() const { return std::holds_alternative<Idle>(state); }
  };

  Parts(const ServiceSettings& the_settings, const ServiceRules& the_rules, Chance the_chance,
        std::function<NodeIndex(std::string_view)> the_index_of, const MakeCarrier& make_carrier)
      : settings{the_settings},
        rules{the_rules},
        chance{the_chance},
        index_of{std::move(the_index_of)} {
    for (std::uint32_t i = 0; settings.reads_telemetry && i < settings.partitions; ++i)
      readers.emplace_back(i);
    if (settings.reads_feedback) feedback.emplace();
    for (const Goal goal : {Goal::amqp, Goal::http})
      channels.push_back({goal, make_carrier ? make_carrier(goal) : make(goal)});
  }

  std::unique_ptr<Carrier> make(Goal goal) const {
    if (goal == Goal::amqp) return std::make_unique<AmqpCarrier>(settings);
    return std::make_unique<HttpCarrier>(settings);
  }

  Channel* find(ConnectionId connection) {  // null: it is none of the newest
    for (Channel& channel : channels)
      if (ConnectionId{channel.connection} == connection) return &channel;
    return nullptr;
  }
  Channel* dialling(ConnectionId connection) {
    Channel* const channel = find(connection);
    return channel != nullptr && std::holds_alternative<Dialling>(channel->state) ? channel : nullptr;
  }
  Line line(Now now, Channel& channel, Effects& effects) {
    return {now,    effects,           settings,        rules,           index_of,
            chance, channel.connection, last_correlation, *channel.carrier};
  }

  template <class F>
  void each_lane(const Channel& channel, F&& visit) {
    if (channel.goal == Goal::http) return visit(administration);
    visit(commands);
    for (PartitionReader& reader : readers) visit(reader);
    if (feedback) visit(*feedback);
  }
  template <class F>
  void each_lane(const Channel& channel, F&& visit) const {
    const_cast<Parts*>(this)->each_lane(channel, [&](const auto& lane) { visit(lane); });
  }

  void connect(Now now, Channel& channel, Effects& effects) {
    channel.connection = ++connections;
    effects.connect(ConnectionId{channel.connection});
    channel.state = Dialling{now.mono + settings.request_patience};
  }

  bool has_work(const Channel& channel) const { return channel.goal == Goal::amqp || administration.size() > 0; }

  void wait_and_retry(Now now, Channel& channel) {
    if (!has_work(channel)) {
      channel.state = Idle{};
      return;
    }
    const Duration wait =
        channel.back_off.next(chance, ChanceSite::service_retry, settings.back_off_first,
                              settings.back_off_max, settings.back_off_jitter_percent);
    channel.state = Waiting{now.mono + wait};
  }

  void opened(Now now, Channel& channel, Effects& effects) {
    channel.state = Open{now.mono};
    line(now, channel, effects).saw(What::opened);
    channel.carrier->opened(now, ConnectionId{channel.connection}, effects);
    go_on(now, channel, effects);
    listen(now, channel, effects);
  }

  void refused(Now now, Channel& channel, EndedBy by, Why why, Effects& effects) {
    Event& event = line(now, channel, effects).saw(What::refused);
    event.by = by;
    event.why = why;
    wait_and_retry(now, channel);
  }

  void ended(Now now, Channel& channel, EndedBy by, Why why, Effects& effects) {
    Line here = line(now, channel, effects);
    each_lane(channel, [&](auto& lane) { lane.connection_ended(here); });
    Event& event = here.saw(What::ended);
    event.by = by;
    event.why = why;
    channel.back_off.lasted(now.mono - std::get<Open>(channel.state).since);
    channel.carrier->ended();
    wait_and_retry(now, channel);
  }

  // Starts everything that is due.
  void go_on(Now now, Channel& channel, Effects& effects) {
    if (!channel.open()) return;
    Line here = line(now, channel, effects);
    each_lane(channel, [&](auto& lane) { lane.go_on(here); });
  }

  bool answered(Now now, Channel& channel, const Answer& answer, Effects& effects) {
    Line here = line(now, channel, effects);
    Took took = Took::not_mine;
    each_lane(channel, [&](auto& lane) {
      if (took == Took::not_mine) took = lane.answered(here, answer);
    });
    return took == Took::fine;
  }

  // The end of each call: what has come is taken, what was said leaves.
  void listen(Now now, Channel& channel, Effects& effects) {
    if (!channel.open()) return;
    Carrier& carrier = *channel.carrier;
    bool fine = true;
    for (bool more = true; more && fine;) {
      more = false;
      while (fine) {
        const auto answer = carrier.next();
        if (!answer) break;
        more = true;
        fine = answered(now, channel, *answer, effects);
        if (fine) go_on(now, channel, effects);
      }
      carrier.flush(now, effects);
    }
    if (fine && !carrier.broken()) return;
    effects.close(ConnectionId{channel.connection});
    ended(now, channel, EndedBy::local, Why::protocol, effects);
  }

  std::optional<Instant> deadline(const Channel& channel) const {
    if (channel.idle()) return std::nullopt;
    if (const auto* waiting = std::get_if<Waiting>(&channel.state)) return waiting->until;
    if (const auto* dialling = std::get_if<Dialling>(&channel.state)) return dialling->patience;
    std::optional<Instant> first = channel.carrier->deadline();
    each_lane(channel, [&](const auto& lane) {
      const auto due = lane.deadline();
      if (due && (!first || *due < *first)) first = due;
    });
    return first;
  }
  std::optional<Instant> deadline() const {
    std::optional<Instant> first;
    for (const Channel& channel : channels) {
      const auto due = deadline(channel);
      if (due && (!first || *due < *first)) first = due;
    }
    return first;
  }

  void woken(Now now, Channel& channel, Effects& effects) {
    if (channel.idle()) return;
    if (const auto* waiting = std::get_if<Waiting>(&channel.state)) {
      if (now.mono >= waiting->until) connect(now, channel, effects);
      return;
    }
    bool too_long = false;
    if (const auto* dialling = std::get_if<Dialling>(&channel.state))
      too_long = now.mono >= dialling->patience;
    else
      each_lane(channel, [&](const auto& lane) {
        const auto patience = lane.patience();
        if (patience && now.mono >= *patience) too_long = true;
      });
    if (!too_long) {
      if (channel.open()) channel.carrier->woken(now);
      go_on(now, channel, effects);
      return listen(now, channel, effects);
    }
    effects.abort(ConnectionId{channel.connection});
    if (channel.open())
      ended(now, channel, EndedBy::local, Why::no_answer, effects);
    else
      refused(now, channel, EndedBy::local, Why::no_answer, effects);
  }

  ServiceSettings settings;
  const ServiceRules& rules;
  Chance chance;
  std::function<NodeIndex(std::string_view)> index_of;
  std::vector<Channel> channels;
  std::uint32_t connections = 0;  // asked for so far
  std::uint32_t last_correlation = 0;

  Administration administration;
  Commands commands;
  std::vector<PartitionReader> readers;
  std::optional<FeedbackReader> feedback;
};

Service::Service(const ServiceSettings& settings, const ServiceRules& rules, Chance chance,
                 std::function<NodeIndex(std::string_view)> index_of, const MakeCarrier& make_carrier)
    : parts_{std::make_unique<Parts>(settings, rules, chance, std::move(index_of), make_carrier)} {}
Service::~Service() = default;
Service::Service(Service&&) noexcept = default;

void Service::started(Now now, std::span<const StoredFile> files, Effects& effects) {
  for (Parts::Channel& channel : parts_->channels) {
    channel.carrier->started(files);
    if (parts_->has_work(channel)) parts_->connect(now, channel, effects);
  }
}

void Service::submit(Now now, Request request, Effects& effects) {
  if (auto* command = std::get_if<SendCommand>(&request))
    parts_->commands.submit(std::move(*command));
  else
    parts_->administration.submit(std::move(request));
  for (Parts::Channel& channel : parts_->channels) {
    if (channel.idle() && parts_->has_work(channel)) parts_->connect(now, channel, effects);
    parts_->go_on(now, channel, effects);
    parts_->listen(now, channel, effects);
  }
}

void Service::connected(Now now, ConnectionId connection, Effects& effects) {
  if (Parts::Channel* const channel = parts_->dialling(connection)) parts_->opened(now, *channel, effects);
}

void Service::refused(Now now, ConnectionId connection, Effects& effects) {
  if (Parts::Channel* const channel = parts_->dialling(connection))
    parts_->refused(now, *channel, EndedBy::unknown, Why::unknown, effects);
}

void Service::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  Parts::Channel* const channel = parts_->find(connection);
  if (channel == nullptr || !channel->open()) return;
  channel->carrier->received(now, bytes);
  parts_->listen(now, *channel, effects);
}

void Service::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  Parts::Channel* const channel = parts_->find(connection);
  if (channel != nullptr && channel->open())
    parts_->ended(now, *channel, by, Why::unknown, effects);
  else
    refused(now, connection, effects);
}

void Service::stored(Now now, Ticket ticket, bool ok, Effects& effects) {
  for (Parts::Channel& channel : parts_->channels) {
    channel.carrier->stored(ticket, ok, effects);
    parts_->listen(now, channel, effects);
  }
}

void Service::woken(Now now, Effects& effects) {
  for (Parts::Channel& channel : parts_->channels) parts_->woken(now, channel, effects);
}

std::optional<Instant> Service::deadline() const { return parts_->deadline(); }

Service::Goal Service::goal(ConnectionId connection) const {
  const Parts::Channel* const channel = parts_->find(connection);
  return channel == nullptr ? Goal::amqp : channel->goal;
}

std::size_t Service::pending() const {
  return parts_->administration.size() + parts_->commands.size();
}

}  // namespace hubproof::model
