// The target of a request: the levels of its path, and what is asked about them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hubproof::model::http {

struct Target {
  std::vector<std::string> path;  // decoded; "/devices/" has two levels, and the second is empty
  std::vector<std::pair<std::string, std::string>> query;  // a bare flag has an empty value

  const std::string* asked(std::string_view name) const;  // null: it is not
};

// Nothing: no path, a broken percent code, or not UTF-8. A target with scheme and host is taken too
// (RFC 7230, section 5.3.2); the host is not compared, as a hub may be reached by many names.
std::optional<Target> read_target(std::string_view target);

// Appends one level of a path; what is not plain is percent-encoded [MSG-23].
void write_level(std::string& path, std::string_view level);

}  // namespace hubproof::model::http
