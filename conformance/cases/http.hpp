// Requests of a script, on the bytes of a stage: one connection that is opened again when it is over.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conformance/cases/stage.hpp"
#include "model/http/codec.hpp"

namespace hubproof::conformance::cases {

struct Answer {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;

  const std::string* field(std::string_view name) const;  // names have no case; null: it is not there
};

class Http {
 public:
  explicit Http(Stage& stage) : stage_{stage} {}

  // Who asks from now on: a device, a policy, whoever has this token, or nobody. Where the target's keys
  // are not known, no token is sent.
  void as(Who who);
  void as_policy(std::string_view name);
  void as_bearer(std::string_view token) { token_ = token; }
  void as_nobody() { token_ = {}; }

  // A request leaves. `api-version` is added, unless the path has one.
  void ask(std::string_view method, std::string_view path, const std::vector<model::http::Field>& fields = {},
           View body = {});
  void ask(std::string_view method, std::string_view path, const std::vector<model::http::Field>& fields,
           std::string_view body) {
    ask(method, path, fields, model::view(body));
  }
  void send_raw(View bytes);
  // The next answer; null: the connection ended without one, or none came.
  Task<const Answer*> answer();
  void hang_up();

  Client client() const { return client_; }
  // What came in place of what was expected, in words.
  std::string found(const Answer* answer) const;
  // All clauses of the case, or these, hold if the answer has this status.
  bool expect(const Answer* answer, unsigned status, std::string_view what, std::string_view clauses = {});

 private:
  void open();

  Stage& stage_;
  Client client_{};
  model::http::ResponseDecoder decoder_;
  std::string token_;
  std::deque<Answer> answers_;
  Instant asked_{};
};

// /devices/ID and what follows, as a path.
std::string_view device_path(Stage& stage, std::string_view device, std::string_view rest = {});
inline std::string_view device_path(Stage& stage, Who who, std::string_view rest = {}) {
  return device_path(stage, stage.identity(who).id, rest);
}
inline constexpr std::string_view events_path = "/messages/events";
inline constexpr std::string_view bound_path = "/messages/deviceBound";

// What an ETag names, without its quotes; it lives as long as the case. Empty: there is none.
std::string_view etag_of(Stage& stage, const Answer* answer);

}  // namespace hubproof::conformance::cases
