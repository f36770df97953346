#include "conformance/topics.hpp"

namespace hubproof::conformance {
namespace {

bool means(std::string_view filter, std::string_view topic) {
  if (filter == "#") return true;
  const std::size_t wanted = filter.find('/');
  const std::size_t found = topic.find('/');
  const std::string_view level = filter.substr(0, wanted);
  if (level != "+" && level != topic.substr(0, found)) return false;
  if (wanted == std::string_view::npos) return found == std::string_view::npos;
  if (found == std::string_view::npos) return filter.substr(wanted + 1) == "#";  // the parent itself
  return means(filter.substr(wanted + 1), topic.substr(found + 1));
}

}  // namespace

bool filter_means(std::string_view filter, std::string_view topic) {
  const bool own = topic.starts_with('$');
  const bool any = filter.starts_with('+') || filter.starts_with('#');
  return !(own && any) && means(filter, topic);
}

}  // namespace hubproof::conformance
