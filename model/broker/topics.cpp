#include "model/broker/topics.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::model::broker {

void Subscriptions::add(std::string_view filter, std::uint64_t session, std::uint8_t qos) {
  Filters& all = filters(filter);
  auto at = all.find(filter);
  if (at == all.end()) at = all.emplace(filter, Holders{}).first;
  at->second[session] = qos;
}

void Subscriptions::remove(std::string_view filter, std::uint64_t session) {
  Filters& all = filters(filter);
  const auto at = all.find(filter);
  if (at == all.end()) return;
  at->second.erase(session);
  if (at->second.empty()) all.erase(at);
}

const std::vector<Subscriptions::Match>& Subscriptions::matching(std::string_view topic) {
  found_.clear();
  if (rules_->matches == &filter_matches) {
    if (const auto exact = plain_.find(topic); exact != plain_.end()) collect(exact->second);
  } else {
    for (const auto& [filter, holders] : plain_)
      if (rules_->matches(filter, topic)) collect(holders);
  }
  for (const auto& [filter, holders] : wild_)
    if (rules_->matches(filter, topic)) collect(holders);
  std::ranges::sort(found_, {}, [](const Match& one) { return std::pair{one.session, one.qos}; });
  std::size_t kept = 0;
  for (const Match& one : found_) {
    if (kept > 0 && found_[kept - 1].session == one.session)
      found_[kept - 1].qos = rules_->of_overlapping(found_[kept - 1].qos, one.qos);
    else
      found_[kept++] = one;
  }
  found_.resize(kept);
  return found_;
}

void Subscriptions::collect(const Holders& holders) {
  for (const auto& [session, qos] : holders) found_.push_back({session, qos});
}

}  // namespace hubproof::model::broker
