// The chapters of hub messaging; each adds its cases.
#pragma once

#include "conformance/cases/case.hpp"
#include "model/routing.hpp"

namespace hubproof::conformance::cases {

void add_http_telemetry(Cases& cases);
void add_registry(Cases& cases);
void add_tokens(Cases& cases);
void add_http_commands(Cases& cases);
void add_hub_amqp(Cases& cases);
void add_http_feedback(Cases& cases);
void add_hub_mqtt(Cases& cases);
void add_hub_amqp_doors(Cases& cases);
void add_hub_timing(Cases& cases);
void add_hub_durability(Cases& cases);
void add_hub_routes(Cases& cases);
void add_hub_quotas(Cases& cases);

// The routes that cases of routing want a hub to have; conformance/routes.json as `serve --routes` reads it.
model::Routing suite_routing();

}  // namespace hubproof::conformance::cases
