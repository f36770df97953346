#include "tools/control.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hubproof::tools {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t longest_header = 16u << 10;
constexpr std::uint64_t longest_body = 1u << 20;
constexpr std::size_t most_ahead = 4u << 20;  // of requests sent before their turn
constexpr model::Duration longest_silence = std::chrono::seconds{120};

std::string head(int status, std::size_t length, bool keep) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text.append(reason.data(), reason.size());
  text += "\r\n";
  if (status != 204)
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(length) + "\r\n";
  if (!keep) text += "Connection: close\r\n";
  return text + "\r\n";
}

}  // namespace

struct Control::Parts {
  struct Caller {
    model::Bytes ahead;  // bytes that the parser has not taken yet
    std::optional<http::request_parser<http::string_body>> parser;
    bool waiting = false;    // a request is with the hub
    bool encouraged = false; // "100 Continue" was said
    model::Instant heard;
  };

  explicit Parts(Hooks hooks_) : hooks{std::move(hooks_)} {}

  void work(model::ConnectionId id) {
    const auto found = callers.find(id);
    if (found == callers.end() || found->second.waiting) return;
    Caller& caller = found->second;
    if (!caller.parser) {
      caller.parser.emplace();
      caller.parser->header_limit(longest_header);
      caller.parser->body_limit(longest_body);
      caller.parser->eager(true);
      caller.encouraged = false;
    }
    boost::system::error_code error;
    if (!caller.parser->is_header_done() && !read_header(id, caller)) return;
    while (!caller.ahead.empty() && !caller.parser->is_done() && !error) {
      const std::size_t taken = caller.parser->put(boost::asio::buffer(caller.ahead), error);
      caller.ahead.erase(caller.ahead.begin(),
                         caller.ahead.begin() + static_cast<std::ptrdiff_t>(taken));
      if (taken == 0) break;
    }
    if (error && error != http::error::need_more) return refuse(id, error);
    if (!caller.parser->is_done()) return encourage(id, caller);
    perform(id, caller);
  }

  // A header is read as a whole and apart from what follows it: what is wrong with it, and when that
  // shows, must not hang on how it was cut up. True: it has been read.
  bool read_header(model::ConnectionId id, Caller& caller) {
    constexpr std::string_view end_of_header = "\r\n\r\n";
    const auto end = std::ranges::search(caller.ahead, end_of_header);
    if (end.empty()) {
      if (caller.ahead.size() > longest_header) refuse(id, http::error::header_limit);
      return false;
    }
    boost::system::error_code error;
    auto left = static_cast<std::size_t>(end.end() - caller.ahead.begin());
    while (left > 0 && !caller.parser->is_header_done() && !error) {
      const std::size_t taken = caller.parser->put(boost::asio::buffer(caller.ahead.data(), left), error);
      caller.ahead.erase(caller.ahead.begin(),
                         caller.ahead.begin() + static_cast<std::ptrdiff_t>(taken));
      left -= taken;
      if (taken == 0) break;
    }
    if (caller.parser->is_header_done() && (!error || error == http::error::need_more)) {
      if (!caller.parser->chunked()) return true;
      say(id, api_error(411, "length_required", "send a Content-Length, not chunks"), false);
      return false;
    }
    refuse(id, error && error != http::error::need_more ? error
                                                        : make_error_code(http::error::partial_message));
    return false;
  }

  void refuse(model::ConnectionId id, const boost::system::error_code& error) {
    const bool large = error == http::error::header_limit || error == http::error::body_limit;
    say(id,
        large ? api_error(413, "too_large", "the request is larger than this door takes")
              : api_error(400, "bad_request", "not an HTTP/1.1 request: " + error.message()),
        false);
  }

  void encourage(model::ConnectionId id, Caller& caller) {
    if (caller.encouraged || !caller.parser->is_header_done()) return;
    if (!boost::beast::iequals(caller.parser->get()[http::field::expect], "100-continue")) return;
    caller.encouraged = true;
    hooks.send(id, model::view("HTTP/1.1 100 Continue\r\n\r\n"));
  }

  void perform(model::ConnectionId id, Caller& caller) {
    const auto message = caller.parser->release();
    caller.parser.reset();
    caller.waiting = true;
    const bool keep = message.keep_alive();
    const auto method = message.method_string();
    const auto target = message.target();
    auto request = api_request(hooks.now(), {method.data(), method.size()},
                               {target.data(), target.size()}, message.body());
    if (const ApiAnswer* answer = std::get_if<ApiAnswer>(&request)) return say(id, *answer, keep);
    if (const LabRequest* asked = std::get_if<LabRequest>(&request))
      return say(id, hooks.lab ? hooks.lab(*asked) : api_error(404, "no_such_place", "this hub is no laboratory"),
                 keep);
    const auto& asked = std::get<model::Request>(request);
    hooks.ask(asked, [this, id, keep, asked](const model::Response& response) {
      say(id, api_answer(asked, response), keep);
    });
  }

  void say(model::ConnectionId id, const ApiAnswer& answer, bool keep) {
    const auto found = callers.find(id);
    if (found == callers.end()) return;  // it did not wait for the answer
    hooks.send(id, model::view(head(answer.status, answer.body.size(), keep) + answer.body));
    found->second.waiting = false;
    found->second.heard = hooks.now().mono;
    if (!keep) {
      callers.erase(found);
      return hooks.close(id);
    }
    if (!found->second.ahead.empty()) hooks.later([this, id] { work(id); });
  }

  Hooks hooks;
  std::map<model::ConnectionId, Caller> callers;
};

Control::Control(Hooks hooks) : parts_{std::make_unique<Parts>(std::move(hooks))} {}
Control::~Control() = default;

void Control::opened(model::ConnectionId connection) {
  parts_->callers[connection].heard = parts_->hooks.now().mono;
}

void Control::received(model::ConnectionId connection, model::View bytes) {
  const auto found = parts_->callers.find(connection);
  if (found == parts_->callers.end()) return;
  Parts::Caller& caller = found->second;
  caller.heard = parts_->hooks.now().mono;
  caller.ahead.insert(caller.ahead.end(), bytes.begin(), bytes.end());
  if (caller.ahead.size() > most_ahead) {
    parts_->callers.erase(found);
    return parts_->hooks.close(connection);
  }
  parts_->work(connection);
}

void Control::ended(model::ConnectionId connection) { parts_->callers.erase(connection); }

void Control::woken() {
  const model::Instant now = parts_->hooks.now().mono;
  for (auto caller = parts_->callers.begin(); caller != parts_->callers.end();) {
    if (caller->second.waiting || now - caller->second.heard < longest_silence) {
      ++caller;
      continue;
    }
    parts_->hooks.close(caller->first);
    caller = parts_->callers.erase(caller);
  }
}

}  // namespace hubproof::tools
