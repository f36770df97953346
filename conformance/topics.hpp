// Which topics a filter means [mqtt311:4.7.1-2, 4.7.1-3, 4.7.2-1]: the judge's own word, so that it does not
// rest on the code that it judges.
#pragma once

#include <string_view>

namespace hubproof::conformance {

bool filter_means(std::string_view filter, std::string_view topic);

}  // namespace hubproof::conformance
