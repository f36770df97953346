#include "tools/connection_string.hpp"

namespace hubproof::tools {
namespace {

constexpr std::string_view any_key = "bm90LWxvb2tlZC1hdA==";

}  // namespace

std::string_view hub_name(std::string_view host) { return host.substr(0, host.find_first_of(".:")); }

std::string device_connection_string(std::string_view host, std::string_view device,
                                     const model::Credentials* credentials) {
  std::string text = "HostName=" + std::string{host} + ";DeviceId=" + std::string{device};
  if (credentials == nullptr) return text + ";SharedAccessKey=" + std::string{any_key};
  if (credentials->type != model::CredentialType::sas) return text + ";x509=true";
  return text + ";SharedAccessKey=" + credentials->primary;
}

std::string service_connection_string(std::string_view host, const model::Policy& policy) {
  return "HostName=" + std::string{host} + ";SharedAccessKeyName=" + policy.name +
         ";SharedAccessKey=" + policy.primary;
}

std::string event_hubs_connection_string(std::string_view host, const model::Policy& policy,
                                         std::string_view endpoint) {
  return "Endpoint=sb://" + std::string{host} + "/;SharedAccessKeyName=" + policy.name +
         ";SharedAccessKey=" + policy.primary +
         ";EntityPath=" + std::string{endpoint.empty() ? hub_name(host) : endpoint};
}

}  // namespace hubproof::tools
