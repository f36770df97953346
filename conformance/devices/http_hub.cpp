#include "conformance/devices/http_hub.hpp"

#include <algorithm>

#include "conformance/devices/script.hpp"
#include "model/http/target.hpp"

namespace hubproof::conformance::devices {
namespace {

using model::Bytes;
using model::View;

constexpr std::size_t of_chunk = 5;  // bytes

// What is asked for, and the lock token of a settling.
Asked::What what_of(const std::string& method, const model::http::Target& target, const std::string& device, std::string& lock) {
  using What = Asked::What;
  const auto& path = target.path;
  if (path.size() < 4 || path[0] != "devices" || path[1] != device || path[2] != "messages") return What::other;
  const auto is = [&](std::size_t at, std::string_view name) { return path.size() > at && model::http::same(path[at], name); };
  if (is(3, "events") && path.size() == 4) return method == "POST" ? What::telemetry : What::other;
  if (!is(3, "devicebound")) return What::other;
  if (path.size() == 4) return method == "GET" ? What::receive : What::other;
  lock = path[4];
  if (path.size() == 5 && method == "DELETE") return target.asked("reject") != nullptr ? What::reject : What::complete;
  if (path.size() == 6 && method == "POST" && is(5, "abandon")) return What::abandon;
  return What::other;
}

void append(Bytes& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

}  // namespace

void HttpHub::received(LinkId link, View bytes) {
  const auto found = connections_.find(link);
  if (found == connections_.end() || found->second.deaf) return;
  Connection& c = found->second;
  c.requests.feed(bytes);
  while (const model::http::Request* request = c.requests.next()) take(link, *request);
  if (c.requests.wants_continue()) {
    const View go_on = model::view(model::http::go_on);
    stage_.send_bare(link, {go_on.begin(), go_on.end()}, "100 Continue");
  }
  if (!c.requests.refused()) return;
  c.deaf = true;
  stage_.note("device " + std::to_string(static_cast<std::uint32_t>(link)) + ": no request   " + hex_text(bytes));
  stage_.fail("HTTP-01", std::string{"what comes is no request of HTTP/1.1: "} + c.requests.refused()->what);
}

void HttpHub::take(LinkId link, const model::http::Request& request) {
  Heard heard;
  heard.kind = Heard::Kind::request;
  heard.link = link;
  Asked& asked = heard.asked;
  asked.serial = ++serials_;
  asked.method = request.method;
  asked.target = request.target;
  for (const model::http::Field& field : request.fields) asked.fields.emplace_back(field.name, field.value);
  asked.body.assign(request.body.begin(), request.body.end());
  std::string text = "device " + std::to_string(static_cast<std::uint32_t>(link)) + ": " + asked.method + " " + asked.target;
  for (const auto& [name, value] : asked.fields) text += ", " + name + ": " + value;
  stage_.note(text + ", body of " + std::to_string(asked.body.size()) + " bytes   " + hex_text(asked.body));
  const auto target = model::http::read_target(asked.target);
  const std::string device = script::client_id(stage_);
  if (target) asked.what = what_of(asked.method, *target, device, asked.lock);
  const bool versioned = target && target->asked("api-version") != nullptr && !target->asked("api-version")->empty();
  if (versioned && asked.field("authorization"))
    stage_.pass("HTTP-01");
  else
    stage_.fail("HTTP-01", versioned ? "a request shows no token in Authorization" : "a request has no api-version in its query");
  connections_[link].pending.push_back({asked.serial, {}});
  const std::string body{model::text(asked.body)};
  std::optional<Answer> own;
  switch (asked.what) {
    case Asked::What::telemetry:
      if (manners.telemetry) own = Answer{};
      break;
    case Asked::What::receive:
      if (manners.receives) own = Answer{};
      break;
    case Asked::What::complete:
    case Asked::What::reject:
    case Asked::What::abandon:
      if (manners.settles) own = Answer{};
      break;
    case Asked::What::other:
      stage_.fail("HTTP-02", asked.method + " " + asked.target + " is nothing that a device asks for");
      own = Answer{.status = 404};
      break;
  }
  if (own) answer(heard, *own);
  if (own && asked.what == Asked::What::receive) return;  // nothing that a case waits for
  stage_.heard(std::move(heard));
}

void HttpHub::answer(const Heard& request, const Answer& answer) {
  const auto found = connections_.find(request.link);
  if (found == connections_.end()) return;
  for (Pending& one : found->second.pending)
    if (one.serial == request.asked.serial) one.answer = answer;
  if (request.asked.what == Asked::What::telemetry && answer.status < 300) ++accepted_[std::string{model::text(request.asked.body)}];
  flush(request.link);
}

void HttpHub::flush(LinkId link) {
  for (;;) {
    const auto found = connections_.find(link);
    if (found == connections_.end() || found->second.pending.empty() || !found->second.pending.front().answer) return;
    const Answer next = std::move(*found->second.pending.front().answer);
    found->second.pending.pop_front();
    write(link, next);
    if (next.last) return stage_.close(link);
  }
}

void HttpHub::write(LinkId link, const Answer& answer) {
  Bytes out;
  if (answer.waits) append(out, model::http::go_on);
  if (answer.chunked) {
    append(out, "HTTP/1.1 " + std::to_string(answer.status) + " Fine\r\nTransfer-Encoding: chunked\r\n");
    for (const auto& [name, value] : answer.fields) append(out, name + ": " + value + "\r\n");
    append(out, "\r\n");
    for (std::size_t from = 0; from < answer.body.size(); from += of_chunk) {
      const std::string chunk = answer.body.substr(from, of_chunk);
      append(out, std::to_string(chunk.size()) + "\r\n" + chunk + "\r\n");  // fewer than ten
    }
    append(out, "0\r\n\r\n");
  } else {
    model::http::Response response;
    response.status = answer.status;
    for (const auto& [name, value] : answer.fields) response.fields.push_back({name, value});
    response.body = model::view(answer.body);
    response.keep_alive = !answer.last;
    model::http::write(out, response);
  }
  std::string what = std::to_string(answer.status);
  for (const auto& [name, value] : answer.fields) what += ", " + name + ": " + value;
  if (answer.last) what += ", and the end of the connection";
  const std::size_t most = manners.bytes_of_write == 0 ? out.size() : manners.bytes_of_write;
  for (std::size_t from = 0; from < out.size(); from += most) {
    const auto begin = out.begin() + static_cast<std::ptrdiff_t>(from);
    stage_.send_bare(link, {begin, out.begin() + static_cast<std::ptrdiff_t>(std::min(from + most, out.size()))},
                     from == 0 ? what : "what follows of it");
  }
}

int HttpHub::accepted(std::string_view body) const {
  const auto found = accepted_.find(body);
  return found == accepted_.end() ? 0 : found->second;
}

}  // namespace hubproof::conformance::devices
