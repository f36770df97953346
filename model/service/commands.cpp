#include "model/service/commands.hpp"

#include <algorithm>

namespace hubproof::model {

void Commands::go_on(Line& line) {
  for (; !again_.empty(); again_.pop_front()) {
    const SendCommand& command = again_.front();
    sent_.push_back({line.ask(command), MessageView{command.message}.key(),
                     line.index_of(command.device), command});
  }
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const SendCommand& command = waiting_.front();
    const MessageView message{command.message};
    Sent sent{line.ask(command), message.key(), line.index_of(command.device)};
    if (!line.rules.sends_once) sent.again = command;
    sent_.push_back(sent);
    Event& event = line.saw(What::command, Phase::invoke);
    event.message = sent.message;
    event.device = sent.device;
    event.digest = message.content_digest();
    event.ack = message.ack();
    if (const auto expiry = message.expiry()) event.expiry = expiry->time_since_epoch().count();
  }
}

Took Commands::answered(Line& line, const Answer& answer) {
  const auto found =
      std::ranges::find_if(sent_, [&](const Sent& sent) { return sent.asking.is(answer); });
  if (found == sent_.end()) return Took::not_mine;
  const auto* failed = std::get_if<Failed>(&answer.response);
  const auto* done = std::get_if<Done>(&answer.response);
  if (failed == nullptr && done == nullptr) return Took::misfit;

  Phase phase = Phase::ok;
  if (failed != nullptr) phase = undecided(failed->error) ? Phase::info : Phase::fail;
  Event& event = line.saw(What::command, phase);
  event.message = found->message;
  event.device = found->device;
  if (failed != nullptr) event.error = failed->error;
  if (done != nullptr) {
    event.sequence = done->sequence;
    event.date = done->date;
    event.expiry = done->expiry;
    event.generation = done->generation;
  }
  sent_.erase(found);
  return Took::fine;
}

void Commands::connection_ended(Line& line) {
  for (const Sent& sent : sent_) {
    if (sent.again) again_.push_back(*sent.again);
    if (sent.again || !line.rules.reports_unanswered) continue;
    Event& event = line.saw(What::command, Phase::info);
    event.message = sent.message;
    event.device = sent.device;
  }
  sent_.clear();
}

std::optional<Instant> Commands::patience() const {
  if (sent_.empty()) return std::nullopt;
  return sent_.front().asking.patience;
}

}  // namespace hubproof::model
