// Lines of JSON between `hubproof conform --device` and a client in C or C++; conformance/devices.md is
// the contract. Orders come on the thread that calls run(); what the client tells comes on any.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

namespace adapter {

using Json = nlohmann::json;

inline void say(const char* did, Json more = Json::object()) {
  static std::mutex mutex;
  more["did"] = did;
  const std::string line = more.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
  const std::lock_guard lock{mutex};
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

inline void fail(const Json& order, const std::string& why) { say("failed", {{"id", order.value("id", 0)}, {"why", why}}); }

inline std::string hex(const void* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    const unsigned byte = static_cast<const unsigned char*>(bytes)[i];
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}
inline std::string bytes(const std::string& hex) {
  std::string all;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) all += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return all;
}

// Which order a packet id belongs to. A client may tell of it before the call that began it is back.
class Pending {
 public:
  void began(int packet, const Json& id, const std::string& did) {
    const std::lock_guard lock{mutex_};
    const std::pair key{packet, did};
    if (const auto early = early_.find(key); early != early_.end()) {
      Json more = early->second;
      early_.erase(early);
      more["id"] = id;
      say(did.c_str(), more);
    } else {
      orders_[key] = id;
    }
  }
  void done(int packet, const std::string& did, Json more = Json::object()) {
    const std::lock_guard lock{mutex_};
    const std::pair key{packet, did};
    const auto found = orders_.find(key);
    if (found == orders_.end()) {
      early_[key] = more;
      return;
    }
    more["id"] = found->second;
    say(did.c_str(), more);
    orders_.erase(found);
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<int, std::string>, Json> orders_;
  std::map<std::pair<int, std::string>, Json> early_;
};

using Orders = std::map<std::string, std::function<void(const Json&)>>;

inline void run(const Orders& orders) {
  for (std::string line; std::getline(std::cin, line);) {
    const Json order = Json::parse(line, nullptr, false);
    if (order.is_discarded()) {  // a lone surrogate is no text for this library
      const std::size_t at = line.find("\"id\":");
      fail({{"id", at == std::string::npos ? 0 : std::atoi(line.c_str() + at + 5)}}, "a text that this adapter cannot read");
      continue;
    }
    const std::string what = order["do"];
    if (what == "quit") break;
    if (what == "echo") say("echo", {{"id", order["id"]}});
    else orders.at(what)(order);
  }
  std::fflush(stdout);
  std::_Exit(0);
}

}  // namespace adapter
