// What a device does as time passes: keep-alive, and how it comes back after connections that
// failed.
#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using std::string;

// The Watch judges each silence; here only time passes.
Task<> idle(Stage& stage, std::uint16_t keep_alive, int times, bool publishes) {
  Wish wish;
  wish.keep_alive = keep_alive;
  const LinkId link = co_await connected(stage, wish);
  stage.manners.publishes = true;
  int pings = 0;
  for (int i = 0; i < times; ++i) {
    if (publishes && i % 2 == 0) (void)submit(stage, 1);
    const auto ping =
        co_await next<Pingreq>(stage, link, std::chrono::seconds{keep_alive} + stage.quiet() * 4);
    if (ping)
      ++pings;
    else if (!stage.open(link))
      break;
  }
  if (!stage.open(link)) co_await stage.missing("the device closed an idle connection");
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("the adapter does not answer");
  if (pings == 0)
    stage.fail("mqtt311:3.1.2-23",
               "an idle connection saw no PINGREQ in " + std::to_string(times) + " keep-alives");
  else
    stage.pass("mqtt311:3.1.2-23");
}

}  // namespace

void add_time_cases(std::vector<DeviceCase>& cases) {
  struct Idle {
    const char* name;
    std::uint16_t keep_alive;
    int times;
    bool publishes;
  };
  for (const auto& [name, keep_alive, times, publishes] :
       {Idle{"idle-2s", 2, 3, false}, Idle{"idle-5s", 5, 2, false},
        Idle{"now-and-then-3s", 3, 4, true}})
    cases.push_back(
        {string{"keep-alive/"} + name,
         "a silence does not last longer than the keep-alive",
         {"mqtt311:3.1.2-23"},
         {},
         [its_keep_alive = keep_alive, its_times = times, its_publishes = publishes](Stage& stage) {
           return idle(stage, its_keep_alive, its_times, its_publishes);
         }});
}

}  // namespace hubproof::conformance::devices
