#include "model/hub/condition.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/message_generators.hpp"

namespace hubproof::model {
namespace {

using Kind = Expression::Kind;
using Truth = Condition::Truth;

Condition parsed(std::string_view text) {
  auto result = Condition::parse(text);
  if (const auto* error = std::get_if<ConditionError>(&result))
    ADD_FAILURE() << text << ": at " << error->place << ": " << error->what;
  return std::holds_alternative<Condition>(result) ? std::get<Condition>(std::move(result)) : Condition{{}};
}

Bytes sample() {
  Bytes flat;
  MessageWriter writer{flat};
  writer.system(System::message_id, "m1");
  writer.system(System::content_type, "application/json");
  writer.property("level", "High");
  writer.property("temperature", "61.5");
  writer.property("contentType", "an application's own");
  writer.property("extra", "1");
  writer.null_property("nothing");
  writer.body({});
  return flat;
}

Truth holds(std::string_view text) {
  const Bytes flat = sample();
  return parsed(text).holds(MessageView{flat}, {"d1", Date{} + std::chrono::milliseconds{5}});
}

TEST(Condition, ComparesPropertiesWithConstants) {
  EXPECT_EQ(holds("true"), Truth::yes);
  EXPECT_EQ(holds("level = 'High'"), Truth::yes);
  EXPECT_EQ(holds("level = \"High\""), Truth::yes);
  EXPECT_EQ(holds("level = 'high'"), Truth::no) << "values know upper and lower case";
  EXPECT_EQ(holds("level <> 'high'"), Truth::yes);
  EXPECT_EQ(holds("level < 'Higi' AND level >= 'High'"), Truth::yes);
  EXPECT_EQ(holds("AS_NUMBER(temperature) > 60"), Truth::yes);
  EXPECT_EQ(holds("level IN ['Low', 'High']"), Truth::yes);
  EXPECT_EQ(holds("level IN ['Low']"), Truth::no);
}

TEST(Condition, NamesKnowNoCase) {  // [D2C-26]
  EXPECT_EQ(holds("LEVEL = 'High' and TemPerature = '61.5'"), Truth::yes);
  EXPECT_EQ(holds("$CONTENTTYPE = 'application/json'"), Truth::yes);
  EXPECT_EQ(holds("starts_with(level, 'Hi')"), Truth::yes);
}

TEST(Condition, ADollarMeansSystemFirstAndApplicationSecond) {  // [D2C-27]
  EXPECT_EQ(holds("$contentType = 'application/json'"), Truth::yes);
  EXPECT_EQ(holds("contentType = \"an application's own\""), Truth::yes);
  EXPECT_EQ(holds("$level = 'High'"), Truth::yes);
  EXPECT_EQ(holds("messageId = 'm1'"), Truth::undefined);
  EXPECT_EQ(holds("$messageId = 'm1' AND $connectionDeviceId = 'd1' AND $enqueuedTime = 5"), Truth::yes);
}

TEST(Condition, NumbersAreWrittenAsTheyCanBeRead) {
  const std::pair<const char*, const char*> cases[] = {{"21.50", "21.5"},
                                                       {"1e5", "1e+05"},
                                                       {"12.5e0016", "1.25e+17"},
                                                       {".125e0016", "1.25e+15"},
                                                       {"30e22", "30e22"},
                                                       {"999999999999999e22", "9.99999999999999e+36"},
                                                       {"1e-22", "1e-22"},
                                                       {"12345e-22", "1.2345e-18"},
                                                       {"0.1e-21", "1e-22"},
                                                       {"1.5e-21", "1.5e-21"}};
  for (const auto& [given, written] : cases) {
    const auto condition = std::get<Condition>(Condition::parse(given));
    EXPECT_EQ(condition.text(), written);
    const auto again = Condition::parse(condition.text());
    ASSERT_TRUE(std::holds_alternative<Condition>(again)) << given;
    EXPECT_EQ(std::get<Condition>(again).expression(), condition.expression()) << given;
  }
}

TEST(Condition, WhatIsAbsentOrMakesNoSenseIsUndefined) {  // [D2C-24]
  EXPECT_EQ(holds("absent = 'x'"), Truth::undefined);
  EXPECT_EQ(holds("NOT (absent = 'x')"), Truth::undefined);
  EXPECT_EQ(holds("absent"), Truth::undefined);
  EXPECT_EQ(holds("level"), Truth::undefined);
  EXPECT_EQ(holds("null"), Truth::undefined);
  EXPECT_EQ(holds("temperature > 60"), Truth::undefined) << "a string is no number";
  EXPECT_EQ(holds("nothing = null"), Truth::yes);
  EXPECT_EQ(holds("level = null"), Truth::undefined);
  EXPECT_EQ(holds("1 / 0 > 1"), Truth::undefined);
  EXPECT_EQ(holds("5 % 0 = 0"), Truth::undefined);
  EXPECT_EQ(holds("1e22 * 1e22 * 1e22 > 0"), Truth::yes);
  EXPECT_EQ(holds("AS_NUMBER(level) = 1"), Truth::undefined);
  EXPECT_EQ(holds("IS_DEFINED(absent)"), Truth::no);
  EXPECT_EQ(holds("IS_DEFINED(nothing) AND IS_NULL(nothing)"), Truth::yes);
}

TEST(Condition, AndAndOrKnowTheirWayAroundWhatIsUndefined) {
  EXPECT_EQ(holds("absent = 'x' OR true"), Truth::yes);
  EXPECT_EQ(holds("absent = 'x' OR false"), Truth::undefined);
  EXPECT_EQ(holds("absent = 'x' AND false"), Truth::no);
  EXPECT_EQ(holds("absent = 'x' AND true"), Truth::undefined);
}

TEST(Condition, BindsAsPeopleExpect) {
  EXPECT_EQ(holds("true OR false AND false"), Truth::yes);
  EXPECT_EQ(holds("NOT false AND false"), Truth::no);
  EXPECT_EQ(holds("1 + 2 * 3 = 7 AND 10 - 2 - 3 = 5 AND 7 % 4 = 3 AND -2 * -3 = 6"), Truth::yes);
  EXPECT_EQ(holds("CONCAT(level, extra) = 'High1' AND LENGTH(UPPER(level)) = 4"), Truth::yes);
}

TEST(Condition, ErrorsSayWhatAndWhere) {
  const auto error = [](std::string_view text) {
    const auto result = Condition::parse(text);
    if (!std::holds_alternative<ConditionError>(result)) return std::string{"none"};
    const auto& it = std::get<ConditionError>(result);
    return std::to_string(it.place) + ": " + it.what;
  };
  EXPECT_EQ(error(""), "0: expected a value, found the end");
  EXPECT_EQ(error("level = "), "8: expected a value, found the end");
  EXPECT_EQ(error("level == 'x'"), "7: expected a value, found \"=\"");
  EXPECT_EQ(error("level 'x'"), "6: expected AND, OR or the end, found \"'\"");
  EXPECT_EQ(error("level = 'x"), "8: this string has no end");
  EXPECT_EQ(error("(level = 'x'"), "12: expected \")\", found the end");
  EXPECT_EQ(error("a = AND"), "4: expected a value, found \"AND\"");
  EXPECT_EQ(error("a IN ['x'"), "9: expected \"]\", found the end");
  EXPECT_EQ(error("a = $"), "5: expected the name of a system property behind \"$\", found the end");
  EXPECT_EQ(error("LENGTH(a, b) = 1"), "0: LENGTH takes 1 values, found 2");
  EXPECT_EQ(error("a = 1234567890123456"), "4: expected a number of at most 15 digits, with an exponent from -22 to 22");
  EXPECT_EQ(error("a = 1x"), "4: expected a number of at most 15 digits, with an exponent from -22 to 22");
  EXPECT_EQ(error("x = 1 AND $body.level > 3"), "10: conditions on $body are not supported; properties are");
  EXPECT_EQ(error("$twin.tags.x = 'a'"), "0: conditions on $twin are not supported; properties are");
  EXPECT_TRUE(error("SQRT(2) = a").starts_with("0: no function is called \"SQRT\"; there are AS_NUMBER, "));
  EXPECT_TRUE(error(std::string(9000, 'a')).starts_with("8192: expected at most 8192 bytes"));
}

TEST(Condition, DepthIsBounded) {
  const auto ok = [](const std::string& text) {
    return std::holds_alternative<Condition>(Condition::parse(text));
  };
  EXPECT_TRUE(ok(std::string(9, '(') + "a" + std::string(9, ')')));
  EXPECT_FALSE(ok(std::string(2000, '(') + "a" + std::string(2000, ')')));
  std::string nots;
  for (int i = 0; i < 2000; ++i) nots += "NOT ";
  EXPECT_FALSE(ok(nots + "a"));
  EXPECT_FALSE(ok(std::string(4000, '-') + "1 = 1"));
  std::string sum = "1";
  for (int i = 0; i < 4000; ++i) sum += "+1";
  EXPECT_FALSE(ok(sum + " = 1"));
  std::string chain = "a";
  for (int i = 0; i < 1500; ++i) chain += " OR a";
  EXPECT_TRUE(ok(chain)) << "chains of AND and OR are flat";
}

// --- Against a model that is written another way ---

Expression made(Kind kind, std::vector<Expression> of) {
  Expression one;
  one.kind = kind;
  one.of = std::move(of);
  return one;
}

// Numbers small enough that all arithmetic on them is of whole numbers.
Expression expression(int depth) {
  Expression one;
  const int kind = *rc::gen::inRange(0, depth > 0 ? 12 : 5);
  switch (kind) {
    case 0: one.value = static_cast<double>(*rc::gen::inRange(0, 4)); return one;
    case 1: one.value = *rc::gen::element<std::string>("", "a", "b'\\", "3"); return one;
    case 2: one.value = *rc::gen::element<Value>(Undefined{}, Null{}, true, false); return one;
    case 3:
      one.kind = Kind::application;
      one.name = *rc::gen::element<std::string>("p", "q", "r", "P");
      return one;
    case 4:
      one.kind = Kind::system;
      one.name = *rc::gen::element<std::string>("messageId", "p", "connectionDeviceId");
      return one;
    case 5: return made(Kind::negation, {expression(depth - 1)});
    case 6: return made(Kind::negative, {expression(depth - 1)});
    case 7:
    case 8: {
      std::vector<Expression> of;
      for (int n = *rc::gen::inRange(2, 4); n > 0; --n) of.push_back(expression(depth - 1));
      return made(kind == 7 ? Kind::any : Kind::all, std::move(of));
    }
    case 9: {
      std::vector<Expression> of;
      for (int n = *rc::gen::inRange(2, 4); n > 0; --n) of.push_back(expression(depth - 1));
      return made(Kind::one_of, std::move(of));
    }
    case 10: {
      Expression call = made(Kind::call, {expression(depth - 1)});
      call.name = *rc::gen::element<std::string>("IS_DEFINED", "IS_NULL", "IS_STRING", "AS_NUMBER", "UPPER");
      return call;
    }
    default: {
      const auto which = *rc::gen::inRange(static_cast<int>(Kind::equal), static_cast<int>(Kind::modulo) + 1);
      return made(static_cast<Kind>(which), {expression(depth - 1), expression(depth - 1)});
    }
  }
}

// The model: every value is a letter for its type and its text; numbers are whole, or nothing is said.
struct NoSay {};
struct Naive {
  std::vector<std::pair<std::string, std::string>> application;  // lower case -> value, or "\1" for null
  std::string id;

  std::string look(std::string name) const {
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    for (const auto& [key, value] : application)
      if (key == name) return value == "\1" ? "z" : "s" + value;
    return "u";
  }
  static long whole(const std::string& value) { return std::stol(value.substr(1)); }
  static std::string truth(bool it) { return it ? "bt" : "bf"; }

  std::string operator()(const Expression& one) const {
    const auto arg = [&](std::size_t i) { return (*this)(one.of[i]); };
    const auto equal = [](const std::string& a, const std::string& b) {
      if (a[0] != b[0] || a == "u") return std::string{"u"};
      return truth(a == b);
    };
    switch (one.kind) {
      case Kind::constant:
        switch (one.value.index()) {
          case 0: return "u";
          case 1: return "z";
          case 2: return truth(std::get<bool>(one.value));
          case 3: return "n" + std::to_string(static_cast<long>(std::get<double>(one.value)));
          default: return "s" + std::get<std::string>(one.value);
        }
      case Kind::application: return look(one.name);
      case Kind::system:
        if (one.name == "messageId" && !id.empty()) return "s" + id;
        if (one.name == "connectionDeviceId") return "sd1";
        return look(one.name);
      case Kind::negation: return arg(0) == "bt" ? "bf" : arg(0) == "bf" ? "bt" : "u";
      case Kind::any:
      case Kind::all: {  // the strongest wins: deciding, unknown, the other
        std::string result = one.kind == Kind::any ? "bf" : "bt";
        const std::string strong = one.kind == Kind::any ? "bt" : "bf";
        for (std::size_t i = 0; i < one.of.size(); ++i) {
          if (arg(i) == strong) return strong;
          if (arg(i) != result) result = "u";
        }
        return result;
      }
      case Kind::one_of: {
        std::string result = "bf";
        for (std::size_t i = 1; i < one.of.size(); ++i) {
          if (equal(arg(0), arg(i)) == "bt") return "bt";
          if (equal(arg(0), arg(i)) == "u") result = "u";
        }
        return result;
      }
      case Kind::equal: return equal(arg(0), arg(1));
      case Kind::unequal: {
        const std::string same = equal(arg(0), arg(1));
        return same == "u" ? "u" : truth(same == "bf");
      }
      case Kind::call:
        if (one.name == "IS_DEFINED") return truth(arg(0) != "u");
        if (one.name == "IS_NULL") return truth(arg(0) == "z");
        if (one.name == "IS_STRING") return truth(arg(0)[0] == 's');
        if (one.name == "AS_NUMBER") return arg(0)[0] == 'n' ? arg(0) : arg(0) == "s3" ? "n3" : arg(0) == "s2" ? "n2" : "u";
        if (arg(0)[0] != 's') return "u";
        {
          std::string result = arg(0);
          for (std::size_t i = 1; i < result.size(); ++i) result[i] = static_cast<char>(std::toupper(result[i]));
          return result;
        }
      case Kind::negative: return arg(0)[0] == 'n' ? "n" + std::to_string(-whole(arg(0))) : "u";
      default: break;
    }
    const std::string a = arg(0);
    const std::string b = arg(1);
    const bool numbers = a[0] == 'n' && b[0] == 'n';
    if (one.kind <= Kind::at_least) {
      if (!numbers && !(a[0] == 's' && b[0] == 's')) return "u";
      const long order = numbers ? whole(a) - whole(b) : a.compare(b);
      if (one.kind == Kind::less) return truth(order < 0);
      if (one.kind == Kind::at_most) return truth(order <= 0);
      return truth(one.kind == Kind::more ? order > 0 : order >= 0);
    }
    if (!numbers) return "u";
    const long x = whole(a);
    const long y = whole(b);
    if (one.kind == Kind::plus) return "n" + std::to_string(x + y);
    if (one.kind == Kind::minus) return "n" + std::to_string(x - y);
    if (one.kind == Kind::times) return "n" + std::to_string(x * y);
    if (y == 0) return "u";
    if (one.kind == Kind::modulo) return "n" + std::to_string(x % y);
    if (x % y != 0) throw NoSay{};
    return "n" + std::to_string(x / y);
  }
};

RC_GTEST_PROP(ConditionProperty, WhatIsWrittenIsReadAgainAsTheSame, ()) {
  const Condition condition{expression(4)};
  const auto again = Condition::parse(condition.text());
  RC_LOG() << condition.text();
  RC_ASSERT(std::holds_alternative<Condition>(again));
  RC_ASSERT(std::get<Condition>(again).expression() == condition.expression());
}

RC_GTEST_PROP(ConditionProperty, EvaluatesAsANaiveModelDoes, ()) {
  Naive naive;
  Bytes flat;
  MessageWriter writer{flat};
  if (generate::coin()) writer.system(System::message_id, naive.id = "a");
  for (const std::string name : {"p", "q", "r"}) {
    if (generate::coin()) continue;
    const auto value = *rc::gen::element<std::string>("a", "", "3", "2", "\1");
    naive.application.emplace_back(name, value);
    const std::string spelt = generate::coin() ? name : std::string(1, static_cast<char>(std::toupper(name[0])));
    if (value == "\1")
      writer.null_property(spelt);
    else
      writer.property(spelt, value);
  }
  writer.body({});
  const Condition condition{expression(4)};
  RC_LOG() << condition.text();
  try {
    const std::string expected = naive(condition.expression());
    const Truth truth = condition.holds(MessageView{flat}, {"d1", std::nullopt});
    RC_ASSERT(truth == (expected == "bt" ? Truth::yes : expected == "bf" ? Truth::no : Truth::undefined));
  } catch (const NoSay&) {
    RC_DISCARD("a quotient that is not whole");
  }
}

}  // namespace
}  // namespace hubproof::model
