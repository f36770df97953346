#include "conformance/checks/message.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

const About ContentIsKept::about{
    "INV-25", Level::must, "Body, application properties and settable system properties are equal at both ends.",
    {"DLV-18", "MSG-02"}};

void ContentIsKept::saw(const Seen& seen) {
  if (seen.event.phase != model::Phase::ok || seen.event.digest == 0) return;
  std::uint64_t sent = 0;
  if (seen.telemetry != nullptr) sent = seen.telemetry->digest;
  if (seen.command != nullptr && !seen.command->murky) sent = seen.command->digest;
  if (sent == 0) return;
  if (sent == seen.event.digest) return pass();
  fail(seen, id(seen.event.message) + " arrived with other content than it was sent with");
}

}  // namespace hubproof::conformance
