#include "model/service.hpp"

#include <algorithm>
#include <deque>

#include "model/back_off.hpp"
#include "model/link/link.hpp"

namespace hubproof::model {
namespace {

constexpr Duration least_pause = 1s;  // after a refusal, and where a long poll does not wait

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

bool undecided(Error error) {  // says nothing of the outcome [ERR-38]
  return error == Error::storage || error == Error::timed_out;
}

}  // namespace

// One connection, many requests on it. Each lane has at most one request under way, commands any
// number:
//   administration   registry operations and purges, one at a time, retried until the answer is
//                    definite: two of them never overtake each other
//   commands         sent once; without an answer the outcome is info
//   partitions       read, handle, store a checkpoint; both are retried freely
//   feedback         receive, settle, receive
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

  // What a request was for.
  enum class Lane : std::uint8_t { administration, command, read, checkpoint, feedback, settle };
  struct Asked {
    std::uint32_t correlation = 0;
    Lane lane{};
    std::uint32_t partition = 0;
    Instant patience{};
    // Of a command.
    MessageKey message{};
    NodeIndex device = NodeIndex::none;
  };
  struct Administration {
    Request request;
    bool invoked = false;
    bool tried_before = false;  // and without an answer: it may have been done
  };
  struct Partition {
    bool begun = false;  // its read_from is in the history
    bool reading = false;
    bool storing = false;
    bool store_invoked = false;  // a checkpoint is not definitely stored
    std::uint64_t next = 0;      // wanted sequence; 0: after the group's checkpoint
    std::uint64_t last = 0;      // seen last
    std::uint64_t storing_upto = 0;
    std::uint32_t unstored = 0;  // events seen since the checkpoint
    Instant read_at{};           // not before
    Instant store_at{};
  };

  Parts(const ServiceSettings& the_settings, Chance the_chance,
        std::function<NodeIndex(std::string_view)> the_index_of)
      : settings{the_settings}, chance{the_chance}, index_of{std::move(the_index_of)} {
    if (settings.reads_telemetry) partitions.resize(settings.partitions);
  }

  // ---- What is seen.

  Event& saw(Effects& effects, What what, Phase phase = Phase::ok) const {
    Event& event = effects.saw(what, phase);
    if (open()) event.connection = connections;
    return event;
  }

  // ---- Connecting.

  bool open() const { return std::holds_alternative<Open>(state); }
  bool current(ConnectionId connection) const { return connection == ConnectionId{connections}; }

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
    saw(effects, What::opened);
    effects.send(ConnectionId{connections}, view(link::preamble));
    go_on(now, effects);
  }

  void refused(Now now, EndedBy by, Why why, Effects& effects) {
    Event& event = saw(effects, What::refused);
    event.connection = connections;
    event.by = by;
    event.why = why;
    wait_and_retry(now);
  }

  void connection_ended(Now now, EndedBy by, Why why, Effects& effects) {
    for (const Asked& one : asked) unanswered(one, effects);
    asked.clear();
    Event& event = saw(effects, What::ended);
    event.by = by;
    event.why = why;
    back_off.lasted(now.mono - std::get<Open>(state).since);
    decoder = {};
    wait_and_retry(now);
  }

  void unanswered(const Asked& one, Effects& effects) {
    switch (one.lane) {
      case Lane::administration:
        administering = false;
        administrations.front().tried_before = true;
        break;
      case Lane::command: {
        Event& event = saw(effects, What::command, Phase::info);
        event.message = one.message;
        event.device = one.device;
        break;
      }
      case Lane::read:
        partitions[one.partition].reading = false;
        break;
      case Lane::checkpoint:
        partitions[one.partition].storing = false;
        break;
      case Lane::feedback:
        receiving = false;
        break;
      case Lane::settle:
        settled(Phase::info, Error::none, effects);
        break;
    }
  }

  // ---- Asking.

  Asked& ask(Now now, Lane lane, const Request& request, Duration extra, Effects& effects) {
    link::write_request(effects.sending(ConnectionId{connections}), ++correlation, request);
    effects.sent();
    Asked& one = asked.emplace_back();
    one.correlation = correlation;
    one.lane = lane;
    one.patience = now.mono + settings.request_patience + extra;
    return one;
  }

  // Starts everything that is due.
  void go_on(Now now, Effects& effects) {
    if (!open()) return;
    administer(now, effects);
    for (; !commands.empty(); commands.pop_front()) send_command(now, commands.front(), effects);
    for (std::uint32_t i = 0; i < partitions.size(); ++i) {
      store(now, i, effects);
      read(now, i, effects);
    }
    if (settings.reads_feedback && !receiving && settling == 0 && now.mono >= feedback_at) {
      ask(now, Lane::feedback, ReceiveFeedback{settings.feedback_wait}, settings.feedback_wait,
          effects);
      receiving = true;
    }
  }

  // ---- Registry and purges.

  static What what(const Request& request) {
    return std::visit(Overload{[](const CreateDevice&) { return What::create_device; },
                               [](const DeleteDevice&) { return What::delete_device; },
                               [](const EnableDevice& it) {
                                 return it.enabled ? What::enable_device : What::disable_device;
                               },
                               [](const auto&) { return What::purge; }},
                      request);
  }

  Event& saw_administration(const Administration& what_for, Phase phase, Effects& effects) const {
    Event& event = saw(effects, what(what_for.request), phase);
    event.device = std::visit(Overload{[&](const CreateDevice& it) { return index_of(it.device); },
                                       [&](const DeleteDevice& it) { return index_of(it.device); },
                                       [&](const EnableDevice& it) { return index_of(it.device); },
                                       [&](const Purge& it) { return index_of(it.device); },
                                       [](const auto&) { return NodeIndex::none; }},
                              what_for.request);
    return event;
  }

  void administer(Now now, Effects& effects) {
    if (administering || administrations.empty() || now.mono < administer_at) return;
    Administration& first = administrations.front();
    if (!first.invoked) saw_administration(first, Phase::invoke, effects);
    first.invoked = true;
    ask(now, Lane::administration, first.request, Duration{0}, effects);
    administering = true;
  }

  void administered(Now now, const Response& response, Effects& effects) {
    administering = false;
    Administration& first = administrations.front();
    if (const auto* failed = std::get_if<Failed>(&response)) {
      if (undecided(failed->error)) {
        first.tried_before = true;
        administer_at = now.mono + least_pause;
        return;
      }
      // An earlier try may have done it, and this is what its success looks like to a later one.
      const bool done_before =
          first.tried_before && ((failed->error == Error::device_exists &&
                                  std::holds_alternative<CreateDevice>(first.request)) ||
                                 (failed->error == Error::device_not_found &&
                                  std::holds_alternative<DeleteDevice>(first.request)));
      Event& event = saw_administration(first, done_before ? Phase::info : Phase::fail, effects);
      event.error = failed->error;
    } else if (const auto* done = std::get_if<Done>(&response)) {
      Event& event = saw_administration(first, Phase::ok, effects);
      event.generation = done->generation;
      if (std::holds_alternative<Purge>(first.request) && !first.tried_before)
        event.count = done->count;  // else an earlier try may have removed more
    }
    administrations.pop_front();
  }

  // ---- Commands.

  void send_command(Now now, const SendCommand& command, Effects& effects) {
    const MessageView message{command.message};
    Asked& one = ask(now, Lane::command, command, Duration{0}, effects);
    one.message = message.key();
    one.device = index_of(command.device);
    Event& event = saw(effects, What::command, Phase::invoke);
    event.message = one.message;
    event.device = one.device;
    event.digest = message.content_digest();
    event.ack = message.ack();
    if (const auto expiry = message.expiry()) event.expiry = expiry->time_since_epoch().count();
  }

  void command_answered(const Asked& one, const Response& response, Effects& effects) {
    const auto* failed = std::get_if<Failed>(&response);
    const Phase phase = failed == nullptr          ? Phase::ok
                        : undecided(failed->error) ? Phase::info
                                                   : Phase::fail;
    Event& event = saw(effects, What::command, phase);
    event.message = one.message;
    event.device = one.device;
    if (failed != nullptr) {
      event.error = failed->error;
    } else if (const auto* done = std::get_if<Done>(&response)) {
      event.sequence = done->sequence;
      event.date = done->date;
      event.expiry = done->expiry;
      event.generation = done->generation;
    }
  }

  // ---- Telemetry.

  void read(Now now, std::uint32_t which, Effects& effects) {
    Partition& partition = partitions[which];
    if (partition.reading || now.mono < partition.read_at) return;
    if (!partition.begun) {
      saw(effects, What::read_from).partition = which;  // sequence 0: after the checkpoint
      partition.begun = true;
    }
    ask(now, Lane::read,
        ReadTelemetry{settings.group, which, partition.next, settings.read_limit,
                      settings.read_wait},
        settings.read_wait, effects)
        .partition = which;
    partition.reading = true;
  }

  void read_answered(Now now, std::uint32_t which, const Response& response, Effects& effects) {
    Partition& partition = partitions[which];
    partition.reading = false;
    const auto* telemetry = std::get_if<Telemetry>(&response);
    if (telemetry == nullptr) {
      partition.read_at = now.mono + least_pause;
      return;
    }
    for (const TelemetryEvent& it : telemetry->events) {
      const MessageView message{it.message};
      Event& event = saw(effects, What::read);
      event.partition = which;
      event.sequence = it.sequence;
      event.offset = it.offset;
      event.date = it.enqueued;
      event.device = index_of(it.device);
      event.generation = it.generation;
      event.message = message.key();
      event.digest = message.content_digest();
      if (it.will) event.flags |= flag_will;
      partition.last = it.sequence;
      partition.next = it.sequence + 1;
      ++partition.unstored;
    }
    const bool empty = telemetry->events.empty();
    const bool poll = empty && settings.read_wait < least_pause;
    partition.read_at = now.mono + (poll ? least_pause : empty ? Duration{0} : settings.read_pause);
    // A lull is the time to store what is left.
    if (empty && partition.unstored > 0) partition.unstored = settings.checkpoint_every;
  }

  void store(Now now, std::uint32_t which, Effects& effects) {
    Partition& partition = partitions[which];
    const bool due = partition.store_invoked ||
                     (partition.unstored > 0 && partition.unstored >= settings.checkpoint_every);
    if (partition.storing || !due || now.mono < partition.store_at) return;
    if (!partition.store_invoked) {
      partition.storing_upto = partition.last;
      partition.unstored = 0;
      partition.store_invoked = true;
      saw_checkpoint(which, Phase::invoke, effects);
    }
    ask(now, Lane::checkpoint, StoreCheckpoint{settings.group, which, partition.storing_upto},
        Duration{0}, effects)
        .partition = which;
    partition.storing = true;
  }

  Event& saw_checkpoint(std::uint32_t which, Phase phase, Effects& effects) const {
    Event& event = saw(effects, What::checkpoint, phase);
    event.partition = which;
    event.sequence = partitions[which].storing_upto;
    return event;
  }

  void store_answered(Now now, std::uint32_t which, const Response& response, Effects& effects) {
    Partition& partition = partitions[which];
    partition.storing = false;
    const auto* failed = std::get_if<Failed>(&response);
    if (failed != nullptr && undecided(failed->error)) {
      partition.store_at = now.mono + least_pause;
      return;
    }
    Event& event = saw_checkpoint(which, failed == nullptr ? Phase::ok : Phase::fail, effects);
    if (failed != nullptr) event.error = failed->error;
    partition.store_invoked = false;
  }

  // ---- Feedback.

  void feedback_answered(Now now, const Response& response, Effects& effects) {
    receiving = false;
    const auto* feedback = std::get_if<Feedback>(&response);
    if (feedback == nullptr || feedback->token == 0) {
      const bool waited = feedback != nullptr && settings.feedback_wait >= least_pause;
      feedback_at = now.mono + (waited ? Duration{0} : least_pause);
      return;
    }
    Event& batch = saw(effects, What::feedback_batch);
    batch.token = feedback->token;
    batch.count = static_cast<std::uint32_t>(feedback->records.size());
    batch.date = feedback->created;
    for (const FeedbackRecord& record : feedback->records) {
      Event& event = saw(effects, What::feedback_record);
      event.token = feedback->token;
      event.message = message_key(record.original_message_id);
      event.device = index_of(record.device);
      event.generation = record.generation;
      event.status = record.status;
      event.date = record.date;
    }
    const std::uint32_t abandon = settings.abandon_feedback_per_mille;
    settling = feedback->token;
    completing = abandon == 0 || chance.below(ChanceSite::feedback_handling, 1'000) >= abandon;
    saw_settling(Phase::invoke, effects);
    ask(now, Lane::settle, SettleFeedback{settling, completing}, Duration{0}, effects);
  }

  Event& saw_settling(Phase phase, Effects& effects) const {
    Event& event =
        saw(effects, completing ? What::feedback_complete : What::feedback_abandon, phase);
    event.token = settling;
    return event;
  }

  void settled(Phase phase, Error error, Effects& effects) {
    saw_settling(phase, effects).error = error;
    settling = 0;
  }

  void settle_answered(const Response& response, Effects& effects) {
    const auto* failed = std::get_if<Failed>(&response);
    if (failed == nullptr)
      settled(Phase::ok, Error::none, effects);
    else
      settled(undecided(failed->error) ? Phase::info : Phase::fail, failed->error, effects);
  }

  // ---- Answers.

  // Is this the kind of answer that the request has?
  static bool fits(Lane lane, const Response& response) {
    if (std::holds_alternative<Failed>(response)) return true;
    switch (lane) {
      case Lane::read:
        return std::holds_alternative<Telemetry>(response);
      case Lane::feedback:
        return std::holds_alternative<Feedback>(response);
      case Lane::administration:
      case Lane::command:
      case Lane::checkpoint:
      case Lane::settle:
        return std::holds_alternative<Done>(response);
    }
    return false;
  }

  bool answered(Now now, const link::ResponseFrame& frame, Effects& effects) {
    const auto found = std::ranges::find(asked, frame.correlation, &Asked::correlation);
    if (found == asked.end() || !fits(found->lane, frame.response)) return false;
    const Asked one = *found;
    asked.erase(found);
    switch (one.lane) {
      case Lane::administration:
        administered(now, frame.response, effects);
        break;
      case Lane::command:
        command_answered(one, frame.response, effects);
        break;
      case Lane::read:
        read_answered(now, one.partition, frame.response, effects);
        break;
      case Lane::checkpoint:
        store_answered(now, one.partition, frame.response, effects);
        break;
      case Lane::feedback:
        feedback_answered(now, frame.response, effects);
        break;
      case Lane::settle:
        settle_answered(frame.response, effects);
        break;
    }
    return true;
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
    connection_ended(now, EndedBy::local, Why::protocol, effects);
  }

  // ---- Time.

  std::optional<Instant> deadline() const {
    if (const auto* waiting = std::get_if<Waiting>(&state)) return waiting->until;
    if (const auto* dialling = std::get_if<Dialling>(&state)) return dialling->patience;
    std::optional<Instant> first;
    const auto at = [&](Instant due) {
      if (!first || due < *first) first = due;
    };
    for (const Asked& one : asked) at(one.patience);
    if (!administering && !administrations.empty()) at(administer_at);
    for (const Partition& partition : partitions) {
      if (!partition.reading) at(partition.read_at);
      if (!partition.storing && partition.store_invoked) at(partition.store_at);
    }
    if (settings.reads_feedback && !receiving && settling == 0) at(feedback_at);
    return first;
  }

  void woken(Now now, Effects& effects) {
    if (const auto* waiting = std::get_if<Waiting>(&state)) {
      if (now.mono >= waiting->until) connect(now, effects);
    } else if (const auto* dialling = std::get_if<Dialling>(&state)) {
      if (now.mono < dialling->patience) return;
      effects.abort(ConnectionId{connections});
      refused(now, EndedBy::local, Why::no_answer, effects);
    } else if (std::ranges::any_of(asked,
                                   [&](const Asked& one) { return now.mono >= one.patience; })) {
      effects.abort(ConnectionId{connections});
      connection_ended(now, EndedBy::local, Why::no_answer, effects);
    } else {
      go_on(now, effects);
    }
  }

  ServiceSettings settings;
  Chance chance;
  std::function<NodeIndex(std::string_view)> index_of;
  State state = Waiting{};
  std::uint32_t connections = 0;
  std::uint32_t correlation = 0;
  BackOff back_off;
  link::Decoder decoder;
  std::vector<Asked> asked;

  std::deque<Administration> administrations;
  bool administering = false;
  Instant administer_at{};
  std::deque<SendCommand> commands;  // not sent yet
  std::vector<Partition> partitions;
  bool receiving = false;
  std::uint64_t settling = 0;  // the token of the feedback message in hand
  bool completing = true;
  Instant feedback_at{};
};

Service::Service(const ServiceSettings& settings, std::string, std::uint32_t, Chance chance,
                 std::function<NodeIndex(std::string_view)> index_of)
    : parts_{std::make_unique<Parts>(settings, chance, std::move(index_of))} {}
Service::~Service() = default;
Service::Service(Service&&) noexcept = default;

void Service::started(Now now, Effects& effects) { parts_->connect(now, effects); }

void Service::submit(Now now, Request request, Effects& effects) {
  if (auto* command = std::get_if<SendCommand>(&request))
    parts_->commands.push_back(std::move(*command));
  else
    parts_->administrations.push_back({std::move(request), false, false});
  parts_->go_on(now, effects);
}

void Service::connected(Now now, ConnectionId connection, Effects& effects) {
  if (std::holds_alternative<Parts::Dialling>(parts_->state) && parts_->current(connection))
    parts_->opened(now, effects);
}

void Service::refused(Now now, ConnectionId connection, Effects& effects) {
  if (std::holds_alternative<Parts::Dialling>(parts_->state) && parts_->current(connection))
    parts_->refused(now, EndedBy::unknown, Why::unknown, effects);
}

void Service::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (parts_->open() && parts_->current(connection)) parts_->received(now, bytes, effects);
}

void Service::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (!parts_->current(connection)) return;
  if (parts_->open())
    parts_->connection_ended(now, by, Why::unknown, effects);
  else
    refused(now, connection, effects);
}

void Service::woken(Now now, Effects& effects) { parts_->woken(now, effects); }

std::optional<Instant> Service::deadline() const { return parts_->deadline(); }

std::size_t Service::pending() const {
  std::size_t waiting = parts_->administrations.size() + parts_->commands.size();
  for (const Parts::Asked& one : parts_->asked)
    if (one.lane == Parts::Lane::command) ++waiting;
  return waiting;
}

}  // namespace hubproof::model
