// Defects of the gate.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"grace-without-end", "a token opens connections for a day after its expiry", "run", nullptr, "INV-20",
     [](Rules& rules) { rules.hub.sas_grace = 24h; }},
    {"tokens-end-early", "the hub refuses tokens in the last hour of their life", "run", nullptr, "INV-20",
     [](Rules& rules) {
       rules.hub.token_ended = [](Date now, Date expiry, Duration) { return now + 1h >= expiry; };
     }},
    {"expired-token-keeps-connection", "a live connection outlasts its token", "run",
     "Azure/azure-iot-sdk-c#613", "SEC-17", [](Rules& rules) { rules.hub.cuts_expired = false; }},
    {"signature-not-compared", "a token is taken for signed if it says so", "run", nullptr, "SEC-04",
     [](Rules& rules) { rules.hub.compares_signature = false; }},
    {"scope-by-text", "the token of d1 opens d10: its scope is compared as text, not by segments", "run",
     nullptr, "SEC-12",
     [](Rules& rules) {
       rules.hub.covers = [](std::string_view scope, std::string_view resource) {
         return resource.starts_with(scope);
       };
     }},
    {"any-devices-token", "a device's token opens every device", "run", nullptr, "SEC-12",
     [](Rules& rules) { rules.hub.tokens_are_their_devices = false; }},
    {"rotated-key-still-good", "a key that was changed signs tokens still", "run", nullptr, "SEC-09",
     [](Rules& rules) { rules.hub.replaced_keys_die = false; }},
    {"deleted-keys-still-good",
     "the keys of a deleted device open the one that is created again under its id", "run", nullptr,
     "SEC-09", [](Rules& rules) { rules.hub.deleted_keys_die = false; }},
};

}  // namespace

std::span<const Mutant> security_mutants() { return zoo; }

}  // namespace hubproof::model
