#include "model/hub/record.hpp"

#include "model/checksum.hpp"

namespace hubproof::model {

std::uint32_t record_checksum(std::uint64_t segment, View from_length_on) {
  return crc32c(from_length_on, static_cast<std::uint32_t>(mix(segment)));
}

}  // namespace hubproof::model
