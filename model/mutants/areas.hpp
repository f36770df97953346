// The parts of the zoo, by what goes wrong.
#pragma once

#include "model/mutants/mutant.hpp"

namespace hubproof::model {

std::span<const Mutant> telemetry_mutants();
std::span<const Mutant> routing_mutants();
std::span<const Mutant> quota_mutants();
std::span<const Mutant> command_mutants();
std::span<const Mutant> feedback_mutants();
std::span<const Mutant> session_mutants();
std::span<const Mutant> device_mutants();
std::span<const Mutant> journal_mutants();
std::span<const Mutant> service_mutants();
std::span<const Mutant> http_mutants();
std::span<const Mutant> security_mutants();
std::span<const Mutant> amqp_mutants();
std::span<const Mutant> websocket_mutants();
std::span<const Mutant> broker_mutants();

}  // namespace hubproof::model
