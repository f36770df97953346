// Two tables at which the hub machine sits, in simulation and on real sockets, and the one way to
// talk to it over both.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/history.hpp"
#include "model/operations.hpp"
#include "model/rules.hpp"

namespace hubproof::tests {

class Table {
 public:
  virtual ~Table() = default;
  virtual model::Response request(const model::Request& request) = 0;
  virtual void call(std::size_t number) = 0;  // opens the connection of this number, from 1 on
  virtual void say(std::size_t number, model::View bytes) = 0;
  virtual model::Bytes hear(std::size_t number) = 0;  // waits for some bytes; none: it ended
  virtual bool ended(std::size_t number) = 0;  // waits for the hub to end it
  virtual void hang_up(std::size_t number) = 0;
  virtual std::vector<model::Event> seen() = 0;  // by the hub, until now
};

std::unique_ptr<Table> simulated_table(const model::Rules& rules);
std::unique_ptr<Table> real_table(const model::Rules& rules);

}  // namespace hubproof::tests
