// The chapters of hub messaging; each adds its cases.
#pragma once

#include "conformance/cases/case.hpp"

namespace hubproof::conformance::cases {

void add_http_telemetry(Cases& cases);
void add_registry(Cases& cases);
void add_tokens(Cases& cases);
void add_http_commands(Cases& cases);
void add_hub_amqp(Cases& cases);
void add_http_feedback(Cases& cases);
void add_hub_mqtt(Cases& cases);
void add_hub_amqp_doors(Cases& cases);

}  // namespace hubproof::conformance::cases
