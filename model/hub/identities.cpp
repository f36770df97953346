// The registry's own data: how devices prove who they are, ETags, and the shared access policies.
#include <algorithm>
#include <array>

#include "model/base64.hpp"
#include "model/hub/parts.hpp"
#include "model/hub/token.hpp"

namespace hubproof::model {
namespace {

constexpr std::size_t key_size = 32;
constexpr std::size_t longest_reason = 128;

struct DefaultPolicy {
  std::string_view name;
  std::uint8_t rights;
};
constexpr std::array<DefaultPolicy, 5> default_policies{{
    // [SEC-11]
    {"iothubowner", (Right::registry_read | Right::registry_write) |
                        (Right::service_connect | Right::device_connect)},
    {"service", static_cast<std::uint8_t>(Right::service_connect)},
    {"device", static_cast<std::uint8_t>(Right::device_connect)},
    {"registryRead", static_cast<std::uint8_t>(Right::registry_read)},
    {"registryReadWrite", Right::registry_read | Right::registry_write},
}};

bool is_thumbprint(std::string_view text) {  // SHA-1 or SHA-256
  return (text.size() == 40 || text.size() == 64) && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

std::string etag(std::uint32_t generation, std::uint32_t revision) {
  std::array<std::uint8_t, 8> bytes{};
  store_big<4>(bytes.data(), generation);
  store_big<4>(bytes.data() + 4, revision);
  return to_base64(bytes);
}

}  // namespace

std::string Hub::Parts::new_key() {
  std::array<std::uint8_t, key_size> bytes{};
  for (std::size_t at = 0; at < bytes.size(); at += 2)
    store_big<2>(bytes.data() + at, chance.below(ChanceSite::key, 1 << 16));
  return to_base64(bytes);
}

std::optional<Error> Hub::Parts::complete(Credentials& credentials) {
  switch (credentials.type) {
    case CredentialType::sas:
      for (std::string* key : {&credentials.primary, &credentials.secondary}) {
        if (key->empty()) *key = new_key();
        if (!is_key(*key)) return Error::bad_request;
      }
      return std::nullopt;
    case CredentialType::self_signed: {
      const auto fits = [](const std::string& one) { return one.empty() || is_thumbprint(one); };
      const bool any = !credentials.primary.empty() || !credentials.secondary.empty();
      if (!any || !fits(credentials.primary) || !fits(credentials.secondary))
        return Error::bad_request;
      return std::nullopt;
    }
    case CredentialType::authority:
      credentials.primary.clear();
      credentials.secondary.clear();
      return std::nullopt;
  }
  return Error::bad_request;
}

Identity& Hub::Parts::identity_of(DeviceIndex index) {
  Registration& device = registry.at(index);
  if (device.identity) return *device.identity;
  device.identity = std::make_unique<Identity>();
  if (!rules.deleted_keys_die) {
    const DeviceIndex before = registry.find_removed(device.info.id);
    const Identity* old =
        before == DeviceIndex::none ? nullptr : registry.at(before).identity.get();
    if (old && old->credentials)
      device.identity->undead = {old->credentials->primary, old->credentials->secondary};
  }
  return *device.identity;
}

Ticket Hub::Parts::write_identity(DeviceIndex index) {
  const Registration& device = registry.at(index);
  const Identity& identity = *device.identity;
  const Credentials none;
  const Credentials& credentials = identity.credentials ? *identity.credentials : none;
  return journal.append(IdentityRecord{
      device.info.generation, identity.credentials.has_value(),
      static_cast<std::uint8_t>(credentials.type), credentials.primary, credentials.secondary,
      identity.revision, identity.status_updated, identity.reason});
}

Error Hub::precondition(std::string_view id, std::string_view if_match) const {
  const DeviceIndex index = find(id);
  if (index == DeviceIndex::none) return Error::device_not_found;
  if (if_match.empty() || if_match == "*" || if_match == described(index).etag) return Error::none;
  return Error::precondition_failed;
}

Outcome Hub::update(Now now, const UpdateDevice& what, Effects&) {
  parts_->see(now);
  const Error error = precondition(what.device, what.if_match);
  return error == Error::none ? parts_->update(now, what) : parts_->refused(error);
}

// An empty key leaves the old one in place, as SDKs send empty keys with every update that is about
// something else; where there was none of this kind, one is made.
Outcome Hub::Parts::update(Now now, const UpdateDevice& what) {
  const DeviceIndex index = registry.find(what.device);
  Registration& device = registry.at(index);
  const std::optional<Credentials> before =
      device.identity ? device.identity->credentials : std::nullopt;
  std::optional<Credentials> after = before;
  if (what.credentials) {
    after = what.credentials;
    const bool same_type = before && before->type == after->type;
    const bool none_given = after->primary.empty() && after->secondary.empty();
    const bool keeps = same_type && (after->type == CredentialType::sas || none_given);
    if (keeps && after->primary.empty()) after->primary = before->primary;
    if (keeps && after->secondary.empty()) after->secondary = before->secondary;
    if (const auto wrong = complete(*after)) return refused(*wrong);
  }
  if (what.reason && what.reason->size() > longest_reason) return refused(Error::bad_request);

  Identity& identity = identity_of(index);
  if (!rules.replaced_keys_die && before && before != after)
    for (const std::string& key : {before->primary, before->secondary}) identity.undead.push_back(key);
  identity.credentials = std::move(after);
  if (what.reason) identity.reason = *what.reason;
  ++identity.revision;
  if (what.enabled && *what.enabled != device.info.enabled) {
    device.info.enabled = *what.enabled;
    identity.status_updated = date(now);
    journal.append(DeviceEnabled{device.info.generation, *what.enabled});
    if (*what.enabled) became_ready(index);
  }
  return accepted(Promised::enabling, write_identity(index));
}

const Identity* Hub::identity(DeviceIndex index) const {
  return parts_->registry.at(index).identity.get();
}

DeviceIdentity Hub::described(DeviceIndex index) const {
  const Registration& device = parts_->registry.at(index);
  const Identity none;
  const Identity& identity = device.identity ? *device.identity : none;
  const auto date = [](const std::optional<Date>& at) {
    return at ? at->time_since_epoch().count() : no_date;
  };
  const bool dated = identity.status_updated != Date{};
  return {device.info.id,
          device.info.generation,
          etag(device.info.generation, identity.revision),
          device.info.enabled,
          identity.reason,
          identity.credentials,
          identity.connected,
          dated ? date(identity.status_updated) : no_date,
          date(identity.connection_updated),
          date(identity.last_activity),
          static_cast<std::uint32_t>(device.queue ? device.queue->size() : 0)};
}

std::vector<DeviceIdentity> Hub::list(const ListDevices& what) const {
  std::vector<DeviceIndex> found;
  for (std::uint32_t i = 0; i < devices(); ++i) {
    const DeviceInfo& info = device(DeviceIndex{i});
    if (info.exists && info.id > what.after) found.push_back(DeviceIndex{i});
  }
  std::ranges::sort(found, {}, [&](DeviceIndex index) { return std::string_view{device(index).id}; });
  if (found.size() > what.limit) found.resize(what.limit);
  std::vector<DeviceIdentity> list;
  for (const DeviceIndex index : found) list.push_back(described(index));
  return list;
}

std::uint32_t Hub::locked(DeviceIndex index) const {
  const Registration& device = parts_->registry.at(index);
  if (!device.queue) return 0;
  return static_cast<std::uint32_t>(
      std::ranges::count_if(device.queue->entries(), [](const DeviceQueue::Entry& entry) {
        return std::holds_alternative<Invisible>(entry.state);
      }));
}

DeviceCounts Hub::count() const {
  DeviceCounts counts;
  for (std::uint32_t i = 0; i < devices(); ++i) {
    const DeviceInfo& info = device(DeviceIndex{i});
    if (!info.exists) continue;
    ++counts.total;
    if (info.enabled) ++counts.enabled;
  }
  return counts;
}

void Hub::connection(Now now, DeviceIndex index, bool there) {
  Identity* const identity = parts_->registry.at(index).identity.get();
  if (identity == nullptr) return;
  identity->connected = there;
  identity->connection_updated = identity->last_activity = parts_->date(now);
}

const std::vector<Policy>& Hub::policies() const { return parts_->policies; }

Ticket Hub::make_policies(Now now, Effects&) {
  Parts& p = *parts_;
  p.see(now);
  if (!p.policies.empty()) return p.journal.newest();
  p.make_policies();
  return p.write_policies();
}

void Hub::Parts::make_policies() {
  for (const DefaultPolicy& one : default_policies) {
    Policy& policy = policies.emplace_back(Policy{std::string{one.name}, one.rights, {}, {}});
    policy.primary = new_key();
    policy.secondary = new_key();
  }
}

Ticket Hub::Parts::write_policies() {
  Ticket ticket{};
  for (const Policy& policy : policies)
    ticket = journal.append(
        PolicyRecord{policy.name, policy.rights, policy.primary, policy.secondary});
  return ticket;
}

void Hub::Parts::wake_up_identities(Now now) {
  if (rules.access != Access::verified) return;
  if (policies.empty()) make_policies();
  for (std::uint32_t i = 0; i < registry.size(); ++i) {
    const DeviceIndex index{i};
    if (!registry.at(index).info.exists) continue;
    Identity& identity = identity_of(index);
    if (identity.credentials) continue;
    complete(identity.credentials.emplace());
    identity.status_updated = date(now);
  }
}

}  // namespace hubproof::model
