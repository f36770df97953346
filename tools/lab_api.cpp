#include "tools/lab_api.hpp"

#include <nlohmann/json.hpp>

#include "tools/quantity.hpp"

namespace hubproof::tools {
namespace {

using Json = nlohmann::ordered_json;

ApiAnswer answer(int status, const Json& json) {
  return {status, json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

}  // namespace

ApiAnswer faults_answer(const std::vector<LiveFaults::Shown>& faults, int status) {
  Json list = Json::array();
  for (const LiveFaults::Shown& one : faults) list.push_back({{"fault", one.what}, {"state", one.state}});
  return answer(status, {{"faults", std::move(list)}});
}

ApiAnswer fault_refused(const Problems& problems) {
  std::string text;
  for (const Problem& one : problems) text += (text.empty() ? "" : "; ") + (one.where.empty() ? "" : one.where + ": ") + one.what;
  return api_error(400, "bad_fault", text);
}

ApiAnswer queues_answer(const std::vector<model::QueueLook>& queues) {
  Json list = Json::array();
  for (const model::QueueLook& one : queues)
    list.push_back({{"device", one.device},
                    {"connected", one.connected},
                    {"depth", one.depth},
                    {"locked", one.locked}});
  return answer(200, {{"queues", std::move(list)}});
}

ApiAnswer clock_answer(model::Now now, model::Duration stepped) {
  return answer(200, {{"date", write_date(now.wall.time_since_epoch().count())},
                      {"stepped", write_duration(stepped)}});
}

}  // namespace hubproof::tools
