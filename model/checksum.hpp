// CRC-32C (Castagnoli), for records on a disk that may tear or rot: the same figure on every machine.
#pragma once

#include <cstdint>

#include "model/bytes.hpp"

namespace hubproof::model {

// Of `bytes`; to go on with a further piece, pass the result as `before`.
std::uint32_t crc32c(View bytes, std::uint32_t before = 0);
// The same without the processor's own instruction for it.
std::uint32_t crc32c_by_tables(View bytes, std::uint32_t before = 0);

}  // namespace hubproof::model
