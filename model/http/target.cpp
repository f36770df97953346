#include "model/http/target.hpp"

#include "model/http/packet.hpp"
#include "model/utf8.hpp"

namespace hubproof::model::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (utf8(plain) != Utf8::good) return std::nullopt;
  return plain;
}

// Calls `take` with each part between separators; false: it said so once.
template <class F>
bool split(std::string_view text, char separator, F take) {
  for (;;) {
    const std::size_t end = text.find(separator);
    if (!take(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

std::string_view without_host(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!same(target.substr(0, scheme.size()), scheme)) continue;
    const std::size_t path = target.find_first_of("/?", scheme.size());
    return path == std::string_view::npos ? std::string_view{"/"} : target.substr(path);
  }
  return target;
}

}  // namespace

const std::string* Target::asked(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return &value;
  return nullptr;
}

std::optional<Target> read_target(std::string_view whole) {
  const std::string_view text = without_host(whole);
  const bool only_host = text.size() < whole.size() && text.starts_with('?');  // and no path at all
  if (!text.starts_with('/') && !only_host) return std::nullopt;
  Target target;
  const std::size_t mark = text.find('?');
  const bool path =
      split(text.substr(0, mark).substr(only_host ? 0 : 1), '/', [&](std::string_view level) {
        auto plain = decoded(level);
        if (plain) target.path.push_back(std::move(*plain));
        return plain.has_value();
      });
  if (!path) return std::nullopt;
  if (mark == std::string_view::npos) return target;
  const bool query = split(text.substr(mark + 1), '&', [&](std::string_view pair) {
    if (pair.empty()) return true;
    const std::size_t equals = pair.find('=');
    auto name = decoded(pair.substr(0, equals));
    auto value =
        decoded(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1));
    if (name && value) target.query.emplace_back(std::move(*name), std::move(*value));
    return name && value;
  });
  if (!query) return std::nullopt;
  return target;
}

void write_level(std::string& path, std::string_view level) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()";
  constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : level) {
    if (plain.find(c) != std::string_view::npos) {
      path += c;
      continue;
    }
    path += '%';
    path += digits[static_cast<unsigned char>(c) >> 4];
    path += digits[static_cast<unsigned char>(c) & 15];
  }
}

}  // namespace hubproof::model::http
