// A date as a hub shows it: whole ticks of its clock's resolution.
#pragma once

#include "model/time.hpp"

namespace hubproof::model {

inline Date cut(Date date, Duration tick) {
  const Duration over = date.time_since_epoch() % tick;
  return date - (over < Duration{0} ? over + tick : over);
}

}  // namespace hubproof::model
