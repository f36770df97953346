// The keys of a simulated run's devices: what the registry has or is about to get, and what each device
// knows. A device learns of a change later than the registry, as in the field.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "model/identity.hpp"

namespace hubproof::tools {

class KeyBook {
 public:
  explicit KeyBook(std::uint64_t secret) : secret_{secret} {}  // all keys of the run are made from it

  model::Credentials of(std::string_view device) const;  // as the registry should have them by now
  model::Credentials rotate(std::string_view device);    // a new primary key, the only one in the answer
  model::Credentials renew(std::string_view device);     // two new keys
  void tell(std::string_view device);                    // now it knows its newest primary key
  std::string known(std::string_view device) const;      // the primary key that it knows
  std::string nobodys() const;                           // a key that no device has

 private:
  struct Versions {
    std::uint32_t primary = 0;
    std::uint32_t secondary = 0;
    std::uint32_t known = 0;  // of the primary key
  };
  Versions versions(std::string_view device) const;
  Versions& changed(std::string_view device);
  std::string key(std::string_view device, std::uint32_t which, std::uint32_t version) const;

  std::uint64_t secret_;
  std::map<std::string, Versions, std::less<>> changed_;
};

}  // namespace hubproof::tools
