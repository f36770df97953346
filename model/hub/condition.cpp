#include "model/hub/condition.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace hubproof::model {
namespace {

using Kind = Expression::Kind;

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) { return (upper(c) >= 'A' && upper(c) <= 'Z') || c == '_'; }
bool in_name(char c) { return begins_name(c) || digit(c); }
bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return upper(x) == upper(y); });
}

std::string capitals(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), upper);
  return result;
}

struct SystemName {
  std::string_view name;
  System key;
};
constexpr std::array system_names{
    SystemName{"messageId", System::message_id},
    SystemName{"correlationId", System::correlation_id},
    SystemName{"userId", System::user_id},
    SystemName{"to", System::to},
    SystemName{"contentType", System::content_type},
    SystemName{"contentEncoding", System::content_encoding},
    SystemName{"iothub-creation-time-utc", System::creation_time},
    SystemName{"connectionModuleId", System::connection_module_id},
    SystemName{"dt-dataschema", System::interface_id},
    SystemName{"dt-subject", System::component},
};
constexpr std::string_view device_name = "connectionDeviceId";
constexpr std::string_view enqueued_name = "enqueuedTime";

struct Function {
  std::string_view name;
  std::size_t least;
  std::size_t most;
};
constexpr std::array functions{
    Function{"AS_NUMBER", 1, 1}, Function{"CONCAT", 2, 16},    Function{"CONTAINS", 2, 2},
    Function{"ENDS_WITH", 2, 2}, Function{"IS_BOOL", 1, 1},    Function{"IS_DEFINED", 1, 1},
    Function{"IS_NULL", 1, 1},   Function{"IS_NUMBER", 1, 1},  Function{"IS_STRING", 1, 1},
    Function{"LENGTH", 1, 1},    Function{"LOWER", 1, 1},      Function{"STARTS_WITH", 2, 2},
    Function{"UPPER", 1, 1},
};

constexpr std::array<std::string_view, 8> keywords{"AND", "OR", "NOT", "IN", "TRUE", "FALSE", "NULL", "UNDEFINED"};

// A decimal number that a double holds to the last of at most 15 digits: both of its parts are exact,
// so the result is the nearest one, whatever library is beneath. `size` is how much of it was read.
std::optional<double> number(std::string_view text, std::size_t& size) {
  constexpr std::array<double, 23> powers{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  std::int64_t mantissa = 0;
  int digits = 0;
  int exponent = 0;
  bool any = false;
  bool point = false;
  size = 0;
  for (; size < text.size() && (digit(text[size]) || (text[size] == '.' && !point)); ++size) {
    if (text[size] == '.') {
      point = true;
      continue;
    }
    any = true;
    if (point) --exponent;
    if (mantissa == 0 && text[size] == '0') continue;
    if (++digits > 15) return std::nullopt;
    mantissa = mantissa * 10 + (text[size] - '0');
  }
  if (!any || text[size - 1] == '.') return std::nullopt;
  if (size < text.size() && lower(text[size]) == 'e') {
    std::size_t at = size + 1;
    const bool minus = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t first = at;
    int given = 0;
    for (; at < text.size() && digit(text[at]); ++at) given = std::min(given * 10 + (text[at] - '0'), 1000);
    if (at == first) return std::nullopt;
    exponent += minus ? -given : given;
    size = at;
  }
  if (mantissa == 0) return 0.0;
  if (exponent < -22 || exponent > 22) return std::nullopt;
  const auto exact = static_cast<double>(mantissa);
  return exponent < 0 ? exact / powers[static_cast<std::size_t>(-exponent)]
                      : exact * powers[static_cast<std::size_t>(exponent)];
}

// --- Reading ---

int binding(Kind kind);  // how tightly: what is at least as tight needs no parentheses

class Parser {
 public:
  explicit Parser(std::string_view text) : text_{text} {}

  std::variant<Condition, ConditionError> parse() {
    if (text_.size() > Condition::longest)
      return ConditionError{Condition::longest,
                            "expected at most " + std::to_string(Condition::longest) + " bytes, found " +
                                std::to_string(text_.size())};
    Expression whole = any();
    skip();
    if (!error_ && at_ < text_.size()) fail("expected AND, OR or the end, found " + found());
    if (error_) return *error_;
    return Condition{std::move(whole)};
  }

 private:
  struct Level {  // one expression deeper
    explicit Level(Parser& parser) : in{parser} {
      if (++in.depth_ > Condition::deepest)
        in.fail("expected at most " + std::to_string(Condition::deepest) + " expressions in each other");
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --in.depth_; }
    Parser& in;
  };

  void skip() {
    while (at_ < text_.size() && blank(text_[at_])) ++at_;
  }
  void fail(std::string what) {
    if (!error_) error_ = ConditionError{at_, std::move(what)};
    at_ = text_.size();  // everything ends from here
  }
  std::string found() const {
    if (at_ >= text_.size()) return "the end";
    std::size_t end = at_;
    while (end < text_.size() && in_name(text_[end])) ++end;
    if (end == at_) end = at_ + 1;
    return "\"" + std::string{text_.substr(at_, std::min<std::size_t>(end - at_, 32))} + "\"";
  }
  std::string_view word() const {  // a whole name, if one is here
    std::size_t end = at_;
    if (end < text_.size() && begins_name(text_[end]))
      while (end < text_.size() && in_name(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }
  bool keyword(std::string_view wanted) {
    skip();
    if (!same(word(), wanted)) return false;
    at_ += wanted.size();
    return true;
  }
  bool sign(std::string_view wanted) {
    skip();
    if (!text_.substr(at_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }
  void expect(std::string_view wanted) {
    if (!sign(wanted)) fail("expected \"" + std::string{wanted} + "\", found " + found());
  }

  // Chains grow on the left, where no Level counts them; what stands there in parentheses is written
  // without them.
  Expression join(Kind kind, Expression left, Expression right) {
    std::size_t links = 1;
    for (const Expression* at = &left; binding(at->kind) == binding(kind); at = &at->of[0]) ++links;
    if (links > Condition::deepest)
      fail("expected at most " + std::to_string(Condition::deepest) + " expressions in each other");
    Expression result;
    result.kind = kind;
    result.of.push_back(std::move(left));
    result.of.push_back(std::move(right));
    return result;
  }

  Expression chain(Kind kind, std::string_view between, Expression (Parser::*part)()) {
    const Level level{*this};
    Expression first = (this->*part)();
    if (error_ || !keyword(between)) return first;
    Expression result;
    result.kind = kind;
    result.of.push_back(std::move(first));
    do result.of.push_back((this->*part)());
    while (!error_ && keyword(between));
    return result;
  }
  Expression any() { return chain(Kind::any, "OR", &Parser::all); }
  Expression all() { return chain(Kind::all, "AND", &Parser::negation); }

  Expression negation() {
    const Level level{*this};
    if (error_ || !keyword("NOT")) return comparison();
    Expression result;
    result.kind = Kind::negation;
    result.of.push_back(negation());
    return result;
  }

  Expression comparison() {
    Expression left = sum();
    if (error_) return left;
    constexpr std::array<std::pair<std::string_view, Kind>, 7> signs{{{"=", Kind::equal},
                                                                      {"!=", Kind::unequal},
                                                                      {"<>", Kind::unequal},
                                                                      {"<=", Kind::at_most},
                                                                      {">=", Kind::at_least},
                                                                      {"<", Kind::less},
                                                                      {">", Kind::more}}};
    for (const auto& [text, kind] : signs)
      if (sign(text)) return join(kind, std::move(left), sum());
    if (!keyword("IN")) return left;
    Expression result;
    result.kind = Kind::one_of;
    result.of.push_back(std::move(left));
    list(result.of, "[", "]", 256);
    return result;
  }

  Expression sum() {
    Expression left = product();
    while (!error_) {
      if (sign("+"))
        left = join(Kind::plus, std::move(left), product());
      else if (sign("-"))
        left = join(Kind::minus, std::move(left), product());
      else
        break;
    }
    return left;
  }
  Expression product() {
    Expression left = sign_of();
    while (!error_) {
      if (sign("*"))
        left = join(Kind::times, std::move(left), sign_of());
      else if (sign("/"))
        left = join(Kind::divided, std::move(left), sign_of());
      else if (sign("%"))
        left = join(Kind::modulo, std::move(left), sign_of());
      else
        break;
    }
    return left;
  }
  Expression sign_of() {
    const Level level{*this};
    if (error_ || !sign("-")) return primary();
    Expression result;
    result.kind = Kind::negative;
    result.of.push_back(sign_of());
    return result;
  }

  void list(std::vector<Expression>& out, std::string_view opens, std::string_view closes, std::size_t most) {
    expect(opens);
    const std::size_t before = out.size();
    do {
      if (out.size() - before == most) return fail("expected at most " + std::to_string(most) + " values");
      out.push_back(any());
    } while (!error_ && sign(","));
    if (!error_) expect(closes);
  }

  static Expression constant(Value value) {
    Expression result;
    result.value = std::move(value);
    return result;
  }

  Expression primary() {
    skip();
    if (error_) return {};
    if (sign("(")) {
      Expression inner = any();
      if (!error_) expect(")");
      return inner;
    }
    if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) return string();
    if (at_ < text_.size() && (digit(text_[at_]) || text_[at_] == '.')) return numeral();
    if (at_ < text_.size() && text_[at_] == '$') return system();
    const std::string_view name = word();
    if (name.empty()) {
      fail("expected a value, found " + found());
      return {};
    }
    if (same(name, "true") || same(name, "false") || same(name, "null") || same(name, "undefined")) {
      at_ += name.size();
      if (same(name, "null")) return constant(Null{});
      if (same(name, "undefined")) return constant(Undefined{});
      return constant(same(name, "true"));
    }
    if (std::ranges::any_of(keywords, [&](std::string_view one) { return same(one, name); })) {
      fail("expected a value, found " + found());
      return {};
    }
    const std::size_t begin = at_;
    at_ += name.size();
    skip();
    Expression result;
    if (at_ < text_.size() && text_[at_] == '(') return call(name, begin);
    result.kind = Kind::application;
    result.name = name;
    return result;
  }

  Expression call(std::string_view name, std::size_t begin) {
    Expression result;
    result.kind = Kind::call;
    result.name = capitals(name);
    const auto* const function = std::ranges::find(functions, std::string_view{result.name}, &Function::name);
    if (function == functions.end()) {
      std::string all;
      for (const Function& one : functions) all += (all.empty() ? "" : ", ") + std::string{one.name};
      at_ = begin;
      fail("no function is called " + found() + "; there are " + all);
      return {};
    }
    list(result.of, "(", ")", 16);
    if (error_) return {};
    if (result.of.size() < function->least || result.of.size() > function->most) {
      at_ = begin;
      fail(result.name + " takes " + std::to_string(function->least) +
           (function->most > function->least ? " or more" : "") + " values, found " +
           std::to_string(result.of.size()));
    }
    return result;
  }

  Expression string() {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\') ++at_;
      if (at_ < text_.size()) value += text_[at_++];
    }
    if (at_ >= text_.size()) {
      at_ = begin;
      fail("this string has no end");
      return {};
    }
    ++at_;
    return constant(std::move(value));
  }

  Expression numeral() {
    std::size_t size = 0;
    const auto value = number(text_.substr(at_), size);
    const bool ends = at_ + size >= text_.size() || (!in_name(text_[at_ + size]) && text_[at_ + size] != '.');
    if (!value || !ends) {
      fail("expected a number of at most 15 digits, with an exponent from -22 to 22");
      return {};
    }
    at_ += size;
    return constant(*value);
  }

  Expression system() {  // some of these names have hyphens
    const std::size_t begin = at_++;
    std::size_t end = at_;
    while (end < text_.size() &&
           (in_name(text_[end]) || (text_[end] == '-' && end > at_ && end + 1 < text_.size() && begins_name(text_[end + 1]))))
      ++end;
    Expression result;
    result.kind = Kind::system;
    result.name = text_.substr(at_, end - at_);
    if (result.name.empty() || !begins_name(result.name[0])) {
      fail("expected the name of a system property behind \"$\", found " + found());
      return {};
    }
    if (same(result.name, "body") || same(result.name, "twin")) {
      at_ = begin;
      fail("conditions on $" + result.name + " are not supported; properties are");
      return {};
    }
    at_ = end;
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::optional<ConditionError> error_;
};

// --- Writing ---

int binding(Kind kind) {
  switch (kind) {
    case Kind::any: return 1;
    case Kind::all: return 2;
    case Kind::negation: return 3;
    case Kind::one_of:
    case Kind::equal:
    case Kind::unequal:
    case Kind::less:
    case Kind::at_most:
    case Kind::more:
    case Kind::at_least: return 4;
    case Kind::plus:
    case Kind::minus: return 5;
    case Kind::times:
    case Kind::divided:
    case Kind::modulo: return 6;
    case Kind::negative: return 7;
    default: return 8;
  }
}

std::string_view sign_of(Kind kind) {
  switch (kind) {
    case Kind::any: return " OR ";
    case Kind::all: return " AND ";
    case Kind::equal: return " = ";
    case Kind::unequal: return " != ";
    case Kind::less: return " < ";
    case Kind::at_most: return " <= ";
    case Kind::more: return " > ";
    case Kind::at_least: return " >= ";
    case Kind::plus: return " + ";
    case Kind::minus: return " - ";
    case Kind::times: return " * ";
    case Kind::divided: return " / ";
    case Kind::modulo: return " % ";
    default: return "";
  }
}

// The shortest digits that mean this number, in a form that number() reads: a mantissa of more digits
// where its exponent would be too large.
std::string digits_of(double it) {
  std::array<char, 32> chars{};
  char* const end = chars.data() + chars.size();
  std::string result{chars.data(), std::to_chars(chars.data(), end, it).ptr};
  std::size_t size = 0;
  if (number(result, size) == it && size == result.size()) return result;
  result.assign(chars.data(), std::to_chars(chars.data(), end, it, std::chars_format::scientific).ptr);
  const std::size_t e = result.find('e');
  int exponent = 0;
  const std::size_t digits = result[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(result.data() + digits, result.data() + result.size(), exponent);
  result.resize(e);
  if (const std::size_t point = result.find('.'); point != std::string::npos) {
    exponent -= static_cast<int>(result.size() - point - 1);
    result.erase(point, 1);
  }
  if (exponent > 22) result.append(static_cast<std::size_t>(exponent - 22), '0');
  return result + "e" + std::to_string(std::min(exponent, 22));
}

void write(std::string& out, const Value& value) {
  struct Write {
    std::string& out;
    void operator()(Undefined) const { out += "undefined"; }
    void operator()(Null) const { out += "null"; }
    void operator()(bool it) const { out += it ? "true" : "false"; }
    void operator()(double it) const { out += digits_of(it); }
    void operator()(const std::string& it) const {
      out += '\'';
      for (const char c : it) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
      }
      out += '\'';
    }
  };
  std::visit(Write{out}, value);
}

void write(std::string& out, const Expression& one);

void write(std::string& out, const Expression& one, int least) {
  const bool closed = binding(one.kind) >= least;
  if (!closed) out += '(';
  write(out, one);
  if (!closed) out += ')';
}

void write_list(std::string& out, std::span<const Expression> list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ", ";
    write(out, list[i]);
  }
}

void write(std::string& out, const Expression& one) {
  const int own = binding(one.kind);
  switch (one.kind) {
    case Kind::constant: return write(out, one.value);
    case Kind::application: out += one.name; return;
    case Kind::system: out += '$' + one.name; return;
    case Kind::call:
      out += one.name + "(";
      write_list(out, one.of);
      out += ')';
      return;
    case Kind::negation:
      out += "NOT ";
      return write(out, one.of[0], own);
    case Kind::negative:
      out += '-';
      return write(out, one.of[0], own);
    case Kind::one_of:
      write(out, one.of[0], own + 1);
      out += " IN [";
      write_list(out, std::span{one.of}.subspan(1));
      out += ']';
      return;
    default: break;
  }
  // Sums and products group to the left; comparisons, and chains of AND and OR, not at all.
  const bool left = own == 5 || own == 6;
  for (std::size_t i = 0; i < one.of.size(); ++i) {
    if (i > 0) out += sign_of(one.kind);
    write(out, one.of[i], i == 0 && left ? own : own + 1);
  }
}

// --- Evaluating ---

class Evaluation {
 public:
  Evaluation(const MessageView& message, const Stamps& stamps) : message_{message}, stamps_{stamps} {}

  Value of(const Expression& one) const {
    switch (one.kind) {
      case Kind::constant: return one.value;
      case Kind::application: return application(one.name);
      case Kind::system: return system(one.name);
      case Kind::call: return call(one);
      case Kind::any: return joined(one, true);
      case Kind::all: return joined(one, false);
      case Kind::negation: {
        const Value inner = of(one.of[0]);
        if (const bool* truth = std::get_if<bool>(&inner)) return !*truth;
        return Undefined{};
      }
      case Kind::one_of: return one_of(one);
      case Kind::equal:
      case Kind::unequal:
      case Kind::less:
      case Kind::at_most:
      case Kind::more:
      case Kind::at_least: return compare(one.kind, of(one.of[0]), of(one.of[1]));
      case Kind::negative: {
        const Value inner = of(one.of[0]);
        if (const double* it = std::get_if<double>(&inner)) return *it == 0 ? 0.0 : -*it;
        return Undefined{};
      }
      default: return reckon(one.kind, of(one.of[0]), of(one.of[1]));
    }
  }

 private:
  Value application(std::string_view name) const {
    Value value;
    bool found = false;
    message_.each([](System, std::string_view) {},
                  [&](std::string_view one, std::optional<std::string_view> text) {
                    if (found || !same(one, name)) return;
                    found = true;
                    if (text)
                      value = std::string{*text};
                    else
                      value = Null{};
                  });
    return value;
  }
  Value system(std::string_view name) const {
    if (same(name, device_name)) return std::string{stamps_.device};
    if (same(name, enqueued_name) && stamps_.enqueued) {
      const std::int64_t ms = stamps_.enqueued->time_since_epoch() / std::chrono::milliseconds{1};
      return static_cast<double>(ms);
    }
    for (const SystemName& one : system_names)
      if (same(one.name, name))
        if (const auto text = message_.system(one.key)) return std::string{*text};
    return application(name);
  }

  // OR is true as soon as one is, AND false; what is not known decides nothing.
  Value joined(const Expression& one, bool decides) const {
    bool known = true;
    for (const Expression& part : one.of) {
      const Value value = of(part);
      const bool* const truth = std::get_if<bool>(&value);
      if (truth != nullptr && *truth == decides) return decides;
      known = known && truth != nullptr;
    }
    if (!known) return Undefined{};
    return !decides;
  }

  Value one_of(const Expression& one) const {
    const Value wanted = of(one.of[0]);
    bool known = true;
    for (std::size_t i = 1; i < one.of.size(); ++i) {
      const Value equal = compare(Kind::equal, wanted, of(one.of[i]));
      const bool* const truth = std::get_if<bool>(&equal);
      if (truth != nullptr && *truth) return true;
      known = known && truth != nullptr;
    }
    if (!known) return Undefined{};
    return false;
  }

  template <class T>
  static bool ordered(Kind kind, const T& a, const T& b) {
    switch (kind) {
      case Kind::equal: return a == b;
      case Kind::unequal: return a != b;
      case Kind::less: return a < b;
      case Kind::at_most: return a <= b;
      case Kind::more: return a > b;
      default: return a >= b;
    }
  }
  static Value compare(Kind kind, const Value& a, const Value& b) {  // of one type, or it makes no sense
    if (a.index() != b.index()) return Undefined{};
    const bool equality = kind == Kind::equal || kind == Kind::unequal;
    if (std::holds_alternative<Null>(a) && equality) return kind == Kind::equal;
    if (std::holds_alternative<bool>(a) && equality) return ordered(kind, std::get<bool>(a), std::get<bool>(b));
    if (const double* number = std::get_if<double>(&a)) return ordered(kind, *number, std::get<double>(b));
    if (const auto* text = std::get_if<std::string>(&a)) return ordered(kind, *text, std::get<std::string>(b));
    return Undefined{};
  }

  static Value reckon(Kind kind, const Value& left, const Value& right) {
    const double* const a = std::get_if<double>(&left);
    const double* const b = std::get_if<double>(&right);
    if (a == nullptr || b == nullptr) return Undefined{};
    double result = 0;
    switch (kind) {
      case Kind::plus: result = *a + *b; break;
      case Kind::minus: result = *a - *b; break;
      case Kind::times: result = *a * *b; break;
      case Kind::divided:
        if (*b == 0) return Undefined{};
        result = *a / *b;
        break;
      default: {  // of whole numbers only
        constexpr double exact = 9'007'199'254'740'992;
        const bool small = *a >= -exact && *a <= exact && *b >= -exact && *b <= exact;
        if (!small) return Undefined{};
        const auto whole = static_cast<std::int64_t>(*a);
        const auto by = static_cast<std::int64_t>(*b);
        if (static_cast<double>(whole) != *a || static_cast<double>(by) != *b || by == 0) return Undefined{};
        result = static_cast<double>(whole % by);
      }
    }
    constexpr double most = std::numeric_limits<double>::max();
    if (!(result >= -most && result <= most)) return Undefined{};
    return result == 0 ? 0.0 : result;  // there is one zero
  }

  Value call(const Expression& one) const {
    const std::string_view name = one.name;
    const Value first = of(one.of[0]);
    if (name == "IS_DEFINED") return !std::holds_alternative<Undefined>(first);
    if (name == "IS_NULL") return std::holds_alternative<Null>(first);
    if (name == "IS_BOOL") return std::holds_alternative<bool>(first);
    if (name == "IS_NUMBER") return std::holds_alternative<double>(first);
    if (name == "IS_STRING") return std::holds_alternative<std::string>(first);
    if (name == "AS_NUMBER" && std::holds_alternative<double>(first)) return first;
    const auto* const text = std::get_if<std::string>(&first);
    if (text == nullptr) return Undefined{};
    if (name == "AS_NUMBER") return as_number(*text);
    if (name == "LENGTH") return static_cast<double>(text->size());
    if (name == "LOWER" || name == "UPPER") {
      std::string result = *text;
      std::ranges::transform(result, result.begin(), name == "LOWER" ? lower : upper);
      return result;
    }
    if (name == "CONCAT") {
      std::string result = *text;
      for (std::size_t i = 1; i < one.of.size(); ++i) {
        const Value more = of(one.of[i]);
        const auto* const part = std::get_if<std::string>(&more);
        if (part == nullptr) return Undefined{};
        result += *part;
      }
      return result;
    }
    const Value second = of(one.of[1]);
    const auto* const other = std::get_if<std::string>(&second);
    if (other == nullptr) return Undefined{};
    if (name == "STARTS_WITH") return text->starts_with(*other);
    if (name == "ENDS_WITH") return text->ends_with(*other);
    return text->find(*other) != std::string::npos;  // CONTAINS
  }

  static Value as_number(std::string_view text) {
    const bool minus = text.starts_with('-');
    if (minus) text.remove_prefix(1);
    std::size_t size = 0;
    const auto value = number(text, size);
    if (!value || size != text.size()) return Undefined{};
    return minus && *value != 0 ? -*value : *value;
  }

  const MessageView& message_;
  const Stamps& stamps_;
};

bool asks(const Expression& one, std::string_view name) {
  return (one.kind == Kind::system && same(one.name, name)) ||
         std::ranges::any_of(one.of, [&](const Expression& inner) { return asks(inner, name); });
}

}  // namespace

std::variant<Condition, ConditionError> Condition::parse(std::string_view text) {
  return Parser{text}.parse();
}

Condition::Truth Condition::holds(const MessageView& message, const Stamps& stamps) const {
  const Value value = Evaluation{message, stamps}.of(expression_);
  const bool* const truth = std::get_if<bool>(&value);
  if (truth == nullptr) return Truth::undefined;
  return *truth ? Truth::yes : Truth::no;
}

std::string Condition::text() const {
  std::string out;
  write(out, expression_);
  return out;
}

bool Condition::asks_for(std::string_view system_name) const { return asks(expression_, system_name); }

}  // namespace hubproof::model
