#include "tools/key_book.hpp"

#include "model/base64.hpp"
#include "model/bytes.hpp"

namespace hubproof::tools {

std::string KeyBook::key(std::string_view device, std::uint32_t which, std::uint32_t version) const {
  model::Bytes bytes(32);
  std::uint64_t state = model::mix(secret_ ^ model::hash(model::view(device)));
  state = model::mix(state ^ (std::uint64_t{version} << 8 | which));
  for (std::size_t at = 0; at < bytes.size(); at += 8)
    model::store_big<8>(bytes.data() + at, state = model::mix(state + at + 1));
  return model::to_base64(bytes);
}

KeyBook::Versions KeyBook::versions(std::string_view device) const {
  const auto found = changed_.find(device);
  return found == changed_.end() ? Versions{} : found->second;
}

KeyBook::Versions& KeyBook::changed(std::string_view device) {
  const auto found = changed_.find(device);
  return found == changed_.end() ? changed_[std::string{device}] : found->second;
}

model::Credentials KeyBook::of(std::string_view device) const {
  const Versions now = versions(device);
  return {model::CredentialType::sas, key(device, 1, now.primary), key(device, 2, now.secondary)};
}

model::Credentials KeyBook::rotate(std::string_view device) {
  return {model::CredentialType::sas, key(device, 1, ++changed(device).primary), {}};
}

model::Credentials KeyBook::renew(std::string_view device) {
  Versions& now = changed(device);
  ++now.primary;
  ++now.secondary;
  return of(device);
}

void KeyBook::tell(std::string_view device) {
  Versions& now = changed(device);
  now.known = now.primary;
}

std::string KeyBook::known(std::string_view device) const {
  return key(device, 1, versions(device).known);
}

std::string KeyBook::nobodys() const { return key({}, 3, 0); }

}  // namespace hubproof::tools
