// The condition of a route: an expression over a message's properties, read once and evaluated for
// each message.
//
//   level = 'high' AND (AS_NUMBER(temperature) > 60 OR $contentType = 'application/json')
//
// A bare name is an application property; `$name` is a system property and, where there is none, an
// application property [D2C-27]. Names, keywords and functions know no upper and lower case [D2C-26],
// values do. Values are strings, numbers, true, false, null and undefined: what is absent, or makes
// no sense, is undefined, and a condition that comes out as anything but true or false counts as
// false [D2C-24]. Conditions on the body are refused with an error, for now [D2C-25].
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/message.hpp"
#include "model/time.hpp"

namespace hubproof::model {

struct Undefined {
  bool operator==(const Undefined&) const = default;
};
struct Null {
  bool operator==(const Null&) const = default;
};
using Value = std::variant<Undefined, Null, bool, double, std::string>;  // numbers are finite

struct Expression {
  enum class Kind : std::uint8_t {
    constant,     // value
    application,  // name
    system,       // name, without the $
    call,         // name, in capitals, of its arguments
    any,          // OR of two or more
    all,          // AND of two or more
    negation,     // NOT
    one_of,       // the first IN the others
    equal, unequal, less, at_most, more, at_least,
    plus, minus, times, divided, modulo,
    negative      // -
  };
  Kind kind = Kind::constant;
  Value value;
  std::string name;
  std::vector<Expression> of;
  bool operator==(const Expression&) const = default;
};

// What the hub knows of a message besides its fields.
struct Stamps {
  std::string_view device;       // $connectionDeviceId
  std::optional<Date> enqueued;  // $enqueuedTime, as milliseconds since 1970
};

struct ConditionError {
  std::size_t place = 0;  // bytes before it
  std::string what;       // expected and found
};

class Condition {
 public:
  static constexpr std::size_t longest = 8 << 10;  // bytes
  static constexpr std::size_t deepest = 40;       // expressions in each other

  explicit Condition(Expression expression) : expression_{std::move(expression)} {}
  static std::variant<Condition, ConditionError> parse(std::string_view text);

  enum class Truth : std::uint8_t { no, yes, undefined };
  Truth holds(const MessageView& message, const Stamps& stamps) const;

  std::string text() const;  // which parses to an equal condition
  const Expression& expression() const { return expression_; }
  bool asks_for(std::string_view system_name) const;

 private:
  Expression expression_;
};

}  // namespace hubproof::model
