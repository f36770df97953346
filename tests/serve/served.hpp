// `hubproof serve` as a process, and its control door asked over HTTP.
#pragma once

#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/paths.hpp"
#include "tests/support/process.hpp"

namespace hubproof::tests {

using Json = nlohmann::json;

struct HttpAnswer {
  int status = 0;
  std::string text;
  Json json() const { return Json::parse(text, nullptr, false); }
};

inline HttpAnswer http(std::uint16_t port, const std::string& method, const std::string& target,
                       const std::string& body = {}) {
  Socket socket{port};
  socket.send(method + " " + target +
              " HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string all = socket.receive_all();
  const std::size_t end = all.find("\r\n\r\n");
  if (!all.starts_with("HTTP/1.1 ") || end == std::string::npos) return {};
  return {std::atoi(all.c_str() + 9), all.substr(end + 4)};
}

class Served {
 public:
  // Among the options: this hub asks for credentials, as it does by default.
  static constexpr const char* verifying = "(verifying)";

  explicit Served(const std::string& log, std::vector<std::string> options)
      : process_{command(std::move(options)), log} {
    ready_ = eventually([&] { return process_.out().find("listening control") != std::string::npos ||
                                     process_.ended(); }) &&
             !process_.ended();
    if (ready_) {
      mqtt_ = port("listening mqtt=127.0.0.1:");
      control_ = port("listening control=127.0.0.1:");
    } else {
      ADD_FAILURE() << "serve did not get ready: " << process_.err();
    }
  }

  // The number that stands behind a text of its output.
  std::uint16_t port(const std::string& after) const {
    const std::string out = process_.out();
    const std::size_t at = out.find(after);
    if (at == std::string::npos) return 0;
    return static_cast<std::uint16_t>(std::atoi(out.c_str() + at + after.size()));
  }

  bool ready() const { return ready_; }
  std::uint16_t mqtt() const { return mqtt_; }
  std::uint16_t control() const { return control_; }
  Process& process() { return process_; }
  HttpAnswer ask(const std::string& method, const std::string& target,
                 const std::string& body = {}) const {
    return http(control_, method, target, body);
  }

  // Everything in the log, partition after partition.
  std::vector<Json> telemetry() const {
    std::vector<Json> all;
    for (int partition = 0; partition < 4; ++partition) {
      for (std::uint64_t from = 1;;) {
        const Json answer = ask("GET", "/telemetry?limit=1000&partition=" +
                                           std::to_string(partition) +
                                           "&from=" + std::to_string(from))
                                .json();
        if (!answer.is_object() || !answer.contains("events")) {
          ADD_FAILURE() << "no telemetry: " << answer.dump();
          return all;
        }
        if (answer["events"].empty()) break;
        for (const Json& event : answer["events"]) all.push_back(event);
        from = all.back()["sequence"].get<std::uint64_t>() + 1;
      }
    }
    return all;
  }

  static std::vector<std::string> command(std::vector<std::string> options) {
    // Most tests are about something else than credentials.
    if (std::erase(options, verifying) == 0) options.insert(options.begin(), "--open");
    options.insert(options.begin(), {tests::program_file(), "serve"});
    return options;
  }

 private:
  Process process_;
  bool ready_ = false;
  std::uint16_t mqtt_ = 0;
  std::uint16_t control_ = 0;
};

// A command of mosquitto's clients as the device `id` would give it.
inline std::vector<std::string> mosquitto(const std::string& program, const std::string& id,
                                          std::uint16_t port, std::vector<std::string> more) {
  more.insert(more.begin(), {program, "-h", "127.0.0.1", "-p", std::to_string(port), "-i", id, "-u",
                             "hub/" + id + "/?api-version=2021-04-12", "-q", "1"});
  return more;
}

}  // namespace hubproof::tests
