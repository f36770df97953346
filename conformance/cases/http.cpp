#include "conformance/cases/http.hpp"

#include "model/http/target.hpp"

namespace hubproof::conformance::cases {

const std::string* Answer::field(std::string_view name) const {
  for (const auto& [known, value] : fields)
    if (model::http::same(known, name)) return &value;
  return nullptr;
}

void Http::as(Who who) { token_ = stage_.identity(who).password; }

void Http::as_policy(std::string_view name) {
  const Identity* policy = stage_.target().policy(name);
  token_ = policy == nullptr ? std::string{} : policy->password;
}

void Http::open() {
  if (client_ != Client::none && !stage_.is_over(client_)) return;
  client_ = stage_.connect(Door::http);
  decoder_ = model::http::ResponseDecoder{};
}

void Http::ask(std::string_view method, std::string_view path, const std::vector<model::http::Field>& fields,
               View body) {
  open();
  std::string target{path};
  if (target.find("api-version") == std::string::npos)
    target += (target.find('?') == std::string::npos ? "?" : "&") + std::string{"api-version=2021-04-12"};
  model::http::Request request;
  request.method = method;
  request.target = target;
  request.fields.push_back({"Host", stage_.target().host});
  if (!token_.empty()) request.fields.push_back({"Authorization", token_});
  request.fields.insert(request.fields.end(), fields.begin(), fields.end());
  request.body = body;
  Bytes bytes;
  model::http::write(bytes, request);
  asked_ = stage_.now();
  stage_.send(client_, stage_.keep(std::move(bytes)));
}

void Http::send_raw(View bytes) {
  open();
  asked_ = stage_.now();
  stage_.send(client_, bytes);
}

Task<const Answer*> Http::answer() {
  for (;;) {
    const model::http::Response* response = decoder_.next();
    if (response != nullptr) {
      Answer& answer = answers_.emplace_back();
      answer.status = response->status;
      for (const model::http::Field& field : response->fields) answer.fields.emplace_back(field.name, field.value);
      answer.body = model::text(response->body);
      stage_.measured(stage_.now() - asked_);
      co_return &answer;
    }
    if (decoder_.refused()) {
      stage_.note(std::string{"what came is no HTTP: "} + decoder_.refused()->what);
      co_return nullptr;
    }
    const View bytes = co_await stage_.bytes(client_, 1);
    if (bytes.empty()) co_return nullptr;
    decoder_.feed(bytes);
    stage_.read(client_, bytes.size());
  }
}

void Http::hang_up() {
  if (client_ != Client::none) stage_.close(client_);
}

std::string Http::found(const Answer* answer) const {
  if (answer == nullptr) return stage_.found(client_);
  std::string text = "status " + std::to_string(answer->status);
  if (!answer->body.empty()) text += ": " + answer->body.substr(0, 160);
  return text;
}

bool Http::expect(const Answer* answer, unsigned status, std::string_view what, std::string_view clauses) {
  return stage_.expect(answer != nullptr && answer->status == status,
                       "status " + std::to_string(status) + " for " + std::string{what}, found(answer), clauses);
}

std::string_view device_path(Stage& stage, std::string_view device, std::string_view rest) {
  std::string path = "/devices/";
  model::http::write_level(path, device);
  return stage.keep(path.append(rest));
}

std::string_view etag_of(Stage& stage, const Answer* answer) {
  const std::string* etag = answer == nullptr ? nullptr : answer->field("etag");
  if (etag == nullptr) return {};
  std::string_view text = *etag;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return stage.keep(std::string{text});
}

}  // namespace hubproof::conformance::cases
