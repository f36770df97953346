#include "model/service/partition_reader.hpp"

#include <algorithm>

namespace hubproof::model {

void PartitionReader::go_on(Line& line) {
  store(line);
  read(line);
}

void PartitionReader::read(Line& line) {
  if (read_.under_way() || line.now.mono < read_at_) return;
  if (!begun_) saw(line, What::read_from);  // sequence 0: at the checkpoint
  begun_ = true;
  const ServiceSettings& settings = line.settings;
  read_ = line.ask(ReadTelemetry{partition_, next_, settings.read_limit, settings.read_wait, settings.endpoint},
                   settings.read_wait);
}

void PartitionReader::store(Line& line) {
  if (store_.under_way() || line.now.mono < store_at_) return;
  const bool due = unstored_ > 0 && (lull_ || unstored_ >= line.settings.checkpoint_every);
  if (storing_ == 0) {
    if (!due) return;
    storing_ = line.rules.checkpoint(last_);
    unstored_ = 0;
    saw_checkpoint(line, Phase::invoke);
  }
  store_ = line.store_checkpoint(partition_, storing_);
}

Took PartitionReader::answered(Line& line, const Answer& answer) {
  if (read_.is(answer)) return was_read(line, answer.response);
  if (store_.is(answer)) return was_stored(line, answer.response);
  return Took::not_mine;
}

Took PartitionReader::was_read(Line& line, const Response& response) {
  read_ = {};
  if (std::holds_alternative<Failed>(response)) {
    read_at_ = line.now.mono + least_pause;
    return Took::fine;
  }
  const auto* telemetry = std::get_if<Telemetry>(&response);
  if (telemetry == nullptr) return Took::misfit;
  for (const TelemetryEvent& it : telemetry->events) {
    const MessageView message{it.message};
    Event& event = saw(line, What::read);
    event.sequence = it.sequence;
    event.offset = it.offset;
    event.date = it.enqueued;
    event.device = line.index_of(it.device);
    event.generation = it.generation;
    event.message = message.key();
    event.digest = message.content_digest();
    if (it.will) event.flags |= flag_will;
    last_ = it.sequence;
    next_ = it.sequence + 1;
    ++unstored_;
  }
  lull_ = telemetry->events.empty();
  Duration pause = line.settings.read_pause;
  if (lull_) pause = line.settings.read_wait < least_pause ? least_pause : Duration{0};
  read_at_ = line.now.mono + pause;
  return Took::fine;
}

Event& PartitionReader::saw(Line& line, What what, Phase phase) const {
  Event& event = line.saw(what, phase);
  event.partition = partition_;
  event.endpoints = line.settings.endpoints;
  return event;
}

Event& PartitionReader::saw_checkpoint(Line& line, Phase phase) const {
  Event& event = saw(line, What::checkpoint, phase);
  event.sequence = storing_;
  return event;
}

Took PartitionReader::was_stored(Line& line, const Response& response) {
  store_ = {};
  const auto* failed = std::get_if<Failed>(&response);
  if (failed == nullptr && !std::holds_alternative<Done>(response)) return Took::misfit;
  if (failed != nullptr && undecided(failed->error)) {
    store_at_ = line.now.mono + least_pause;
    return Took::fine;
  }
  Event& event = saw_checkpoint(line, failed == nullptr ? Phase::ok : Phase::fail);
  if (failed != nullptr) event.error = failed->error;
  storing_ = 0;
  return Took::fine;
}

void PartitionReader::connection_ended(Line& line) {
  read_ = store_ = {};
  next_ = line.rules.resumes_at(next_);
}

std::optional<Instant> PartitionReader::deadline() const {
  Instant first = read_.under_way() ? read_.patience : read_at_;
  if (store_.under_way())
    first = std::min(first, store_.patience);
  else if (storing_ != 0)
    first = std::min(first, store_at_);
  return first;
}

std::optional<Instant> PartitionReader::patience() const {
  if (!read_.under_way() && !store_.under_way()) return std::nullopt;
  if (!store_.under_way()) return read_.patience;
  return read_.under_way() ? std::min(read_.patience, store_.patience) : store_.patience;
}

}  // namespace hubproof::model
