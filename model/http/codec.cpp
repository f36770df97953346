#include "model/http/codec.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <limits>
#include <string>
#include <type_traits>

namespace hubproof::model::http {
namespace {

namespace beast = boost::beast::http;
using ErrorCode = boost::beast::error_code;

std::string_view text_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// RFC 7230, section 3.2.6.
constexpr std::array<bool, 256> token_characters = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view{"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

constexpr bool control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

// Beast's parser calls these as it goes through one message. It reads from a buffer that moves, so
// what it shows is copied.
template <bool is_request>
class Parser final : public beast::basic_parser<is_request> {
 public:
  using Message = std::conditional_t<is_request, Request, Response>;

  explicit Parser(const Limits& limits) {
    this->header_limit(std::numeric_limits<std::uint32_t>::max());  // seen to before it comes here
    this->body_limit(limits.body);
    this->eager(true);
  }

  unsigned version = 11;
  unsigned status = 0;
  bool expects = false;       // Expect: 100-continue
  bool expects_more = false;  // Expect: something else
  bool odd_coding = false;    // a transfer coding other than chunked
  std::uint32_t hosts = 0;
  std::uint64_t chunk_left = 0;  // bytes of this chunk that are still to come

  void fill(Message& message) const {
    std::size_t at = 0;
    const auto next = [&](std::size_t size) {
      const std::string_view part = std::string_view{texts_}.substr(at, size);
      at += size;
      return part;
    };
    if constexpr (is_request) {
      message.method = next(method_);
      message.target = next(target_);
    } else {
      message.status = status;
    }
    message.fields.clear();
    for (const Sizes& field : fields_) {
      const std::string_view name = next(field.name);
      message.fields.push_back({name, next(field.value)});
    }
    message.body = body_;
    message.keep_alive = this->keep_alive();
  }

 private:
  using View = boost::beast::string_view;
  struct Sizes {
    std::uint32_t name;
    std::uint32_t value;
  };

  void on_request_impl(beast::verb, View method, View target, int of, ErrorCode&) override {
    version = static_cast<unsigned>(of);
    method_ = method.size();
    target_ = target.size();
    texts_.append(method.data(), method.size()).append(target.data(), target.size());
  }
  void on_response_impl(int code, View, int of, ErrorCode&) override {
    version = static_cast<unsigned>(of);
    status = static_cast<unsigned>(code);
  }
  void on_field_impl(beast::field known, View name, View value, ErrorCode&) override {
    if (header_done_) return;  // a trailer: nothing that it could say is of use here
    if (known == beast::field::host) ++hosts;
    if (known == beast::field::expect) {
      const bool go = same(text_of(value), "100-continue");
      expects = expects || go;
      expects_more = expects_more || !go;
    }
    if (known == beast::field::transfer_encoding && !same(text_of(value), "chunked"))
      odd_coding = true;
    fields_.push_back(
        {static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size())});
    texts_.append(name.data(), name.size()).append(value.data(), value.size());
  }
  void on_header_impl(ErrorCode&) override { header_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode&) override {
    if (length) body_.reserve(static_cast<std::size_t>(*length));
  }
  std::size_t on_body_impl(View part, ErrorCode&) override {
    body_.insert(body_.end(), part.begin(), part.end());
    return part.size();
  }
  void on_chunk_header_impl(std::uint64_t size, View, ErrorCode&) override { chunk_left = size; }
  std::size_t on_chunk_body_impl(std::uint64_t, View part, ErrorCode& error) override {
    chunk_left -= part.size();
    return on_body_impl(part, error);
  }
  void on_finish_impl(ErrorCode&) override {}

  std::string texts_;  // method, target, then name and value of each field
  std::size_t method_ = 0;
  std::size_t target_ = 0;
  std::vector<Sizes> fields_;
  Bytes body_;
  bool header_done_ = false;
};

constexpr std::size_t warm = 1024;  // a buffer is kept up to this size

bool digit(char c) { return c >= '0' && c <= '9'; }

// Is this the first line of a request in some version of HTTP?
bool of_other_version(std::string_view line) {
  const std::size_t at = line.rfind(" HTTP/");
  if (at == std::string_view::npos) return false;
  const std::string_view version = line.substr(at + 6);
  return version.size() == 3 && digit(version[0]) && version[1] == '.' && digit(version[2]) &&
         version != "1.0" && version != "1.1";
}

}  // namespace

// ---- Values.

bool same(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

std::optional<std::string_view> Message::field(std::string_view name) const {
  for (const Field& each : fields)
    if (same(each.name, name)) return each.value;
  return std::nullopt;
}

bool legal_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return token_characters[static_cast<unsigned char>(c)];
  });
}

bool legal_value(std::string_view value) {
  const auto white = [](char c) { return c == ' ' || c == '\t'; };
  return value.empty() ||
         (!white(value.front()) && !white(value.back()) && std::ranges::none_of(value, control));
}

// ---- Reading.

template <class Message>
struct Decoder<Message>::Parts {
  static constexpr bool is_request = std::is_same_v<Message, Request>;

  explicit Parts(const Limits& the_limits) : limits{the_limits} {}

  Limits limits;
  Bytes held;  // bytes that were fed; those before `at` are read
  std::size_t at = 0;
  std::size_t looked =
      0;  // of those after `at`: no end of a header is in them; or the lines around a chunk
  std::optional<Parser<is_request>> parser;
  bool encouraged = false;
  bool whole = false;  // `message` was given: its parser goes with the next call
  std::optional<Refused> refused;
  Message message;

  std::size_t left() const { return held.size() - at; }
  void refuse(unsigned status, const char* what) { refused = Refused{status, what}; }

  // Empty lines before a request are passed over (RFC 7230, section 3.5). False: nothing has begun.
  bool begin() {
    while (is_request && left() > 0 && (held[at] == '\r' || held[at] == '\n')) {
      if (held[at] == '\r' && left() < 2) return false;
      if (held[at] == '\n' || held[at + 1] != '\n') {
        refuse(400, "a line that does not end with CR LF");
        return false;
      }
      at += 2;
    }
    if (left() == 0) {
      at = 0;
      if (held.capacity() > warm)
        Bytes{}.swap(held);
      else
        held.clear();
      return false;
    }
    parser.emplace(limits);
    looked = 0;
    encouraged = false;
    return true;
  }

  // Gives Beast `size` bytes; false when they are refused.
  bool put(std::size_t size) {
    ErrorCode error;
    const std::size_t taken = parser->put(boost::asio::buffer(held.data() + at, size), error);
    if (error && error != beast::error::need_more) return object(error), false;
    at += taken;
    return true;
  }

  void object(const ErrorCode& error) {
    if (error == beast::error::body_limit) return refuse(413, "a body that is larger than allowed");
    const std::string_view all = text(View{held}.subspan(at));
    if (error == beast::error::bad_version && of_other_version(all.substr(0, all.find("\r\n"))))
      return refuse(505, "a version other than HTTP/1.0 and 1.1");
    if (error == beast::error::bad_content_length ||
        error == beast::error::multiple_content_length ||
        error == beast::error::bad_transfer_encoding)
      return refuse(400, "a length that says two things, or nothing");
    if (error == beast::error::bad_chunk || error == beast::error::bad_chunk_extension)
      return refuse(400, "a chunk that is no chunk");
    refuse(400, "not an HTTP message");
  }

  // A header is read as a whole and apart from what follows it: what is wrong with it, and when
  // that shows, does not hang on how it was cut up. True: it has been read.
  bool read_header() {
    const char* const begin = reinterpret_cast<const char*>(held.data() + at);
    std::size_t end = 0;
    const std::size_t most = std::min<std::size_t>(left(), limits.header);
    for (; looked < most && end == 0; ++looked) {
      if (begin[looked] != '\n') continue;
      if (looked == 0 || begin[looked - 1] != '\r') {
        refuse(400, "a line that does not end with CR LF");
        return false;
      }
      if (looked >= 3 && begin[looked - 2] == '\n') end = looked + 1;
    }
    if (end == 0 && left() > limits.header) {
      refuse(431, "a header that is larger than allowed");
      return false;
    }
    if (end == 0) return false;
    looked = 0;
    const std::size_t next = at + end;
    while (!parser->is_header_done()) {
      const std::size_t before = at;
      if (!put(next - at)) return false;
      if (at == before) break;
    }
    if (!parser->is_header_done() || at != next) {
      refuse(400, "not an HTTP message");
      return false;
    }
    if (parser->odd_coding) refuse(501, "a transfer coding other than chunked");
    if constexpr (is_request) {
      if (parser->version == 11 && parser->hosts != 1) refuse(400, "not exactly one Host field");
      if (parser->expects_more) refuse(417, "an expectation other than 100-continue");
    }
    return !refused;
  }

  // Around the data of a chunk Beast is shown line by line, so that the same bytes are within the
  // limit however they come. It takes for granted that what follows the last chunk's first line has at least
  // two bytes: a line feed alone is an assertion of its own that fails, and the end of the process.
  bool read_chunks() {
    while (!parser->is_done()) {
      if (parser->chunk_left > 0) {
        if (left() == 0) return false;
        looked = 0;
        if (!put(static_cast<std::size_t>(std::min<std::uint64_t>(parser->chunk_left, left()))))
          return false;
        continue;
      }
      const auto from = held.begin() + static_cast<std::ptrdiff_t>(at + looked);
      const auto line_end = std::find(from, held.end(), std::uint8_t{'\n'});
      looked =
          static_cast<std::size_t>(line_end - held.begin()) - at + (line_end != held.end() ? 1 : 0);
      if (looked > limits.header) {
        refuse(431, "lines around a chunk that are longer than allowed");
        return false;
      }
      if (line_end == held.end()) return false;
      if (looked < 2 || *(line_end - 1) != '\r') {
        refuse(400, "a line that does not end with CR LF");
        return false;
      }
      const std::size_t before = at;
      if (!put(looked)) return false;
      looked -= at - before;
    }
    return true;
  }

  bool read_body() {
    if (parser->chunked()) return read_chunks();
    while (!parser->is_done() && left() > 0) {
      const std::size_t before = at;
      if (!put(left())) return false;
      if (at == before) break;
    }
    return parser->is_done();
  }

  const Message* give() {
    whole = true;
    parser->fill(message);
    return &message;
  }
};

template <class Message>
Decoder<Message>::Decoder(Limits limits) : parts_{std::make_unique<Parts>(limits)} {}
template <class Message>
Decoder<Message>::~Decoder() = default;
template <class Message>
Decoder<Message>::Decoder(Decoder&&) noexcept = default;
template <class Message>
Decoder<Message>& Decoder<Message>::operator=(Decoder&&) noexcept = default;

template <class Message>
void Decoder<Message>::feed(View bytes) {
  Parts& p = *parts_;
  if (p.refused) return;
  if (p.at > 0) p.held.erase(p.held.begin(), p.held.begin() + static_cast<std::ptrdiff_t>(p.at));
  p.at = 0;
  p.held.insert(p.held.end(), bytes.begin(), bytes.end());
}

template <class Message>
const Message* Decoder<Message>::next() {
  Parts& p = *parts_;
  if (p.refused) return nullptr;
  if (p.whole) p.parser.reset();
  p.whole = false;
  if (!p.parser && !p.begin()) return nullptr;
  if (!p.parser->is_header_done() && !p.read_header()) return nullptr;
  if (!p.parser->is_done() && !p.read_body()) return nullptr;
  return p.give();
}

template <class Message>
const std::optional<Refused>& Decoder<Message>::refused() const {
  return parts_->refused;
}

template <class Message>
bool Decoder<Message>::wants_continue() {
  Parts& p = *parts_;
  if (p.refused || p.whole || !p.parser || p.encouraged || !p.parser->expects) return false;
  p.encouraged = p.parser->is_header_done() && p.parser->version == 11;
  return p.encouraged;
}

template <class Message>
bool Decoder<Message>::finish() {
  Parts& p = *parts_;
  if (p.refused || p.whole || !p.parser || !p.parser->is_header_done() || !p.parser->need_eof())
    return false;
  ErrorCode error;
  p.parser->put_eof(error);
  return !error;
}

template <class Message>
View Decoder<Message>::rest() const {
  return View{parts_->held}.subspan(parts_->at);
}

template <class Message>
bool Decoder<Message>::idle() const {
  return parts_->left() == 0 && (!parts_->parser || parts_->whole);
}

template class Decoder<Request>;
template class Decoder<Response>;

// ---- Writing. A start line and some fields in a row need nobody's help.

namespace {

class Lines {
 public:
  explicit Lines(Bytes& out) : out_{&out} {}
  Lines& operator<<(std::string_view part) {
    out_->insert(out_->end(), part.begin(), part.end());
    return *this;
  }
  Lines& operator<<(std::uint64_t number) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return *this << std::string_view{digits.data(), end};
  }

 private:
  Bytes* out_;
};

void write_fields(Lines& lines, const Message& message) {
  for (const Field& field : message.fields) lines << field.name << ": " << field.value << "\r\n";
}

}  // namespace

void write(Bytes& out, const Request& request) {
  Lines lines{out};
  lines << request.method << " " << request.target << " HTTP/1.1\r\n";
  write_fields(lines, request);
  const bool says_nothing =
      request.method == "GET" || request.method == "DELETE" || request.method == "HEAD";
  if (!request.body.empty() || !says_nothing)
    lines << "Content-Length: " << request.body.size() << "\r\n";
  lines << (request.keep_alive ? "\r\n" : "Connection: close\r\n\r\n") << text(request.body);
}

void write(Bytes& out, const Response& response, bool to_head) {
  Lines lines{out};
  const auto reason = beast::obsolete_reason(static_cast<beast::status>(response.status));
  lines << "HTTP/1.1 " << response.status << " " << text_of(reason) << "\r\n";
  write_fields(lines, response);
  if (response.status >= 200 && response.status != 204 && response.status != 304)
    lines << "Content-Length: " << response.body.size() << "\r\n";
  lines << (response.keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
  if (!to_head) lines << text(response.body);
}

}  // namespace hubproof::model::http
