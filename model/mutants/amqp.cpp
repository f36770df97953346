// Defects of the AMQP door.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

// The right meaning of outcomes, with one of them changed.
template <amqp::Outcome changed, AmqpSettling into>
void settles_otherwise(Rules& rules) {
  rules.hub.amqp.settling = [](amqp::Outcome outcome) {
    return outcome == changed ? into : AmqpRules{}.settling(outcome);
  };
}

constexpr Mutant zoo[] = {
    {"amqp-accepted-before-durable",
     "telemetry over AMQP is accepted when it has arrived, not when it is durable", "run", nullptr,
     "INV-01", [](Rules& rules) { rules.hub.amqp.accepts_durable_only = false; }},
    {"amqp-settlement-before-durable",
     "the word on a command over AMQP is confirmed when it has arrived, not when what it did is durable", "run",
     nullptr, "INV-10", [](Rules& rules) { rules.hub.amqp.settles_durable_only = false; }},
    {"amqp-released-completes", "the outcome released completes a command", "run", nullptr, "INV-14",
     settles_otherwise<amqp::Outcome::released, AmqpSettling::complete>},
    {"amqp-modified-completes", "the outcome modified completes a command", "run", nullptr, "INV-14",
     settles_otherwise<amqp::Outcome::modified, AmqpSettling::complete>},
    {"amqp-rejected-returns", "the outcome rejected gives a command back as if it were abandoned",
     "run", nullptr, "INV-10",
     settles_otherwise<amqp::Outcome::rejected, AmqpSettling::abandon>},
    {"amqp-lost-lock-confirmed",
     "an outcome that comes after the lock has run out is confirmed, and does nothing", "run",
     nullptr, "INV-12", [](Rules& rules) { rules.hub.amqp.refuses_lost_locks = false; }},
    {"amqp-range-settles-first",
     "of the deliveries that one disposition settles only the first one's command is settled", "run",
     nullptr, "INV-10",
     [](Rules& rules) { rules.hub.amqp.settles = [](bool first_of_range) { return first_of_range; }; }},
    {"amqp-flight-lost-with-link",
     "what an AMQP device had not settled when its link ended counts as completed", "run", nullptr,
     "INV-14", [](Rules& rules) { rules.hub.amqp.flights_return = false; }},
    {"amqp-long-body-cut",
     "of a body whose length takes more than a byte only the first 255 bytes are stored", "run",
     nullptr, "INV-25",
     [](Rules& rules) {
       rules.hub.amqp.kept_of_body = [](std::size_t size) { return size < 255 ? size : 255; };
     }},
};

}  // namespace

std::span<const Mutant> amqp_mutants() { return zoo; }

}  // namespace hubproof::model
