#include "model/server/link_door.hpp"

namespace hubproof::model {

void LinkDoor::opened(ConnectionId id, Effects& effects) {
  links_.try_emplace(id);
  effects.saw(What::opened).connection = static_cast<std::uint32_t>(id);
}

bool LinkDoor::received(Now now, ConnectionId id, View bytes, Desk& desk, Effects& effects) {
  const auto at = links_.find(id);
  if (at == links_.end()) return false;
  Link& link = at->second;
  bool broken = false;
  while (link.greeted < link::preamble.size() && !bytes.empty() && !broken) {
    broken = bytes.front() != static_cast<std::uint8_t>(link::preamble[link.greeted++]);
    bytes = bytes.subspan(1);
  }
  if (!broken && !bytes.empty()) {
    link.decoder.feed(bytes);
    while (auto frame = link.decoder.next_request())
      desk.ask(now, std::move(frame->request), {id, frame->correlation, {}}, effects);
    broken = link.decoder.broken();
  }
  if (broken) {
    effects.close(id);
    finish(id, EndedBy::local, Why::protocol, desk, effects);
  }
  return true;
}

bool LinkDoor::ended(ConnectionId id, EndedBy by, Desk& desk, Effects& effects) {
  if (!links_.contains(id)) return false;
  finish(id, by, Why::unknown, desk, effects);
  return true;
}

void LinkDoor::finish(ConnectionId id, EndedBy by, Why why, Desk& desk, Effects& effects) {
  links_.erase(id);
  desk.forget(id, effects);
  Event& event = effects.saw(What::ended);
  event.connection = static_cast<std::uint32_t>(id);
  event.by = by;
  event.why = why;
}

}  // namespace hubproof::model
