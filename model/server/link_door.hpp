// The hub's link door: connections that begin with the preamble and carry frames. What a request
// does is the desk's; this is their streams.
#pragma once

#include <map>

#include "model/link/link.hpp"
#include "model/server/desk.hpp"

namespace hubproof::model {

class LinkDoor {
 public:
  void opened(ConnectionId id, Effects& effects);
  bool received(Now now, ConnectionId id, View bytes, Desk& desk, Effects& effects);
  bool ended(ConnectionId id, EndedBy by, Desk& desk, Effects& effects);

 private:
  struct Link {
    std::size_t greeted = 0;  // bytes of the preamble seen
    link::Decoder decoder;
  };
  void finish(ConnectionId id, EndedBy by, Why why, Desk& desk, Effects& effects);

  std::map<ConnectionId, Link> links_;
};

}  // namespace hubproof::model
