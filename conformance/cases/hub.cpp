#include "conformance/cases/hub.hpp"

namespace hubproof::conformance::cases {

void add_hub(Cases& cases) {
  add_http_telemetry(cases);
  add_registry(cases);
  add_tokens(cases);
  add_http_commands(cases);
  add_hub_amqp(cases);
  add_http_feedback(cases);
  add_hub_mqtt(cases);
  add_hub_amqp_doors(cases);
  add_hub_timing(cases);
  add_hub_durability(cases);
  add_hub_routes(cases);
  add_hub_quotas(cases);
}

}  // namespace hubproof::conformance::cases
