#include "model/device/inbox.hpp"

#include <algorithm>

namespace hubproof::model {
namespace {

constexpr Duration gathering = std::chrono::milliseconds{200};

}  // namespace

void Inbox::take(const Entry& entry) {
  std::erase_if(entries_, [&](const Entry& old) {
    const bool same_message = old.key == entry.key && old.key != MessageKey::none;
    return old.ignored && (old.id == entry.id || same_message);
  });
  entries_.push_back(entry);
}

std::optional<Inbox::Entry> Inbox::settled(Instant now) {
  const auto due = deadline();
  if (!due || now < *due) return std::nullopt;
  const auto which = in_order_ ? entries_.begin() : entries_.end() - 1;
  const Entry entry = *which;
  entries_.erase(which);
  return entry;
}

std::optional<Instant> Inbox::deadline() const {
  if (entries_.empty()) return std::nullopt;
  if (!in_order_) return entries_.front().handled + gathering;
  if (entries_.front().ignored) return std::nullopt;
  return entries_.front().handled;
}

bool Inbox::receive(mqtt::PacketId id) {
  if (std::ranges::find(received_, id) != received_.end()) return false;
  received_.push_back(id);
  return true;
}

void Inbox::release(mqtt::PacketId id) { std::erase(received_, id); }

}  // namespace hubproof::model
