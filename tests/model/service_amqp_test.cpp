// A service that speaks AMQP, and HTTP to the registry: back to back with the hub, no network.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <tuple>

#include "model/base64.hpp"
#include "model/hub/token.hpp"
#include "model/service.hpp"
#include "model/service/checkpoints.hpp"
#include "tests/model/amqp_client.hpp"
#include "tests/model/server_driver.hpp"

namespace hubproof::server_tests {
namespace {

ServiceSettings over_amqp() {
  ServiceSettings settings;
  settings.checkpoint_every = 2;
  settings.read_wait = 5s;
  return settings;
}

// The service, its disk and the hub. Syncs of the service's disk end at once, unless told to fail.
class Pair {
 public:
  explicit Pair(ServiceSettings settings = over_amqp(), Rules rules = {})
      : driver{std::move(rules)}, settings_{std::move(settings)} {}

  void use(ServiceSettings settings) { settings_ = std::move(settings); }
  void start() {
    ends_.clear();
    std::vector<StoredFile> files;
    for (const auto& [name, bytes] : disk) files.push_back({name, bytes});
    service_.emplace(settings_, rules_, Chance{[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr},
                     [](std::string_view id) { return id == "d1" ? NodeIndex{7} : NodeIndex::none; });
    service_->started(driver.now(), files, effects_);
    run();
  }
  void crash() {
    for (const auto& [mine, its] : ends_) driver.lose(its);
    service_.reset();
    effects_.clear();
  }
  void cut() {  // all connections
    for (const auto& [mine, its] : std::exchange(ends_, {})) {
      driver.lose(its);
      service_->ended(driver.now(), mine, EndedBy::reset, effects_);
    }
    run();
  }
  void submit(Request request) {
    service_->submit(driver.now(), std::move(request), effects_);
    run();
  }
  void pass(Duration duration) {
    for (Duration left = duration; left > Duration{}; left -= 500ms) {
      driver.pass(500ms);
      service_->woken(driver.now(), effects_);
      run();
    }
  }
  void run() {
    for (bool moved = true; moved;) {
      moved = !effects_.list().empty() || !effects_.events().empty();
      Effects done;
      std::swap(done, effects_);
      for (const Event& event : done.events()) saw_.push_back(event);
      for (const Effect& effect : done.list()) perform(done, effect);
      for (const auto& [mine, its] : std::map{ends_}) {
        const Bytes back = driver.take_bytes(its);
        if (back.empty()) continue;
        for (std::size_t at = 0; at < back.size(); at += piece)
          service_->received(driver.now(), mine, View{back}.subspan(at, std::min(piece, back.size() - at)), effects_);
        moved = true;
      }
    }
  }

  std::vector<Event> saw(What what, Phase phase = Phase::ok) const {
    std::vector<Event> some;
    for (const Event& event : saw_)
      if (event.what == what && event.phase == phase) some.push_back(event);
    return some;
  }
  std::vector<Event> take() { return std::exchange(saw_, {}); }
  std::size_t pending() const { return service_->pending(); }

  Driver driver;
  std::map<FileId, Bytes> disk;
  bool syncs_fail = false;
  std::size_t piece = std::size_t{1} << 30;  // in which the hub's bytes come

 private:
  void perform(Effects& done, const Effect& effect) {
    switch (effect.kind) {
      case Effect::Kind::connect: {
        const bool http = service_->goal(effect.connection) == Service::Goal::http;
        ends_[effect.connection] = driver.open(http ? Door::http : Door::amqp);
        service_->connected(driver.now(), effect.connection, effects_);
        break;
      }
      case Effect::Kind::send: driver.feed(ends_.at(effect.connection), done.bytes(effect)); break;
      case Effect::Kind::close:
      case Effect::Kind::abort:
        driver.lose(ends_.at(effect.connection), EndedBy::peer);
        ends_.erase(effect.connection);
        break;
      case Effect::Kind::append: {
        const View bytes = done.bytes(effect);
        Bytes& file = disk[FileId{effect.file}];
        file.insert(file.end(), bytes.begin(), bytes.end());
        break;
      }
      case Effect::Kind::sync: service_->stored(driver.now(), effect.ticket, !syncs_fail, effects_); break;
      case Effect::Kind::remove: disk.erase(FileId{effect.file}); break;
      case Effect::Kind::halt: ADD_FAILURE() << "a service does not halt"; break;
    }
  }

  ServiceSettings settings_;
  ServiceRules rules_;
  std::optional<Service> service_;
  Effects effects_;
  std::map<ConnectionId, ConnectionId> ends_;  // the hub's number of each of the service's connections
  std::vector<Event> saw_;
};

SendCommand command(std::uint32_t number, std::optional<Date> expiry = {}) {
  SendCommand send{"d1", {}};
  MessageWriter writer{send.message};
  writer.system(System::message_id, message_id(own_key('c', 1, number)));
  if (expiry) writer.expiry(*expiry);
  writer.ack(Ack::full);
  writer.body(view("do"));
  return send;
}

void report(Driver& driver, int from, int to) {
  AmqpClient device{driver};
  const LinkId link = device.send_to(events_of("d1"));
  for (int i = from; i < to; ++i) {
    Bytes flat;
    MessageWriter writer{flat};
    writer.system(System::message_id, message_id(own_key('t', 2, static_cast<std::uint32_t>(i))));
    writer.body(view("x"));
    device.send_flat(link, flat, "x");
  }
}

TEST(AmqpService, CommandsAreStoredOrRefusedForAReason) {
  Pair pair;
  pair.driver.create("d1");
  pair.start();
  pair.submit(command(1));
  pair.submit(command(2, pair.driver.now().wall - 1h));
  SendCommand lost = command(3);
  lost.device = "nobody";
  pair.submit(lost);
  ASSERT_EQ(pair.saw(What::command).size(), 1u);
  EXPECT_EQ(pair.saw(What::command)[0].message, own_key('c', 1, 1));
  const auto failed = pair.saw(What::command, Phase::fail);
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[0].error, Error::invalid_expiry);
  EXPECT_EQ(failed[1].error, Error::device_not_found);
  for (std::uint32_t i = 4; i < 60; ++i) pair.submit(command(i));
  EXPECT_EQ(pair.saw(What::command).size(), 50u);
  EXPECT_EQ(pair.saw(What::command, Phase::fail).back().error, Error::queue_full);
  EXPECT_EQ(pair.pending(), 0u);
}

TEST(AmqpService, BeyondALimitACommandFailsAndTheRegistryIsAskedAgain) {
  Rules rules;
  rules.hub.quota.of(Limit::commands) = {60, 1, 0};
  rules.hub.quota.of(Limit::registry) = {6, 1, 0};
  Pair pair{over_amqp(), rules};
  pair.driver.create("d1");
  pair.start();
  pair.submit(command(1));
  pair.submit(command(2));
  EXPECT_EQ(pair.saw(What::command).size(), 1u);
  ASSERT_EQ(pair.saw(What::command, Phase::fail).size(), 1u);
  EXPECT_EQ(pair.saw(What::command, Phase::fail)[0].error, Error::throttled);
  pair.submit(EnableDevice{"d1", false});
  pair.submit(EnableDevice{"d1", true});
  EXPECT_EQ(pair.saw(What::disable_device).size(), 1u);
  EXPECT_TRUE(pair.saw(What::enable_device).empty());
  pair.pass(15s);
  EXPECT_EQ(pair.saw(What::enable_device).size(), 1u);
  EXPECT_TRUE(pair.saw(What::enable_device, Phase::fail).empty());
}

TEST(AmqpService, OfACommandWithoutAnAnswerNobodyKnows) {
  Pair pair;
  pair.driver.create("d1");
  pair.start();
  pair.driver.hold();
  pair.submit(command(1));
  pair.cut();
  ASSERT_EQ(pair.saw(What::command, Phase::info).size(), 1u);
  pair.driver.release();
  pair.pass(5s);
  EXPECT_EQ(pair.saw(What::opened).size(), 2u) << "the connection is made again";
  EXPECT_EQ(pair.saw(What::command).size(), 0u) << "and it is not sent again";
}

TEST(AmqpService, RegistryOperationsGoOverHttp) {
  Pair pair;
  pair.start();
  pair.submit(CreateDevice{"d1"});
  pair.submit(command(1));
  pair.submit(EnableDevice{"d1", false});
  pair.submit(EnableDevice{"d1", true});
  pair.submit(Purge{"d1"});
  pair.submit(DeleteDevice{"d1"});
  pair.submit(DeleteDevice{"d1"});
  pair.submit(CreateDevice{"d1"});
  pair.submit(CreateDevice{"d1"});
  const auto created = pair.saw(What::create_device);
  ASSERT_EQ(created.size(), 2u);
  EXPECT_NE(created[0].generation, 0u);
  EXPECT_GT(created[1].generation, created[0].generation);
  EXPECT_EQ(pair.saw(What::disable_device).size(), 1u);
  EXPECT_EQ(pair.saw(What::enable_device).size(), 1u);
  ASSERT_EQ(pair.saw(What::purge).size(), 1u);
  EXPECT_EQ(pair.saw(What::purge)[0].count, 1u);
  EXPECT_EQ(pair.saw(What::delete_device).size(), 1u);
  ASSERT_EQ(pair.saw(What::delete_device, Phase::fail).size(), 1u);
  EXPECT_EQ(pair.saw(What::delete_device, Phase::fail)[0].error, Error::device_not_found);
  ASSERT_EQ(pair.saw(What::create_device, Phase::fail).size(), 1u);
  EXPECT_EQ(pair.saw(What::create_device, Phase::fail)[0].error, Error::device_exists);
}

TEST(AmqpService, ReadsOnFromItsOwnCheckpoint) {
  Pair pair;
  pair.driver.create("d1");
  pair.start();
  report(pair.driver, 1, 6);
  pair.run();
  pair.pass(10s);  // a lull: what is left is stored
  EXPECT_EQ(pair.saw(What::read).size(), 5u);
  EXPECT_FALSE(pair.saw(What::checkpoint).empty());
  pair.crash();
  pair.take();
  pair.start();
  report(pair.driver, 6, 8);
  pair.pass(10s);
  const auto read = pair.saw(What::read);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].message, own_key('t', 2, 6));
  EXPECT_EQ(pair.disk.size(), 1u) << "the file of the life before is gone";
}

TEST(AmqpService, ACheckpointThatIsNotStoredIsNotBelieved) {
  Pair pair;
  pair.driver.create("d1");
  pair.syncs_fail = true;
  pair.start();
  report(pair.driver, 1, 6);
  pair.pass(10s);
  EXPECT_TRUE(pair.saw(What::checkpoint).empty());
  pair.crash();
  pair.disk.clear();  // nothing of it was on the disk for sure
  pair.take();
  pair.start();
  pair.pass(1s);
  EXPECT_EQ(pair.saw(What::read).size(), 5u);
}

TEST(AmqpService, EverySplitOfItsInputGivesTheSameEvents) {
  const auto scripted = [](std::size_t piece) {
    Pair pair;
    pair.piece = piece;
    pair.driver.create("d1");
    pair.start();
    report(pair.driver, 1, 6);
    pair.submit(command(1));
    pair.submit(EnableDevice{"d1", false});
    pair.submit(EnableDevice{"d1", true});
    pair.submit(command(2));
    pair.submit(Purge{"d1"});
    pair.pass(20s);
    std::multiset<std::tuple<What, Phase, MessageKey, std::uint64_t, Error>> all;
    for (const Event& event : pair.take())  // what comes in one piece has one checkpoint
      if (event.what != What::checkpoint)
        all.emplace(event.what, event.phase, event.message, event.sequence, event.error);
    return all;
  };
  const auto whole = scripted(std::size_t{1} << 30);
  EXPECT_GT(whole.size(), 20u);
  for (const std::size_t piece : {1u, 2u, 3u, 5u, 7u, 11u, 64u}) EXPECT_EQ(scripted(piece), whole) << piece;
}

TEST(AmqpService, ACutConnectionLosesNoEvent) {
  Pair pair;
  pair.driver.create("d1");
  pair.start();
  std::set<MessageKey> seen;
  for (int i = 1; i < 30; i += 3) {
    report(pair.driver, i, i + 3);
    pair.run();
    pair.cut();
    pair.pass(3s);
  }
  for (const Event& event : pair.saw(What::read)) seen.insert(event.message);
  EXPECT_EQ(seen.size(), 30u);
}

TEST(AmqpService, FeedbackIsSeenRecordByRecordAndSettled) {
  Pair pair;
  pair.driver.create("d1");
  pair.start();
  pair.submit(command(1));
  const Response response = pair.driver.ask(ReceiveCommand{"d1"});
  const auto& got = std::get<Command>(response);
  pair.driver.ask(SettleCommand{"d1", got.token, Settle::reject});
  pair.pass(20s);
  ASSERT_EQ(pair.saw(What::feedback_batch).size(), 1u);
  EXPECT_NE(pair.saw(What::feedback_batch)[0].token, 0u);
  EXPECT_NE(pair.saw(What::feedback_batch)[0].date, no_date);
  const auto records = pair.saw(What::feedback_record);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].message, own_key('c', 1, 1));
  EXPECT_EQ(records[0].device, NodeIndex{7});
  EXPECT_EQ(records[0].status, Status::rejected);
  EXPECT_NE(records[0].generation, 0u);
  EXPECT_EQ(pair.saw(What::feedback_complete).size(), 1u);
}

TEST(AmqpService, ShowsTokensOfAPolicyWhereTheHubAsks) {
  Rules rules;
  rules.hub.access = Access::verified;
  for (const bool right : {true, false}) {
    Pair pair{[&] {
      ServiceSettings settings = over_amqp();
      settings.policy = "iothubowner";
      settings.policy_key = to_base64(Bytes(32, 1));
      return settings;
    }(), rules};
    if (right) {
      const Response response = pair.driver.ask(ListPolicies{});
      ServiceSettings settings = over_amqp();
      for (const Policy& policy : std::get<Policies>(response).list)
        if (policy.name == "iothubowner") {
          settings.policy = policy.name;
          settings.policy_key = policy.primary;
        }
      pair.use(settings);
    }
    pair.start();
    pair.submit(CreateDevice{"d1", Credentials{CredentialType::sas, to_base64(Bytes(32, 7)), to_base64(Bytes(32, 9))}});
    pair.submit(command(1));
    EXPECT_EQ(pair.saw(What::create_device).size(), right ? 1u : 0u);
    EXPECT_EQ(pair.saw(What::command).size(), right ? 1u : 0u);
    pair.pass(4h);
    EXPECT_EQ(pair.saw(What::ended).size() == 0, right) << "tokens are renewed on the connection";
  }
}

// What a crash may leave of a file.
TEST(Checkpoints, OfATornFileTheLastWholeRecordCounts) {
  Effects effects;
  Checkpoints written;
  written.started({});
  Bytes file;
  std::vector<std::size_t> ends{0};
  for (std::uint64_t i = 1; i <= 4; ++i) {
    written.store(static_cast<std::uint32_t>(i % 2), i, effects);
    for (const Effect& effect : effects.list())
      if (effect.kind == Effect::Kind::append) {
        const View bytes = effects.bytes(effect);
        file.insert(file.end(), bytes.begin(), bytes.end());
      }
    effects.clear();
    ends.push_back(file.size());
  }
  for (std::size_t size = 0; size <= file.size(); ++size) {
    std::size_t whole = 0;
    while (whole + 1 < ends.size() && ends[whole + 1] <= size) ++whole;
    for (const bool garbage : {false, true}) {  // and what is behind the cut may be garbage
      Bytes torn(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      if (garbage) torn.insert(torn.end(), 40, 0xa5);
      Checkpoints read;
      const StoredFile stored{FileId{3}, torn};
      read.started({&stored, 1});
      EXPECT_EQ(std::max(read.of(0), read.of(1)), whole) << size;
    }
  }
}

}  // namespace
}  // namespace hubproof::server_tests
