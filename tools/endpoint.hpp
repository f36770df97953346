// Performs a machine's effects on a port, in their order. The one seam between the machines and a
// world: the simulated one (sim_*.hpp) and the real one (asio_port.hpp) are ports.
#pragma once

#include "model/effects.hpp"

namespace hubproof::tools {

template <class P>
concept Port = requires(P port, model::ConnectionId connection, model::View bytes, std::uint64_t file,
                        model::Ticket ticket, std::vector<model::Event>& events) {
  port.record(events);               // what the machine saw, in order
  port.send(connection, bytes);
  port.close(connection);            // after what was sent
  port.abort(connection);
  port.connect(connection);
  port.append(file, bytes);
  port.sync(file, ticket);
  port.remove(file);
  port.halt();
};

template <Port P>
void perform(model::Effects& effects, P& port) {
  using Kind = model::Effect::Kind;
  if (!effects.events().empty()) port.record(effects.events());
  for (const model::Effect& effect : effects.list()) {
    switch (effect.kind) {
      case Kind::send: port.send(effect.connection, effects.bytes(effect)); break;
      case Kind::close: port.close(effect.connection); break;
      case Kind::abort: port.abort(effect.connection); break;
      case Kind::connect: port.connect(effect.connection); break;
      case Kind::append: port.append(effect.file, effects.bytes(effect)); break;
      case Kind::sync: port.sync(effect.file, effect.ticket); break;
      case Kind::remove: port.remove(effect.file); break;
      case Kind::halt: port.halt(); break;
    }
  }
  effects.clear();
}

}  // namespace hubproof::tools
