#include "tools/control_history.hpp"

#include <algorithm>
#include <string>
#include <variant>

#include "model/hub/token.hpp"
#include "model/routing.hpp"

namespace hubproof::tools {
namespace {

using model::Event;
using model::Phase;
using model::What;

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

Event event(What what, Phase phase, model::NodeIndex device = model::NodeIndex::none) {
  Event made;
  made.what = what;
  made.phase = phase;
  made.device = device;
  return made;
}

// The operation as all its events name it. Reads have no invoke: they begin by read_from.
std::vector<Event> operation(const model::Request& request, Phase phase, const IndexOf& index_of) {
  return std::visit(
      Overload{[&](const model::CreateDevice& r) -> std::vector<Event> {
                 std::vector<Event> made{event(What::create_device, phase, index_of(r.device))};
                 if (!r.enabled) made.push_back(event(What::disable_device, phase, index_of(r.device)));
                 return made;
               },
               [&](const model::UpdateDevice& r) -> std::vector<Event> {
                 std::vector<Event> made;
                 const model::NodeIndex device = index_of(r.device);
                 if (r.credentials) made.push_back(event(What::update_device, phase, device));
                 if (r.enabled)
                   made.push_back(event(*r.enabled ? What::enable_device : What::disable_device, phase, device));
                 return made;
               },
               [&](const model::DeleteDevice& r) -> std::vector<Event> {
                 return {event(What::delete_device, phase, index_of(r.device))};
               },
               [&](const model::EnableDevice& r) -> std::vector<Event> {
                 return {event(r.enabled ? What::enable_device : What::disable_device, phase,
                               index_of(r.device))};
               },
               [&](const model::Purge& r) -> std::vector<Event> {
                 return {event(What::purge, phase, index_of(r.device))};
               },
               [&](const model::SendCommand& r) -> std::vector<Event> {
                 Event made = event(What::command, phase, index_of(r.device));
                 made.message = model::MessageView{r.message}.key();
                 return {made};
               },
               [&](const model::SettleCommand& r) -> std::vector<Event> {
                 const What what = r.how == model::Settle::complete ? What::complete
                                   : r.how == model::Settle::reject ? What::reject
                                                                    : What::abandon;
                 Event made = event(what, phase, index_of(r.device));
                 made.token = r.token;
                 made.flags = model::flag_link;
                 return {made};
               },
               [&](const model::SettleFeedback& r) -> std::vector<Event> {
                 Event made =
                     event(r.complete ? What::feedback_complete : What::feedback_abandon, phase);
                 made.token = r.token;
                 return {made};
               },
               [](const auto&) -> std::vector<Event> { return {}; }},
      request);
}

bool undecided(model::Error error) {
  return error == model::Error::storage || error == model::Error::timed_out;
}

void add(std::vector<Event>& events, const model::Telemetry& telemetry, const IndexOf& index_of) {
  for (const model::TelemetryEvent& it : telemetry.events) {
    const model::MessageView message{it.message};
    Event read = event(What::read, Phase::ok, index_of(it.device));
    read.partition = telemetry.partition;
    read.sequence = it.sequence;
    read.offset = it.offset;
    read.date = it.enqueued;
    read.generation = it.generation;
    read.message = message.key();
    read.digest = message.content_digest();
    if (it.will) read.flags = model::flag_will;
    events.push_back(read);
  }
}

void add(std::vector<Event>& events, const model::Feedback& feedback, const IndexOf& index_of) {
  if (feedback.token == 0) return;
  Event batch = event(What::feedback_batch, Phase::ok);
  batch.token = feedback.token;
  batch.count = static_cast<std::uint32_t>(feedback.records.size());
  batch.date = feedback.created;
  events.push_back(batch);
  for (const model::FeedbackRecord& it : feedback.records) {
    Event record = event(What::feedback_record, Phase::ok, index_of(it.device));
    record.token = feedback.token;
    record.message = model::message_key(it.original_message_id);
    record.generation = it.generation;
    record.status = it.status;
    record.date = it.date;
    events.push_back(record);
  }
}

}  // namespace

void name_endpoint(const model::Terms& terms, const model::Request& request, std::vector<Event>& events) {
  const auto* read = std::get_if<model::ReadTelemetry>(&request);
  if (read == nullptr) return;
  const std::string_view endpoint = read->endpoint.empty() ? model::builtin_endpoint : std::string_view{read->endpoint};
  for (std::size_t at = 0; at < terms.endpoints.size(); ++at)
    if (terms.endpoints[at] == endpoint)
      for (Event& each : events) each.endpoints = static_cast<std::uint16_t>(1U << at);
}

std::vector<Event> events_of(const model::Request& request, const IndexOf& index_of) {
  std::vector<Event> events = operation(request, Phase::invoke, index_of);
  if (const auto* read = std::get_if<model::ReadTelemetry>(&request)) {
    events.push_back(event(What::read_from, Phase::ok));
    events.back().partition = read->partition;
    events.back().sequence = std::max<std::uint64_t>(read->from, 1);  // 0 would be "after the checkpoint"
  }
  if (const auto* command = std::get_if<model::SendCommand>(&request)) {
    const model::MessageView message{command->message};
    events.back().digest = message.content_digest();
    events.back().ack = message.ack();
    if (const auto expiry = message.expiry())
      events.back().expiry = expiry->time_since_epoch().count();
  }
  return events;
}

std::vector<Event> events_of(const model::Request& request, const model::Response& response,
                             const IndexOf& index_of) {
  std::vector<Event> events;
  if (const auto* failed = std::get_if<model::Failed>(&response)) {
    events = operation(request, undecided(failed->error) ? Phase::info : Phase::fail, index_of);
    for (Event& each : events) each.error = failed->error;
  } else if (const auto* done = std::get_if<model::Done>(&response)) {
    events = operation(request, Phase::ok, index_of);
    for (Event& each : events) {
      each.generation = done->generation;
      if (each.what == What::purge) each.count = done->count;
      if (each.what != What::command) continue;
      each.sequence = done->sequence;
      each.date = done->date;
      each.expiry = done->expiry;
    }
  } else if (const auto* device = std::get_if<model::DeviceIdentity>(&response)) {
    events = operation(request, Phase::ok, index_of);
    for (Event& each : events) {
      each.generation = device->generation;
      if (each.what == What::update_device && device->credentials) name_keys(each, *device->credentials);
    }
  } else if (const auto* telemetry = std::get_if<model::Telemetry>(&response)) {
    add(events, *telemetry, index_of);
  } else if (const auto* feedback = std::get_if<model::Feedback>(&response)) {
    add(events, *feedback, index_of);
  }
  return events;
}

}  // namespace hubproof::tools
