#include "model/service/feedback_reader.hpp"

namespace hubproof::model {

void FeedbackReader::go_on(Line& line) {
  if (asking_.under_way() || line.now.mono < not_before_) return;
  const Duration wait = line.settings.feedback_wait;
  asking_ = line.ask(ReceiveFeedback{wait}, wait);
}

Took FeedbackReader::answered(Line& line, const Answer& answer) {
  if (!asking_.is(answer)) return Took::not_mine;
  asking_ = {};
  return token_ == 0 ? received(line, answer.response) : was_settled(line, answer.response);
}

Took FeedbackReader::received(Line& line, const Response& response) {
  const auto* feedback = std::get_if<Feedback>(&response);
  if (feedback == nullptr && !std::holds_alternative<Failed>(response)) return Took::misfit;
  if (feedback == nullptr || feedback->token == 0) {
    const bool waited = feedback != nullptr && line.settings.feedback_wait >= least_pause;
    not_before_ = line.now.mono + (waited ? Duration{0} : least_pause);
    return Took::fine;
  }
  Event& batch = line.saw(What::feedback_batch);
  batch.token = feedback->token;
  batch.count = static_cast<std::uint32_t>(feedback->records.size());
  batch.date = feedback->created;
  const std::size_t most = line.rules.looks_at(feedback->records.size());
  for (std::size_t i = 0; i < most; ++i) {
    const FeedbackRecord& record = feedback->records[i];
    Event& event = line.saw(What::feedback_record);
    event.token = feedback->token;
    event.message = message_key(record.original_message_id);
    event.device = line.index_of(record.device);
    event.generation = record.generation;
    event.status = record.status;
    event.date = record.date;
  }
  const std::uint32_t abandon = line.settings.abandon_feedback_per_mille;
  token_ = feedback->token;
  completes_ = abandon == 0 || line.chance.below(ChanceSite::feedback_handling, 1'000) >= abandon;
  saw_settling(line, Phase::invoke);
  asking_ = line.ask(SettleFeedback{token_, completes_});
  return Took::fine;
}

Event& FeedbackReader::saw_settling(Line& line, Phase phase) const {
  Event& event = line.saw(completes_ ? What::feedback_complete : What::feedback_abandon, phase);
  event.token = token_;
  return event;
}

Took FeedbackReader::was_settled(Line& line, const Response& response) {
  const auto* failed = std::get_if<Failed>(&response);
  if (failed == nullptr && !std::holds_alternative<Done>(response)) return Took::misfit;
  Phase phase = Phase::ok;
  if (failed != nullptr) phase = undecided(failed->error) ? Phase::info : Phase::fail;
  Event& event = saw_settling(line, phase);
  if (failed != nullptr) event.error = failed->error;
  token_ = 0;
  return Took::fine;
}

void FeedbackReader::connection_ended(Line& line) {
  if (token_ != 0) saw_settling(line, Phase::info);
  token_ = 0;
  asking_ = {};
}

}  // namespace hubproof::model
