// How long to wait before trying again: twice as long each time, up to a limit, with a drawn part
// taken off, so that a fleet that lost its hub does not come back as one.
#pragma once

#include <algorithm>

#include "model/chance.hpp"
#include "model/time.hpp"

namespace hubproof::model {

class BackOff {
 public:
  // The next wait: between (100 - jitter) % and 100 % of the doubled one.
  Duration next(Chance& chance, ChanceSite site, Duration first, Duration most,
                std::uint32_t jitter_percent) {
    Duration wait = std::min(first, most);
    for (unsigned i = 0; i < failures_ && wait < most; ++i)
      wait = wait > most / 2 ? most : wait * 2;
    if (failures_ < 63) ++failures_;
    base_ = wait;
    const Duration drawn = wait / 100 * std::min(jitter_percent, 100u) / 1'000;
    return wait - drawn * chance.below(site, 1'001);
  }
  // A connection came to an end after `lasted`. One that outlived the wait before it was a success.
  void lasted(Duration lasted) {
    if (lasted >= base_) failures_ = 0;
  }
  void reset() { failures_ = 0; }

 private:
  Duration base_{};
  std::uint8_t failures_ = 0;
};

}  // namespace hubproof::model
