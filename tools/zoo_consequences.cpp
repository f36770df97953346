// What a mutant breaks besides the promise that it was made for.
#include <algorithm>

#include "model/mutants/mutant.hpp"
#include "tools/zoo.hpp"

namespace hubproof::tools {
namespace {

const Consequence known[] = {
    // Events
    {"INV-01", "an event whose answer was lost has to be shown again, and is one of those left out",
     {"replay-with-gaps"}},
    {"INV-01", "a reader goes on behind what it was shown, and what stands in its place now is never shown to it",
     {"sequence-numbers-reused", "read-before-durable"}},
    {"INV-01", "what a route or the fallback should have taken to an endpoint was acknowledged, and is read nowhere",
     {"fallback-ignored", "undefined-is-true"}},
    {"INV-01", "the journal cannot be read beyond the record that is half garbage", {"torn-record-accepted"}},
    {"INV-02", "the garbage in a record is taken for its device", {"torn-record-accepted"}},
    {"INV-02", "the stamp of an event holds a generation, and two devices have the same", {"generation-given-twice"}},
    {"INV-05", "two devices of one generation count as one, and they have two partitions", {"generation-given-twice"}},
    {"INV-04", "what is lost for good leaves a gap in a partition that was read before the crash",
     {"start-runs-ahead", "torn-snapshot-believed", "merged-telemetry-lost", "event-of-the-future-is-old",
      "read-before-durable"}},
    {"INV-04", "an endpoint has everything twice, also where there was no crash to write it again",
     {"twice-per-endpoint"}},
    {"INV-06", "offsets count bytes, and those of the telemetry that is lost are counted no more", {"torn-snapshot-believed"}},
    {"INV-17", "a will is an event too, and one of those that are not shown",
     {"sequence-numbers-reused", "replay-with-gaps"}},
    {"D2C-21", "a condition kept it from the fallback route, or it was lost on the way to the built-in endpoint",
     {"undefined-is-true", "suffix-lost", "merged-telemetry-lost", "event-of-the-future-is-old"}},
    // Commands
    {"INV-08", "what settles a command there is the token of a delivery before the last one", {"amqp-lost-lock-confirmed"}},
    {"INV-09", "a command comes again after its end, and ends once more",
     {"ack-before-durable", "promise-by-older-sync", "failed-sync-counts", "amqp-settlement-before-durable",
      "amqp-rejected-returns", "command-sent-again", "delivery-after-completion", "lost-lock-answered-well",
      "settling-lost-on-recovery"}},
    {"INV-09", "a settling is answered well and another end follows, which its record tells",
     {"amqp-lost-lock-confirmed", "amqp-range-settles-first", "amqp-released-completes", "amqp-modified-completes",
      "bare-reject-ignored", "feedback-wrong-status", "purge-answered-too-soon"}},
    {"INV-09", "a command outlives its expiry", {"delivery-after-expiry", "expires-at-the-head-only", "ttl-by-wrong-clock"}},
    {"INV-09", "a purge counted the command, which its device completes all the same", {"purge-spares-ending-lock"}},
    {"INV-09", "a command outlives its device", {"queue-outlives-deletion", "removal-lost-on-recovery"}},
    {"INV-09", "the ETag of a command that went with its device settles one of the device created after it",
     {"etag-of-the-message"}},
    {"INV-10", "a command comes again after its end, which was acknowledged",
     {"ack-before-durable", "promise-by-older-sync", "failed-sync-counts", "amqp-lost-lock-confirmed",
      "command-sent-again", "lost-lock-answered-well", "purge-leaves-locked"}},
    {"INV-11", "a command is back in its queue while its lock holds", {"amqp-rejected-returns", "delivery-after-completion"}},
    {"INV-12", "a record tells that a command was completed, and every try to do so was refused",
     {"http-receive-completes", "feedback-wrong-status", "amqp-flight-lost-with-link"}},
    {"INV-12", "a lock ends by one clock and holds by the other, so a settling comes too late and succeeds",
     {"lock-by-wall-clock"}},
    {"INV-12", "the answer 204 says that a lock held which had run out", {"lost-lock-answered-well"}},
    {"INV-13", "a crash or a defect of settling gives a count of deliveries that is not theirs",
     {"ack-before-durable", "promise-by-older-sync", "amqp-settlement-before-durable", "amqp-rejected-returns",
      "lost-lock-answered-well"}},
    {"INV-13", "a command that was sent again is another one to the hub, and its count begins anew", {"command-sent-again"}},
    // Feedback
    {"INV-14", "a command that ends twice has two records",
     {"ack-before-durable", "promise-by-older-sync", "failed-sync-counts", "delivery-after-completion",
      "settling-lost-on-recovery", "removal-lost-on-recovery", "command-sent-again"}},
    {"INV-14", "a command is completed by a PUBACK on a connection that a newer one had ended", {"accepted-after-takeover"}},
    {"INV-14", "a record tells that a command was delivered too often, before it was",
     {"amqp-rejected-returns", "count-rule-of-other-profile"}},
    {"INV-14", "a command ends by another clock than its expiry was taken from, so before its time", {"ttl-by-wrong-clock"}},
    {"INV-14", "a command is completed by the ETag of one that went with the device before", {"etag-of-the-message"}},
    {"INV-14", "the garbage in a record is taken for its expiry", {"torn-record-accepted"}},
    {"INV-14", "a record names a generation, and two devices have the same", {"generation-given-twice"}},
    {"FBK-04", "of two devices with one generation one is deleted, and the records of the other go with it or under its name",
     {"generation-given-twice"}},
    {"FBK-04", "a command that a crash forgets never gets its record",
     {"ack-before-durable", "promise-by-older-sync", "snapshot-sync-counts-for-more", "failed-sync-counts",
      "goes-on-behind-torn-record", "old-segments-go-too-soon", "torn-record-accepted"}},
    {"INV-23", "a crash forgets a subscription that was granted, and the device sits there deaf",
     {"promise-by-older-sync", "snapshot-sync-counts-for-more"}},
    {"INV-23", "two devices of one generation: the commands of one are handed to the other", {"generation-given-twice"}},
    {"INV-23", "a device asks for its commands, and another one's are looked at", {"http-caller-mixed-up"}},
    // Devices and brokers
    {"INV-24", "a crash forgets a device, which is refused from then on", {"failed-sync-counts", "old-segments-go-too-soon"}},
    {"INV-25", "a payload is unmasked with the wrong bytes", {"mask-runs-on"}},
    {"mqtt311:4.5.0-1", "a message that waits to be overtaken never leaves when nothing comes after it", {"broker-overtakes"}},
    {"SEC-09", "a token of a key that was changed opens as well, as its signature is not looked at",
     {"signature-not-compared"}},
    {"mqtt311:3.1.2-8", "a will is a message too, and one of those that do not come to a subscriber",
     {"broker-queues-nothing", "broker-resends-nothing", "broker-one-subscriber"}},
    {"mqtt311:4.6.0-2", "what is acknowledged late comes behind a PUBACK of a PUBLISH that was sent after it",
     {"acknowledges-on-next-connection"}},
};

}  // namespace

std::span<const Consequence> consequences() { return known; }

std::vector<Unexplained> unexplained(const ZooResult& result) {
  std::vector<Unexplained> all;
  for (const Hunt& hunt : result.hunts) {
    const model::Mutant* mutant = model::find_mutant(hunt.mutant);
    for (const std::string& check : hunt.checks) {
      if (mutant != nullptr && check == mutant->meant_for) continue;
      const bool looked_at = std::ranges::any_of(consequences(), [&](const Consequence& one) {
        return one.check == check && std::ranges::count(one.mutants, std::string_view{hunt.mutant}) > 0;
      });
      const bool had = std::ranges::any_of(
          all, [&](const Unexplained& one) { return one.mutant == hunt.mutant && one.check == check; });
      if (looked_at || had) continue;
      all.push_back({hunt.mutant, check,
                     std::string{name(hunt.strategy)} + ", attempt " + std::to_string(hunt.attempt) + ", up to seed " +
                         std::to_string(hunt.seed) + " of " + (hunt.scenario.empty() ? "all scenarios" : hunt.scenario)});
    }
  }
  return all;
}

}  // namespace hubproof::tools
