#include "model/hub/gate.hpp"

#include <algorithm>
#include <array>

#include "model/hub/token.hpp"

namespace hubproof::model {
namespace {

constexpr std::string_view devices = "devices/";

// The device that a path is about; empty: none.
std::string_view device_in(std::string_view path) {
  if (!path.starts_with(devices)) return {};
  path.remove_prefix(devices.size());
  return path.substr(0, path.find('/'));
}

bool has(std::uint8_t rights, Right right) {
  return (rights & static_cast<std::uint8_t>(right)) != 0;
}

bool same_hex(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; };
  return !a.empty() && std::ranges::equal(a, b, {}, lower, lower);
}

using Pair = std::array<std::string_view, 2>;

// The key among these that signed the token; empty: none of them did.
template <class Keys>
std::string_view signer(const Token& token, const Keys& keys, KeyForm form, bool compares) {
  for (const std::string_view key : keys) {
    if (key.empty()) continue;
    if (!compares || signed_by(token, key, form)) return key;
  }
  return {};
}

}  // namespace

Error Gate::check_device(DeviceIndex device) const {
  if (device == DeviceIndex::none || !hub_->device(device).exists) return Error::device_not_found;
  return hub_->device(device).enabled ? Error::none : Error::disabled;
}

std::variant<Grant, Error> Gate::read(Now now, std::string_view text, KeyForm form) const {
  Grant grant;
  if (open()) {
    grant.rights = 0xff;
    return grant;
  }
  const auto token = read_token(text);
  if (!token || rules_->token_ended(now.wall, token->expiry, rules_->sas_grace))
    return Error::unauthorized;

  std::string_view key;
  const bool compares = rules_->compares_signature;
  if (!token->policy.empty()) {
    const auto policy = std::ranges::find(hub_->policies(), token->policy, &Policy::name);
    if (policy == hub_->policies().end()) return Error::unauthorized;
    key = signer(*token, Pair{policy->primary, policy->secondary}, form, compares);
    grant.rights = policy->rights;
  } else {
    grant.device = hub_->find(device_in(token->scope));
    if (grant.device == DeviceIndex::none || !rules_->device_sas) return Error::unauthorized;
    const Identity* const identity = hub_->identity(grant.device);
    if (!identity || !identity->credentials ||
        identity->credentials->type != CredentialType::sas)  // [SEC-20]
      return Error::unauthorized;
    const Credentials& own = *identity->credentials;
    key = signer(*token, Pair{own.primary, own.secondary}, form, compares);  // [SEC-09]
    if (key.empty()) key = signer(*token, identity->undead, form, compares);
    grant.generation = hub_->device(grant.device).generation;
    grant.rights = static_cast<std::uint8_t>(Right::device_connect);  // [SEC-08]
  }
  if (key.empty()) return Error::unauthorized;
  grant.policy = token->policy;
  grant.scope = token->scope;
  grant.until = token->expiry;
  grant.key = key_digest(key);
  return grant;
}

Error Gate::use(Grant& grant, std::string_view resource, Right need) const {
  const bool covered = rules_->covers(grant.scope, resource) ||
                       (grant.policy.empty() && !rules_->tokens_are_their_devices);
  if (!has(grant.rights, need) || !covered) return Error::unauthorized;  // [SEC-12]
  if (need != Right::device_connect) return Error::none;
  const DeviceIndex device = hub_->find(device_in(resource));
  if (const Error error = check_device(device); error != Error::none) return error;  // [SEC-13]
  grant.device = device;
  grant.generation = hub_->device(device).generation;
  return Error::none;
}

std::variant<Grant, Error> Gate::allow(Now now, std::string_view token, std::string_view resource,
                                       Right need, KeyForm form) const {
  auto read_in = read(now, token, form);
  Grant* const grant = std::get_if<Grant>(&read_in);
  if (grant == nullptr) return read_in;
  if (const Error error = use(*grant, resource, need); error != Error::none) return error;
  return read_in;
}

std::variant<Grant, Error> Gate::allow(Now, const ClientCertificate& certificate,
                                       std::string_view name) const {
  Grant grant;
  grant.device = hub_->find(name);
  grant.rights = static_cast<std::uint8_t>(Right::device_connect);
  grant.scope = std::string{devices} + std::string{name};
  if (!open()) {
    if (grant.device == DeviceIndex::none) return Error::unauthorized;
    const Identity* const identity = hub_->identity(grant.device);
    if (!identity || !identity->credentials) return Error::unauthorized;
    const Credentials& own = *identity->credentials;
    const auto shown = [&](const std::string& thumbprint) {
      return same_hex(thumbprint, certificate.sha256) || same_hex(thumbprint, certificate.sha1);
    };
    const bool fits = own.type == CredentialType::self_signed
                          ? shown(own.primary) || shown(own.secondary)
                          : own.type == CredentialType::authority && certificate.authority &&
                                certificate.common_name == name;
    if (!fits) return Error::unauthorized;
  }
  if (const Error error = check_device(grant.device); error != Error::none) return error;
  grant.generation = hub_->device(grant.device).generation;
  return grant;
}

std::optional<Error> Gate::ended(Now now, const Grant& grant) const {
  if (grant.device != DeviceIndex::none) {
    if (const Error error = check_device(grant.device); error != Error::none) return error;
    if (hub_->device(grant.device).generation != grant.generation) return Error::device_not_found;
  }
  if (open()) return std::nullopt;
  if (const auto at = expires(grant);
      at && rules_->token_ended(now.wall, grant.until, rules_->sas_grace_live))
    return Error::unauthorized;
  if (!rules_->cuts_rotated || grant.key == 0) return std::nullopt;
  const auto is = [&](const std::string& key) { return key_digest(key) == grant.key; };
  bool known = false;
  if (!grant.policy.empty()) {
    const auto policy = std::ranges::find(hub_->policies(), grant.policy, &Policy::name);
    known = policy != hub_->policies().end() && (is(policy->primary) || is(policy->secondary));
  } else if (const Identity* const identity = hub_->identity(grant.device);
             identity && identity->credentials) {
    const Credentials& own = *identity->credentials;
    known = own.type == CredentialType::sas && (is(own.primary) || is(own.secondary) ||
                                                std::ranges::any_of(identity->undead, is));
  }
  return known ? std::nullopt : std::optional{Error::unauthorized};
}

std::optional<Date> Gate::expires(const Grant& grant) const {
  if (open() || !rules_->cuts_expired || grant.until >= Grant::forever) return std::nullopt;
  return grant.until + rules_->sas_grace_live;
}

}  // namespace hubproof::model
