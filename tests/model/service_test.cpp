#include "model/service.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "model/service/carrier.hpp"
#include "tests/support/device_bench.hpp"

namespace hubproof::workbench {
namespace {

using Lines = std::vector<std::string>;

std::string describe(const Request& request) {
  struct Say {
    std::string operator()(const CreateDevice& it) { return "create " + it.device; }
    std::string operator()(const DeleteDevice& it) { return "delete " + it.device; }
    std::string operator()(const EnableDevice& it) {
      return (it.enabled ? "enable " : "disable ") + it.device;
    }
    std::string operator()(const Purge& it) { return "purge " + it.device; }
    std::string operator()(const SendCommand& it) {
      return "command " + it.device + ' ' + message_id(MessageView{it.message}.key());
    }
    std::string operator()(const ReadTelemetry& it) {
      return "read " + std::to_string(it.partition) + " from " + std::to_string(it.from);
    }
    std::string operator()(const ReceiveFeedback&) { return "feedback"; }
    std::string operator()(const SettleFeedback& it) {
      return (it.complete ? "complete " : "abandon ") + std::to_string(it.token);
    }
    std::string operator()(const ReceiveCommand&) { return "other"; }
    std::string operator()(const SettleCommand&) { return "other"; }
    std::string operator()(const UpdateDevice& it) { return "update " + it.device; }
    std::string operator()(const GetDevice&) { return "other"; }
    std::string operator()(const ListDevices&) { return "other"; }
    std::string operator()(const CountDevices&) { return "other"; }
    std::string operator()(const ListPolicies&) { return "other"; }
  };
  return std::visit(Say{}, request);
}

struct Asked {
  std::uint32_t correlation;
  std::string what;
  Service::Goal goal;
};

// Requests as they are, told to the test, which answers them.
class Told final : public Carrier {
 public:
  Told(std::vector<Asked>& asked, std::deque<Answer>& answers, Service::Goal goal)
      : asked_{asked}, answers_{answers}, goal_{goal} {}

  void opened(Now, ConnectionId, Effects&) override {}
  void ask(Now, std::uint32_t correlation, const Request& request, Effects&) override {
    asked_.push_back({correlation, describe(request), goal_});
  }
  void store_checkpoint(std::uint32_t correlation, std::uint32_t partition, std::uint64_t sequence,
                        Effects&) override {
    asked_.push_back({correlation, "store " + std::to_string(partition) + " upto " + std::to_string(sequence), goal_});
  }
  void received(Now, View) override {}
  std::optional<Answer> next() override {
    if (answers_.empty()) return std::nullopt;
    const Answer first = answers_.front();
    answers_.pop_front();
    return first;
  }
  bool broken() const override { return false; }
  void ended() override {}

 private:
  std::vector<Asked>& asked_;
  std::deque<Answer>& answers_;
  Service::Goal goal_;
};

// A service machine, a scripted hub, a clock that only the test moves.
class Bench {
 public:
  explicit Bench(ServiceSettings settings = {}, ServiceRules the_rules = {}) : rules{the_rules} {
    settings.back_off_jitter_percent = 0;
    service.emplace(
        settings, rules, draws.chance(),
        [](std::string_view id) {
          return id.starts_with('d') ? NodeIndex{static_cast<std::uint32_t>(id[1] - '0')} : NodeIndex::none;
        },
        [this](Service::Goal goal) { return std::make_unique<Told>(asked, answers_, goal); });
  }
  Bench(const Bench&) = delete;

  void start() {
    service->started(now(), {}, effects);
    perform();
    connect();
  }
  void connect() {  // all that it wants
    for (const ConnectionId dialled : std::exchange(dialled_, {})) {
      open_[service->goal(dialled)] = dialled;
      service->connected(now(), dialled, effects);
      perform();
    }
  }
  void end(EndedBy by = EndedBy::reset) {
    asked.clear();
    for (const auto& [goal, connection] : std::exchange(open_, {})) {
      service->ended(now(), connection, by, effects);
      perform();
    }
  }
  void submit(Request request) {
    service->submit(now(), std::move(request), effects);
    perform();
    connect();  // to the registry, if that is what it takes
  }
  // Answers the oldest request of this kind that is not answered.
  void answer(const std::string& kind, const Response& response) {
    const auto found = std::ranges::find_if(asked, [&](const Asked& one) { return one.what.starts_with(kind); });
    ASSERT_NE(found, asked.end()) << "nobody asked to " << kind;
    const Asked one = *found;
    asked.erase(found);
    hear(one.goal, {one.correlation, response});
  }
  void hear(Service::Goal goal, Answer what) {
    answers_.push_back(std::move(what));
    service->received(now(), open_.at(goal), {}, effects);
    perform();
  }
  void wait(Duration duration) {
    const Instant until = time + duration;
    for (int turns = 0; turns < 1'000; ++turns) {
      const auto due = service->deadline();
      if (!due || *due > until) break;
      time = std::max(time, *due);
      service->woken(now(), effects);
      perform();
    }
    time = until;
  }
  Now now() const { return {time, Date{std::chrono::hours{500'000}} + (time - Instant{})}; }

  Lines said() { return std::exchange(said_, {}); }
  Lines saw() { return std::exchange(saw_, {}); }
  Lines saw(std::string_view what) {
    Lines some;
    for (const std::string& event : std::exchange(saw_, {}))
      if (event.starts_with(what)) some.push_back(event);
    return some;
  }

  Draws draws;
  Instant time{};
  Effects effects;
  ServiceRules rules;
  std::optional<Service> service;
  std::vector<Asked> asked;  // and not answered

 private:
  void perform() {
    for (const Event& event : effects.events()) {
      std::string line = workbench::describe(event);
      if (event.device != NodeIndex::none)
        line += " device=" + std::to_string(static_cast<std::uint32_t>(event.device));
      saw_.push_back(line);
    }
    for (const Effect& effect : effects.list()) {
      if (effect.kind == Effect::Kind::connect) dialled_.push_back(effect.connection);
      if (effect.kind == Effect::Kind::close || effect.kind == Effect::Kind::abort)
        std::erase_if(open_, [&](const auto& one) { return one.second == effect.connection; });
    }
    effects.clear();
    for (const Asked& one : asked)
      if (one.correlation > newest_) said_.push_back(one.what);
    for (const Asked& one : asked) newest_ = std::max(newest_, one.correlation);
  }
  Lines said_, saw_;
  std::uint32_t newest_ = 0;
  std::deque<Answer> answers_;
  std::vector<ConnectionId> dialled_;
  std::map<Service::Goal, ConnectionId> open_;
};

ServiceSettings quiet() {  // neither reads nor receives
  ServiceSettings settings;
  settings.reads_telemetry = false;
  settings.reads_feedback = false;
  return settings;
}

SendCommand command(std::uint32_t number) { return {"d5", flat_message(own_key('c', 1, number))}; }

// ---- Commands.

TEST(Service, ACommandIsDoneWhenTheHubHasStoredIt) {  // [DLV-11]
  Bench bench{quiet()};
  bench.start();
  bench.submit(command(1));
  EXPECT_EQ(bench.said(), Lines{"command d5 c1-1"});
  EXPECT_EQ(bench.service->pending(), 1u);
  bench.answer("command", Done{0, 0, 9, 1'000, 2'000});
  EXPECT_EQ(bench.service->pending(), 0u);
  EXPECT_EQ(bench.saw(), (Lines{"opened on=1", "command invoke on=1 message=c1-1 device=5",
                                "command ok on=1 message=c1-1 sequence=9 date=1000 expiry=2000"
                                " device=5"}));
}

TEST(Service, ARefusedCommandFailsWithItsError) {
  Bench bench{quiet()};
  bench.start();
  bench.submit(command(1));
  bench.answer("command", Failed{Error::queue_full});
  EXPECT_EQ(bench.saw("command").back(),
            "command fail on=1 message=c1-1 error=queue_full device=5");
  bench.submit(command(2));
  bench.answer("command", Failed{Error::storage});  // says nothing of the outcome
  EXPECT_EQ(bench.saw("command").back(), "command info on=1 message=c1-2 error=storage device=5");
}

TEST(Service, ACommandWithoutAnswerIsNotSentAgain) {
  Bench bench{quiet()};
  bench.start();
  bench.submit(command(1));
  bench.end();
  bench.submit(command(2));
  EXPECT_EQ(bench.saw("command"), (Lines{"command invoke on=1 message=c1-1 device=5",
                                         "command info on=1 message=c1-1 device=5"}));
  bench.wait(1s);
  bench.said();
  bench.connect();
  EXPECT_EQ(bench.said(), Lines{"command d5 c1-2"});
}

TEST(Service, CommandsDoNotWaitForOneAnother) {
  Bench bench{quiet()};
  bench.start();
  for (std::uint32_t n = 1; n <= 3; ++n) bench.submit(command(n));
  EXPECT_EQ(bench.said().size(), 3u);
  bench.answer("command d5 c1-2", Done{});
  EXPECT_EQ(bench.saw("command").back(), "command ok on=1 message=c1-2 device=5");
}

// ---- Registry.

TEST(Service, RegistryOperationsGoOneByOne) {
  Bench bench{quiet()};
  bench.start();
  bench.submit(DeleteDevice{"d5"});
  bench.submit(CreateDevice{"d5"});
  EXPECT_EQ(bench.said(), Lines{"delete d5"});
  bench.answer("delete", Done{});
  EXPECT_EQ(bench.said(), Lines{"create d5"});
  bench.answer("create", Done{77, 0, 0, no_date, no_date});
  EXPECT_EQ(bench.saw(),
            (Lines{"opened on=1", "opened on=2", "delete_device invoke on=2 device=5",
                   "delete_device ok on=2 device=5", "create_device invoke on=2 device=5",
                   "create_device ok on=2 generation=77 device=5"}));
}

TEST(Service, ARegistryOperationIsTriedUntilItsAnswerIsDefinite) {
  Bench bench{quiet()};
  bench.start();
  bench.submit(EnableDevice{"d5", false});
  bench.end();
  bench.wait(1s);
  bench.connect();
  EXPECT_EQ(bench.said(), (Lines{"disable d5", "disable d5"}));
  bench.answer("disable", Failed{Error::storage});
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"disable d5"});
  bench.answer("disable", Done{});
  EXPECT_EQ(bench.saw("disable"),
            (Lines{"disable_device invoke on=2 device=5", "disable_device ok on=4 device=5"}));
}

TEST(Service, WhatAnEarlierTryMayHaveDoneIsInfo) {
  const auto outcome = [](const Request& request, const char* kind, const Response& response) {
    Bench bench{quiet()};
    bench.start();
    bench.submit(request);
    bench.end();
    bench.wait(1s);
    bench.connect();
    bench.answer(kind, response);
    return bench.saw().back();
  };
  EXPECT_EQ(outcome(CreateDevice{"d5"}, "create", Failed{Error::device_exists}),
            "create_device info on=4 error=device_exists device=5");
  EXPECT_EQ(outcome(DeleteDevice{"d5"}, "delete", Failed{Error::device_not_found}),
            "delete_device info on=4 error=device_not_found device=5");
  EXPECT_EQ(outcome(Purge{"d5"}, "purge", Done{0, 3, 0, no_date, no_date}),
            "purge ok on=4 device=5");
  Bench bench{quiet()};
  bench.start();
  bench.submit(CreateDevice{"d5"});
  bench.answer("create", Failed{Error::device_exists});
  EXPECT_EQ(bench.saw().back(), "create_device fail on=2 error=device_exists device=5");
  bench.submit(Purge{"d5"});
  bench.answer("purge", Done{0, 3, 0, no_date, no_date});
  EXPECT_EQ(bench.saw().back(), "purge ok on=2 count=3 device=5");
}

TEST(Service, GoesToTheRegistryOnlyWhenThereIsSomethingToDo) {
  Bench bench{quiet()};
  bench.start();
  EXPECT_EQ(bench.saw(), Lines{"opened on=1"});
  bench.submit(Purge{"d5"});
  bench.answer("purge", Done{});
  bench.end();  // both; one comes back by itself
  bench.saw();
  bench.wait(1s);
  bench.connect();
  EXPECT_EQ(bench.saw("opened"), Lines{"opened on=3"});
  bench.submit(Purge{"d5"});
  EXPECT_EQ(bench.said().size(), 2u);
  EXPECT_EQ(bench.saw("opened"), Lines{"opened on=4"});
}

// ---- Telemetry.

Telemetry events(std::uint64_t from, std::uint64_t upto) {
  Telemetry telemetry;
  for (std::uint64_t n = from; n <= upto; ++n)
    telemetry.events.push_back({n, n * 10, static_cast<std::int64_t>(n), "d5", 4, false,
                                flat_message(own_key('t', 5, static_cast<std::uint32_t>(n)))});
  return telemetry;
}

ServiceSettings reading() {
  ServiceSettings settings;
  settings.reads_feedback = false;
  settings.partitions = 1;
  settings.checkpoint_every = 3;
  return settings;
}

TEST(Service, ReadsEveryPartitionFromItsCheckpoint) {
  ServiceSettings settings = reading();
  settings.partitions = 2;
  Bench bench{settings};
  bench.start();
  EXPECT_EQ(bench.said(), (Lines{"read 0 from 0", "read 1 from 0"}));
  EXPECT_EQ(bench.saw("read"), (Lines{"read_from on=1", "read_from on=1 partition=1"}));
}

TEST(Service, StoresACheckpointEverySoManyEventsAndGoesOn) {
  Bench bench{reading()};
  bench.start();
  bench.answer("read", events(1, 2));
  bench.answer("read", events(3, 4));
  EXPECT_EQ(bench.said(),
            (Lines{"read 0 from 0", "read 0 from 3", "store 0 upto 4", "read 0 from 5"}));
  bench.answer("store", Done{});
  EXPECT_EQ(bench.saw().back(), "checkpoint ok on=1 sequence=4");
}

TEST(Service, SeesEventsWithTheirOrigin) {  // [D2C-14]
  Bench bench{reading()};
  bench.start();
  bench.saw();
  Telemetry telemetry = events(1, 2);
  telemetry.events[1].will = true;
  bench.answer("read", telemetry);
  EXPECT_EQ(bench.saw(),
            (Lines{"read on=1 message=t5-1 sequence=1 offset=10 generation=4 date=1 device=5",
                   "read will on=1 message=t5-2 sequence=2 offset=20 generation=4 date=2"
                   " device=5"}));
}

TEST(Service, ALullIsTheTimeToStoreWhatIsLeft) {
  Bench bench{reading()};
  bench.start();
  bench.answer("read", events(1, 1));
  bench.said();
  bench.answer("read", Telemetry{});
  EXPECT_EQ(bench.said(), (Lines{"store 0 upto 1", "read 0 from 2"}));
  bench.answer("store", Done{});
  bench.answer("read", Telemetry{});
  EXPECT_EQ(bench.said(), Lines{"read 0 from 2"});
}

TEST(Service, ALostAnswerCostsNoEventAndNoCheckpoint) {
  Bench bench{reading()};
  bench.start();
  bench.answer("read", events(1, 3));
  bench.said();
  bench.saw();
  bench.end();
  bench.wait(1s);
  bench.connect();
  EXPECT_EQ(bench.said(), (Lines{"store 0 upto 3", "read 0 from 4"}));
  bench.answer("store", Failed{Error::storage});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"store 0 upto 3"});
  bench.answer("store", Done{});
  EXPECT_EQ(bench.saw("checkpoint"), Lines{"checkpoint ok on=2 sequence=3"});
}

TEST(Service, ANewProcessReadsFromTheCheckpointAgain) {
  Bench first{reading()};
  first.start();
  first.answer("read", events(1, 2));
  Bench second{reading()};  // the first crashed before it stored anything
  second.start();
  EXPECT_EQ(second.said(), Lines{"read 0 from 0"});
  EXPECT_EQ(second.saw("read_from"), Lines{"read_from on=1"});
}

TEST(Service, ASlowReaderPauses) {
  ServiceSettings settings = reading();
  settings.read_pause = 2s;
  Bench bench{settings};
  bench.start();
  bench.said();
  bench.answer("read", events(1, 1));
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(2s);
  EXPECT_EQ(bench.said(), Lines{"read 0 from 2"});
}

TEST(Service, ARefusedReadIsTriedAgainAfterAWhile) {
  Bench bench{reading()};
  bench.start();
  bench.said();
  bench.answer("read", Failed{Error::storage});
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"read 0 from 0"});
}

// ---- Feedback.

ServiceSettings receiving() {
  ServiceSettings settings;
  settings.reads_telemetry = false;
  settings.abandon_feedback_per_mille = 500;
  return settings;
}

Feedback feedback() {
  return {
      9, 50, 0, {{"c1-1", "d5", 4, Status::expired, 40}, {"other", "x", 4, Status::success, 41}}};
}

TEST(Service, FeedbackIsSeenRecordByRecordAndSettled) {
  Bench bench{receiving()};
  bench.draws.fixed[ChanceSite::feedback_handling] = 500;
  bench.start();
  bench.answer("feedback", feedback());
  EXPECT_EQ(bench.said(), (Lines{"feedback", "complete 9"}));
  bench.answer("complete", Done{});
  EXPECT_EQ(bench.said(), Lines{"feedback"});
  EXPECT_EQ(bench.saw(),
            (Lines{"opened on=1", "feedback_batch on=1 token=9 count=2 date=50",
                   "feedback_record on=1 message=c1-1 token=9 generation=4 date=40 status=1"
                   " device=5",
                   "feedback_record on=1 message=" + message_id(message_key("other")) +
                       " token=9 generation=4 date=41",
                   "feedback_complete invoke on=1 token=9", "feedback_complete ok on=1 token=9"}));
}

TEST(Service, FeedbackMayBeAbandonedAndTheAnswerLost) {
  Bench bench{receiving()};
  bench.draws.fixed[ChanceSite::feedback_handling] = 499;
  bench.start();
  bench.answer("feedback", feedback());
  bench.end();
  EXPECT_EQ(bench.saw("feedback_abandon"),
            (Lines{"feedback_abandon invoke on=1 token=9", "feedback_abandon info on=1 token=9"}));
  bench.wait(1s);
  bench.said();
  bench.connect();
  bench.answer("feedback", feedback());
  bench.answer("abandon", Failed{Error::lock_lost});
  EXPECT_EQ(bench.saw("feedback_abandon").back(),
            "feedback_abandon fail on=2 token=9 error=lock_lost");
}

TEST(Service, AsksForFeedbackAgainWhenThereWasNone) {
  Bench bench{receiving()};
  bench.start();
  bench.answer("feedback", Feedback{});
  bench.answer("feedback", Failed{Error::storage});
  EXPECT_EQ(bench.said(), (Lines{"feedback", "feedback"}));
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"feedback"});
}

// ---- Rules that a wrong service breaks: each changes what is done, and only there.

template <class Spoil>
ServiceRules spoilt(Spoil spoil) {
  ServiceRules rules;
  spoil(rules);
  return rules;
}

TEST(WrongService, StoresWhatItDidNotSee) {
  Bench bench{reading(), spoilt([](ServiceRules& rules) {
                rules.checkpoint = [](std::uint64_t last) { return last + 1; };
              })};
  bench.start();
  bench.answer("read", events(1, 3));
  EXPECT_EQ(bench.saw("checkpoint"), Lines{"checkpoint invoke on=1 sequence=4"});
}

TEST(WrongService, ForgetsWhereItWas) {
  Bench bench{reading(), spoilt([](ServiceRules& rules) {
                rules.resumes_at = [](std::uint64_t) { return std::uint64_t{0}; };
              })};
  bench.start();
  bench.answer("read", events(1, 2));
  bench.end();
  bench.wait(1s);
  bench.said();
  bench.connect();
  EXPECT_EQ(bench.said().back(), "read 0 from 0");
}

TEST(WrongService, LooksAtAPartOfItsFeedback) {
  Bench bench{receiving(), spoilt([](ServiceRules& rules) {
                rules.looks_at = [](std::size_t) { return std::size_t{1}; };
              })};
  bench.start();
  bench.answer("feedback", feedback());
  EXPECT_EQ(bench.saw("feedback_record").size(), 1u);
}

TEST(WrongService, ForgetsWhatWasNotAnswered) {
  Bench bench{quiet(), spoilt([](ServiceRules& rules) { rules.reports_unanswered = false; })};
  bench.start();
  bench.submit(command(1));
  bench.end();
  EXPECT_EQ(bench.saw("command"), Lines{"command invoke on=1 message=c1-1 device=5"});
  EXPECT_EQ(bench.service->pending(), 0u);
}

TEST(WrongService, SendsACommandAgain) {
  Bench bench{quiet(), spoilt([](ServiceRules& rules) { rules.sends_once = false; })};
  bench.start();
  bench.submit(command(1));
  bench.end();
  bench.wait(1s);
  bench.said();
  bench.connect();
  EXPECT_EQ(bench.said(), Lines{"command d5 c1-1"});
  EXPECT_EQ(bench.saw("command"), Lines{"command invoke on=1 message=c1-1 device=5"});
}

// ---- Connections.

TEST(Service, CutsAConnectionThatDoesNotAnswer) {
  Bench bench{quiet()};
  bench.start();
  bench.submit(command(1));
  bench.wait(30s);
  EXPECT_EQ(bench.saw(), (Lines{"opened on=1", "command invoke on=1 message=c1-1 device=5",
                                "command info on=1 message=c1-1 device=5",
                                "ended on=1 by=local why=no_answer"}));
  bench.wait(1s + 30s);
  EXPECT_EQ(bench.saw(), Lines{"refused on=2 by=local why=no_answer"});
}

TEST(Service, ALongPollMayTakeItsTime) {
  Bench bench{reading()};
  bench.start();
  bench.wait(49s);  // 20 s of waiting and 30 s of patience
  EXPECT_EQ(bench.saw("ended"), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=1 by=local why=no_answer"});
}

TEST(Service, ClosesOnAnAnswerThatFitsNothing) {
  Bench bench{quiet()};
  bench.start();
  bench.submit(command(1));
  bench.answer("command", Telemetry{});
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=1 by=local why=protocol"});
  bench.wait(1s);
  bench.connect();
  bench.hear(Service::Goal::amqp, {99, Done{}});
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=2 by=local why=protocol"});
}

// A hub that answers everything, but whose n-th answer is lost with its connection: all that may be
// tried again is done in the end.
TEST(Service, AllIsDoneInTheEndWhicheverAnswerIsLost) {
  for (int n = 1;; ++n) {
    Bench bench{reading()};
    bench.start();
    bench.submit(command(1));
    bench.submit(EnableDevice{"d5", true});
    int answers = 0;
    bool lost = false;
    std::uint64_t stored = 0;
    for (int turns = 0; turns < 200 && stored < 6; ++turns) {
      if (bench.asked.empty()) {
        bench.wait(1s);
        bench.connect();
        continue;
      }
      const std::string request = bench.asked.front().what;
      if (++answers == n) {
        lost = true;
        bench.end();
        continue;
      }
      Response response = Done{};
      if (request.starts_with("read")) {
        const auto from = static_cast<std::uint64_t>(std::atoi(request.c_str() + 12));
        const std::uint64_t first = from == 0 ? stored + 1 : from;
        response = events(first, std::min<std::uint64_t>(first + 1, 6));
      }
      if (request.starts_with("store"))
        stored = static_cast<std::uint64_t>(std::atoi(request.c_str() + 13));
      bench.answer(request, response);
    }
    EXPECT_EQ(stored, 6u) << n;
    std::vector<std::string> outcomes;
    for (const std::string& event : bench.saw()) {
      if (event.starts_with("command ok") || event.starts_with("command info") ||
          event.starts_with("enable_device ok"))
        outcomes.push_back(event.substr(0, event.find(" on")));
    }
    EXPECT_EQ(outcomes.size(), 2u) << n;
    if (!lost) break;
    ASSERT_LT(n, 50);
  }
}

}  // namespace
}  // namespace hubproof::workbench
