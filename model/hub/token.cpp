#include "model/hub/token.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "model/base64.hpp"

namespace hubproof::model {
namespace {

constexpr std::string_view scheme = "SharedAccessSignature ";
constexpr std::int64_t last_second = 9'000'000'000;  // of a Date; the year 2255
constexpr std::size_t signature_size = 32;

using Signature = std::array<std::uint8_t, signature_size>;

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    if (text.size() - at < 3) return std::nullopt;
    const auto high = hex_digit(text[at + 1]);
    const auto low = hex_digit(text[at + 2]);
    if (!high || !low) return std::nullopt;
    decoded += static_cast<char>(*high << 4 | *low);
    at += 2;
  }
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain = "-_.~";
  std::string encoded;
  for (const char c : text) {
    const bool stays = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       plain.find(c) != plain.npos;
    if (stays) {
      encoded += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

std::optional<Date> read_seconds(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    seconds = std::min(10 * seconds + (c - '0'), last_second);
  }
  return Date{std::chrono::seconds{seconds}};
}

std::optional<Bytes> key_bytes(std::string_view key, KeyForm form) {
  if (form == KeyForm::text) return Bytes(key.begin(), key.end());
  return from_base64(key);
}

std::optional<Signature> sign(std::string_view text, std::string_view key, KeyForm form) {
  const auto bytes = key_bytes(key, form);
  if (!bytes || bytes->empty()) return std::nullopt;
  Signature signature;
  unsigned size = 0;
  const View data = view(text);
  const auto* made = ::HMAC(EVP_sha256(), bytes->data(), static_cast<int>(bytes->size()), data.data(),
                            data.size(), signature.data(), &size);
  if (made == nullptr || size != signature_size) return std::nullopt;
  return signature;
}

}  // namespace

std::optional<Token> read_token(std::string_view text) {
  if (!text.starts_with(scheme)) return std::nullopt;
  text.remove_prefix(scheme.size());
  std::optional<std::string_view> sr, sig, se, skn;
  while (!text.empty()) {
    const std::string_view field = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
    const std::size_t equals = field.find('=');
    if (equals == field.npos) return std::nullopt;
    const std::string_view name = field.substr(0, equals);
    std::optional<std::string_view>* const place = name == "sr"    ? &sr
                                                   : name == "sig" ? &sig
                                                   : name == "se"  ? &se
                                                   : name == "skn" ? &skn
                                                                   : nullptr;
    if (place == nullptr) continue;
    if (*place) return std::nullopt;
    *place = field.substr(equals + 1);
  }
  if (!sr || !sig || !se) return std::nullopt;

  const auto expiry = read_seconds(*se);
  auto resource = percent_decoded(*sr);
  const auto signature = percent_decoded(*sig);
  auto policy = percent_decoded(skn.value_or(""));
  if (!expiry || !resource || !signature || !policy) return std::nullopt;
  auto bytes = from_base64(*signature);
  if (!bytes || bytes->size() != signature_size) return std::nullopt;

  Token token;
  token.signed_text = std::string{*sr} + "\n" + std::string{*se};
  token.expiry = *expiry;
  token.policy = std::move(*policy);
  token.signature = std::move(*bytes);
  std::string_view path = *resource;
  if (const std::size_t colon = path.find("://"); colon != path.npos) path.remove_prefix(colon + 3);
  token.host = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(token.host.size() + 1, path.size()));
  while (path.ends_with('/')) path.remove_suffix(1);
  token.scope = path;
  if (token.host.empty()) return std::nullopt;
  return token;
}

bool signed_by(const Token& token, std::string_view key, KeyForm form) {
  const auto signature = sign(token.signed_text, key, form);
  return signature && token.signature.size() == signature_size &&
         ::CRYPTO_memcmp(signature->data(), token.signature.data(), signature_size) == 0;
}

std::string make_token(std::string_view resource, std::string_view key, KeyForm form, Date expiry,
                       std::string_view policy) {
  return make_encoded_token(percent_encoded(resource), key, form, expiry, policy);
}

std::string make_encoded_token(std::string_view resource, std::string_view key, KeyForm form, Date expiry,
                               std::string_view policy) {
  const std::string sr{resource};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(expiry).time_since_epoch().count();
  const std::string se = std::to_string(std::max<std::int64_t>(seconds, 0));
  const auto signature = sign(sr + "\n" + se, key, form);
  const std::string sig = signature ? percent_encoded(to_base64(*signature)) : std::string{};
  std::string token = std::string{scheme} + "sr=" + sr + "&sig=" + sig + "&se=" + se;
  if (!policy.empty()) token += "&skn=" + percent_encoded(policy);
  return token;
}

std::uint64_t key_digest(std::string_view key) {
  const auto signature = sign("the name of a key", key, KeyForm::text);
  return signature ? load_big<8>(signature->data()) : 0;
}

void name_keys(Event& event, const Credentials& credentials) {
  if (credentials.type != CredentialType::sas) return;
  event.token = credentials.primary.empty() ? 0 : key_digest(credentials.primary);
  event.sequence = credentials.secondary.empty() ? 0 : key_digest(credentials.secondary);
}

std::uint64_t scope_digest(std::string_view device) {
  return hash(view("devices/" + std::string{device}));
}

bool is_key(std::string_view text) {
  const auto bytes = from_base64(text);
  return bytes && bytes->size() >= 16 && bytes->size() <= 64;
}

}  // namespace hubproof::model
