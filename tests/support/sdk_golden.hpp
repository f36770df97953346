// What the vendor's Node SDKs put on the wire or accepted there, captured once: tests/golden/sdk.json.
// A test names a vector by its id, in quotes; tests/tidy_test.cpp holds that none is forgotten.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "model/bytes.hpp"
#include "tests/support/paths.hpp"

namespace hubproof::golden {

inline model::Bytes from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  model::Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  return bytes;
}

inline const nlohmann::json& sdk() {
  static const nlohmann::json all = [] {
    std::ifstream in{std::string{tests::source_dir()} + "/tests/golden/sdk.json"};
    return nlohmann::json::parse(in);
  }();
  return all;
}

// The vector with this id out of "frames" or "http".
inline const nlohmann::json& vector(std::string_view kind, std::string_view id) {
  for (const nlohmann::json& each : sdk().at(std::string{kind}))
    if (each.at("id") == id) return each;
  static const nlohmann::json none;
  ADD_FAILURE() << "tests/golden/sdk.json has no " << id << " among its " << kind;
  return none;
}

// The bytes of a captured MQTT packet or AMQP frame.
inline model::Bytes frame(std::string_view id) {
  return from_hex(vector("frames", id).value("hex", ""));
}

// A captured HTTP request: method, target, headers (an array of pairs) and body.
inline const nlohmann::json& request(std::string_view id) { return vector("http", id); }

}  // namespace hubproof::golden
