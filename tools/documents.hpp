// Short words for making Documents, for those who write many.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/document.hpp"

namespace hubproof::tools::documents {

inline Document number(std::uint64_t value) { return Document::number(std::to_string(value)); }
inline Document text(std::string_view value) { return Document::string(std::string{value}); }

inline Document object(std::vector<Document::Member> members) {
  Document document = Document::object();
  document.members = std::move(members);
  return document;
}

template <class Values, class Make>
Document list(const Values& values, Make make) {
  Document document = Document::list();
  for (const auto& value : values) document.items.push_back(make(value));
  return document;
}

}  // namespace hubproof::tools::documents
