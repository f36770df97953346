#include "model/service/administration.hpp"

#include "model/hub/token.hpp"

namespace hubproof::model {
namespace {

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

What what(const Request& request) {
  return std::visit(Overload{[](const CreateDevice&) { return What::create_device; },
                             [](const DeleteDevice&) { return What::delete_device; },
                             [](const EnableDevice& it) {
                               return it.enabled ? What::enable_device : What::disable_device;
                             },
                             [](const UpdateDevice&) { return What::update_device; },
                             [](const auto&) { return What::purge; }},
                    request);
}

std::string_view device(const Request& request) {
  return std::visit(Overload{[](const CreateDevice& it) { return std::string_view{it.device}; },
                             [](const DeleteDevice& it) { return std::string_view{it.device}; },
                             [](const EnableDevice& it) { return std::string_view{it.device}; },
                             [](const Purge& it) { return std::string_view{it.device}; },
                             [](const UpdateDevice& it) { return std::string_view{it.device}; },
                             [](const auto&) { return std::string_view{}; }},
                    request);
}

Event& saw(Line& line, const Request& request, Phase phase) {
  Event& event = line.saw(what(request), phase);
  event.device = line.index_of(device(request));
  if (const auto* create = std::get_if<CreateDevice>(&request); create && create->credentials)
    name_keys(event, *create->credentials);
  if (const auto* update = std::get_if<UpdateDevice>(&request); update && update->credentials)
    name_keys(event, *update->credentials);
  return event;
}

// Is this error what the success of an earlier try looks like to a later one?
bool shows_success(const Request& request, Error error) {
  return (error == Error::device_exists && std::holds_alternative<CreateDevice>(request)) ||
         (error == Error::device_not_found && std::holds_alternative<DeleteDevice>(request));
}

}  // namespace

void Administration::go_on(Line& line) {
  if (asking_.under_way() || waiting_.empty() || line.now.mono < not_before_) return;
  Operation& operation = waiting_.front();
  if (!operation.invoked) saw(line, operation.request, Phase::invoke);
  operation.invoked = true;
  asking_ = line.ask(operation.request);
}

void Administration::failed(Line& line, const Operation& operation, Error error) {
  const bool unknown = operation.tried_before && shows_success(operation.request, error);
  saw(line, operation.request, unknown ? Phase::info : Phase::fail).error = error;
}

Took Administration::answered(Line& line, const Answer& answer) {
  if (!asking_.is(answer)) return Took::not_mine;
  const auto* refusal = std::get_if<Failed>(&answer.response);
  const auto* done = std::get_if<Done>(&answer.response);
  const auto* updated = std::get_if<DeviceIdentity>(&answer.response);
  if (refusal == nullptr && done == nullptr && updated == nullptr) return Took::misfit;
  asking_ = {};
  Operation& operation = waiting_.front();
  if (refusal != nullptr && refused_for_now(refusal->error)) {  // it has done nothing [QUO-13]
    not_before_ = line.now.mono + throttled_pause;
    return Took::fine;
  }
  if (refusal != nullptr && undecided(refusal->error)) {
    operation.tried_before = true;
    not_before_ = line.now.mono + least_pause;
    return Took::fine;
  }
  if (refusal != nullptr) {
    failed(line, operation, refusal->error);
  } else {
    Event& event = saw(line, operation.request, Phase::ok);
    event.generation = done != nullptr ? done->generation : updated->generation;
    // An earlier try of a purge may have removed more.
    const bool counts = std::holds_alternative<Purge>(operation.request) && !operation.tried_before;
    if (counts && done != nullptr) event.count = done->count;
  }
  waiting_.pop_front();
  return Took::fine;
}

void Administration::connection_ended(Line&) {
  if (asking_.under_way()) waiting_.front().tried_before = true;
  asking_ = {};
}

std::optional<Instant> Administration::deadline() const {
  if (asking_.under_way()) return asking_.patience;
  if (waiting_.empty()) return std::nullopt;
  return not_before_;
}

std::optional<Instant> Administration::patience() const {
  if (!asking_.under_way()) return std::nullopt;
  return asking_.patience;
}

}  // namespace hubproof::model
