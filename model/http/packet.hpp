// HTTP/1.1 messages as values: what a request asks and what a response says [HTTP-01]. Texts are
// views of whoever made the message.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/bytes.hpp"

namespace hubproof::model::http {

// Names of fields, and some values, are compared without case [HTTP-04]; of ASCII letters only.
bool same(std::string_view left, std::string_view right);

struct Field {
  std::string_view name;
  std::string_view value;
  bool operator==(const Field&) const = default;
};

struct Message {
  std::vector<Field> fields;  // in the order in which they came
  View body;
  bool keep_alive = true;  // the connection may serve another request after this message

  std::optional<std::string_view> field(std::string_view name) const;  // the first of that name
};

struct Request : Message {
  std::string_view method;  // as it was sent: methods have a case
  std::string_view target;
};

struct Response : Message {
  unsigned status = 200;
};

}  // namespace hubproof::model::http
