// Lives of a hub at random: operations, syncs that are answered or not, and crashes that keep any
// legal part of what was not synced. Whatever the hub answered, in this life or an earlier one, must
// still be true of what the next one reads from the store.
//
// An answer counts as given once its ticket is durable. After each crash a second hub, the prober, is
// started on a copy of what is left and asked for everything, so that looking changes nothing.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <source_location>
#include <stdexcept>

#include "model/mutants/mutant.hpp"
#include "tests/model/hub_driver.hpp"

namespace hubproof::model::test {
namespace {

using Words = std::vector<std::uint32_t>;

struct Broken : std::runtime_error {
  using runtime_error::runtime_error;
};

void must(bool holds, std::string_view what = "a promise was broken",
          std::source_location where = std::source_location::current()) {
  if (!holds) throw Broken{std::string{what} + ", line " + std::to_string(where.line())};
}

const std::vector<std::string> names = {"d1", "d2"};

// What may be read of something that is overwritten: what was promised last, or anything that was
// tried after it.
struct Told {
  std::string promised;
  std::vector<std::pair<std::uint64_t, std::string>> tried;  // with the number of the attempt
  bool may_be(const std::string& value) const {
    return value == promised || std::ranges::any_of(tried, [&](const auto& t) { return t.second == value; });
  }
  void keep(std::uint64_t attempt, const std::string& value) {
    promised = value;
    std::erase_if(tried, [&](const auto& t) { return t.first <= attempt; });
  }
};

struct CommandFate {
  std::string device;
  std::uint32_t generation = 0;
  Ack ack = Ack::none;
  Date expiry{};
  bool accepted = false;
  bool may_have_ended = false;  // somebody tried
  bool expired_in_life = false;
  bool ended = false;
  Status end{};
  std::uint32_t hand_overs = 0;
  std::uint32_t hand_overs_left = 0;
  std::uint32_t abandons = 0;
  std::uint32_t abandons_done = 0;
  bool record_may_be_settled = false;
  bool record_settled = false;
};

class Lives : MemoryStore {
 public:
  explicit Lives(HubRules with) : rules{with} { start(); }

  void act(std::uint32_t word) {
    const std::uint32_t kind = word % 40;
    word /= 40;
    const std::string& name = names[word % 2];
    word /= 2;
    if (kind < 2) return create(name);
    if (kind < 3) return word % 4 == 0 ? remove(name) : sync(1);
    if (kind < 6) return telemetry(name);
    if (kind < 11) return enqueue(name, word);
    if (kind < 15) return deliver(name, word % 2 == 0 ? Holder::requests : Holder{1});
    if (kind < 20) return settle(word);
    if (kind < 21) return release(name);
    if (kind < 22) return word % 3 == 0 ? purge(name) : sync(1);
    if (kind < 23) return session(name, word);
    if (kind < 27) return feedback();
    if (kind < 30) return settle_feedback(word);
    if (kind < 33) return pass(std::vector<Duration>{10ms, 5s, 16s, 61s, 10min}[word % 5]);
    if (kind < 36) return sync(1);
    if (kind < 39) return sync(100);
    crash(word);
  }

  void crash(std::uint32_t word) {
    Words dice{word};
    const auto roll = [&](std::size_t sides) -> std::size_t {
      dice[0] = dice[0] * 1664525U + 1013904223U;
      return (dice[0] >> 8) % sides;
    };
    constexpr std::size_t block = 32;
    for (auto at = files.begin(); at != files.end();) {
      Bytes& bytes = at->second;
      const std::size_t safe = synced[at->first];
      if (bytes.size() > safe) {
        const std::size_t blocks = (bytes.size() - safe + block - 1) / block;
        const std::size_t kept = roll(2) == 0 ? roll(blocks + 1) : blocks;
        bytes.resize(std::min(bytes.size(), safe + kept * block));
        for (std::size_t i = 0; i < kept; ++i) {
          const std::size_t from = safe + i * block;
          const std::size_t to = std::min(bytes.size(), from + block);
          const std::size_t what = roll(8);  // not written; torn; whole
          if (what == 0) std::fill(bytes.data() + from, bytes.data() + to, std::uint8_t{0});
          if (what == 1)
            for (std::size_t j = from + roll(to - from); j < to; ++j)
              bytes[j] = static_cast<std::uint8_t>(roll(256));
        }
      }
      if (bytes.empty() && !synced.contains(at->first)) at = files.erase(at);
      else ++at;
    }
    for (auto& [file, bytes] : files) synced[file] = bytes.size();  // it was read back
    tickets.clear();
    syncs.clear();
    deliveries.clear();
    batches.clear();
    probe();
    start();
  }

 private:
  // The machine and its store.
  void start() {
    hub.emplace(rules, no_chance());
    effects.clear();
    halted = false;
    hub->recover(now, stored(), effects);
    // What it read is promised anew as soon as that is durable.
    const Ticket ticket = hub->remove(now, "nobody", effects).ticket;
    for (const std::string& name : names) {
      attempt(registered[name], registered_now(*hub, name), ticket);
      attempt(sessions[name], session_now(*hub, name), ticket);
    }
    done();
  }
  void done() {
    hub->flush(now, effects);
    perform();
  }
  void perform() {
    while (!effects.empty()) take(effects);
    // What may leave now, leaves.
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < tickets.size(); ++i)
        if (tickets[i].first <= hub->durable()) {
          const auto left = std::move(tickets[i].second);
          tickets.erase(tickets.begin() + static_cast<std::ptrdiff_t>(i));
          left();
          more = true;
          break;
        }
    }
    if (std::exchange(halted, false)) crash(7);
  }
  void sync(std::size_t most) {
    for (; most > 0 && !syncs.empty(); --most) {
      const auto one = syncs.front();
      syncs.erase(syncs.begin());
      if (files.contains(one.file)) synced[one.file] = std::max(synced[one.file], one.size);
      hub->stored(now, one.ticket, true, effects);
      perform();
    }
  }
  void pass(Duration time) {
    if (time > rules.sync_patience / 2) sync(1000);
    const Instant until = now.mono + time;
    for (int wakes = 0; wakes < 1000; ++wakes) {
      const auto due = hub->deadline();
      if (!due || *due > until) break;
      const Duration step = std::max(*due - now.mono, Duration{0});
      now = {now.mono + step, now.wall + step};
      hub->woken(now, effects);
      done();
    }
    const Duration rest = until - now.mono;
    now = {until, now.wall + rest};
  }
  void when(Ticket ticket, std::function<void()> left) {
    if (ticket <= hub->durable()) left();
    else tickets.emplace_back(ticket, std::move(left));
  }
  void attempt(Told& told, const std::string& value, Ticket ticket) {
    const std::uint64_t number = ++attempts;
    told.tried.emplace_back(number, value);
    when(ticket, [&told, number, value] { told.keep(number, value); });
  }

  // What can be seen of a hub.
  static std::string registered_now(const Hub& of, const std::string& name) {
    const DeviceIndex index = of.find(name);
    return index == DeviceIndex::none ? "" : std::to_string(of.device(index).generation);
  }
  static std::string session_now(const Hub& of, const std::string& name) {
    const DeviceIndex index = of.find(name);
    if (index == DeviceIndex::none) return "";
    const StoredSession* stored = of.session(index);
    return stored == nullptr || stored->filters.empty() ? "" : stored->filters[0].filter;
  }
  bool exists(const std::string& name) const { return hub->find(name) != DeviceIndex::none; }

  // Operations.
  void create(const std::string& name) {
    const Outcome outcome = hub->create(now, {std::string{name}}, effects);
    if (outcome.error == Error::none) {
      const std::uint32_t generation = outcome.done.generation;
      attempt(registered[name], std::to_string(generation), outcome.ticket);
      when(outcome.ticket, [this, generation] { must(generations.insert(generation).second); });
    }
    done();
  }
  void remove(const std::string& name) {
    if (!exists(name)) return;
    const std::uint32_t generation = hub->device(hub->find(name)).generation;
    const Outcome outcome = hub->remove(now, name, effects);
    removed.insert(generation);
    attempt(registered[name], "", outcome.ticket);
    attempt(sessions[name], "", outcome.ticket);
    done();
  }
  void telemetry(const std::string& name) {
    if (!exists(name)) return;
    const std::string id = "t" + std::to_string(++numbers);
    const std::uint32_t partition = hub->partition(hub->find(name));
    const Ticket ticket = hub->append_telemetry(now, hub->find(name), message(id), false, effects);
    when(ticket, [this, id, partition] { acked[partition].insert(id); });
    done();
    see_events(*hub);
  }
  void enqueue(const std::string& name, std::uint32_t word) {
    if (!exists(name)) return;
    const std::string id = "c" + std::to_string(++numbers);
    CommandFate fate;
    fate.device = name;
    fate.generation = hub->device(hub->find(name)).generation;
    fate.ack = static_cast<Ack>(word % 4);
    fate.expiry = now.wall + (word / 4 % 3 == 0 ? Duration{20s} : Duration{2h});
    const Outcome outcome = hub->enqueue(now, name, message(id, fate.ack, fate.expiry), effects);
    if (outcome.error == Error::none) {
      commands[id] = fate;
      when(outcome.ticket, [this, id] { commands[id].accepted = true; });
    }
    done();
  }
  void deliver(const std::string& name, Holder holder) {
    if (!exists(name)) return;
    const auto delivery = hub->deliver(now, hub->find(name), holder, effects);
    if (delivery) {
      const std::string id{*MessageView{delivery->flat}.system(System::message_id)};
      CommandFate& fate = commands.at(id);
      must(!fate.ended);
      must(now.wall < fate.expiry);
      must(counted_well(fate, delivery->count));
      ++fate.hand_overs;
      const LockToken token = delivery->token;
      when(delivery->ticket, [this, id, token] {
        must(tokens.insert(token).second);
        ++commands[id].hand_overs_left;
        deliveries.emplace_back(id, token);
      });
    }
    done();
  }
  void release(const std::string& name) {
    if (exists(name)) hub->released(now, hub->find(name), Holder{1}, effects);
    done();
  }
  void settle(std::uint32_t word) {
    if (deliveries.empty()) return;
    const auto [id, token] =
        word % 4 != 0 ? deliveries.back() : deliveries[word / 64 % deliveries.size()];
    const Settle how = static_cast<Settle>(word / 16 % 3);
    CommandFate& fate = commands.at(id);
    if (!exists(fate.device)) return;
    const Outcome outcome = hub->settle(now, hub->find(fate.device), token, how, effects);
    if (outcome.error == Error::none) {
      if (how == Settle::abandon) {
        ++fate.abandons;
        when(outcome.ticket, [this, done = id] { ++commands[done].abandons_done; });
      } else {
        ends(id, how == Settle::complete ? Status::success : Status::rejected, outcome.ticket);
      }
    }
    done();
  }
  void ends(const std::string& id, Status how, Ticket ticket) {
    commands[id].may_have_ended = true;
    when(ticket, [this, id, how] {
      must(!commands[id].ended);
      commands[id].ended = true;
      commands[id].end = how;
    });
  }
  void purge(const std::string& name) {
    if (!exists(name)) return;
    const std::uint32_t generation = hub->device(hub->find(name)).generation;
    std::vector<std::string> theirs;
    for (auto& [id, fate] : commands)
      if (fate.generation == generation && !fate.may_have_ended && now.wall < fate.expiry) {
        fate.may_have_ended = true;
        theirs.push_back(id);
      }
    const Outcome outcome = hub->purge(now, name, effects);
    for (const std::string& id : theirs)
      when(outcome.ticket, [this, id] {
        // One that was not stored before the crash was not there to be purged.
        if (!commands[id].accepted) return;
        commands[id].ended = true;
        commands[id].end = Status::purged;
      });
    done();
  }
  void session(const std::string& name, std::uint32_t word) {
    if (!exists(name)) return;
    const std::string filter = word % 3 == 0 ? "" : "f" + std::to_string(++numbers);
    std::optional<StoredSession> stored;
    if (!filter.empty()) stored = StoredSession{{{filter, 1}}, now.wall};
    const Ticket ticket = hub->store_session(now, hub->find(name), stored, effects);
    attempt(sessions[name], filter, ticket);
    done();
  }
  void feedback() {
    Feedback out;
    if (const auto ticket = hub->receive_feedback(now, out, effects)) {
      std::vector<std::string> ids;
      for (const FeedbackRecord& record : out.records) {
        ids.push_back(record.original_message_id);
        judge(record, commands.at(ids.back()), now);
        must(!commands.at(ids.back()).record_settled);
      }
      const std::int64_t batch = out.created;
      Handed& handed = handed_batches[batch];
      must(counted_well(handed, out.count));
      ++handed.hand_overs;
      when(*ticket, [this, batch, ids, token = out.token] {
        must(tokens.insert(LockToken{token}).second);
        ++handed_batches[batch].left;
        batches.push_back({token, batch, ids});
      });
    }
    done();
  }
  void settle_feedback(std::uint32_t word) {
    if (batches.empty()) return;
    const auto batch = word % 4 != 0 ? batches.back() : batches[word / 64 % batches.size()];
    const bool complete = word / 16 % 3 != 0;
    const Outcome outcome = hub->settle_feedback(now, batch.token, complete, effects);
    if (outcome.error == Error::none) {
      if (complete) {
        for (const std::string& id : batch.ids) {
          commands[id].record_may_be_settled = true;
          when(outcome.ticket, [this, id] { commands[id].record_settled = true; });
        }
      } else {
        Handed& handed = handed_batches[batch.created];
        ++handed.abandons;
        when(outcome.ticket, [this, batch] {
          ++handed_batches[batch.created].abandons_done;
        });
      }
    }
    done();
  }

  // Judgements.
  struct Handed {
    std::uint32_t hand_overs = 0;
    std::uint32_t left = 0;
    std::uint32_t abandons = 0;
    std::uint32_t abandons_done = 0;
  };
  // Every return that anybody can know of is counted, and none that did not happen [C2D-17].
  bool counted_well(const CommandFate& fate, std::uint32_t count) const {
    if (rules.delivery_count_rule == DeliveryCountRule::every_return_2017)
      return count >= fate.hand_overs_left && count <= fate.hand_overs;
    return count >= fate.abandons_done && count <= fate.abandons;
  }
  bool counted_well(const Handed& handed, std::uint32_t count) const {  // [FBK-18]
    if (rules.delivery_count_rule == DeliveryCountRule::every_return_2017)
      return count >= handed.left && count <= handed.hand_overs;
    return count >= handed.abandons_done && count <= handed.abandons;
  }
  void judge(const FeedbackRecord& record, const CommandFate& fate, Now at) const {
    const bool good = record.status == Status::success;
    must(fate.ack == Ack::full || fate.ack == (good ? Ack::positive : Ack::negative));
    must(record.generation == fate.generation);
    if (fate.ended) must(record.status == fate.end);
    if (record.status == Status::expired) must(at.wall >= fate.expiry);
    else must(fate.may_have_ended);
  }
  // Whatever a reader saw stays where it was.
  void see_events(const Hub& of) {
    for (std::uint32_t partition = 0; partition < rules.partitions; ++partition) {
      std::map<std::uint64_t, std::pair<std::uint64_t, std::string>> events;
      for (std::uint64_t from = 1;;) {
        Telemetry out;
        if (!of.read(partition, from, 1000, out)) break;
        for (const TelemetryEvent& event : out.events)
          events[event.sequence] = {
              event.offset, std::string{*MessageView{event.message}.system(System::message_id)}};
        from = out.events.back().sequence + 1;
      }
      const std::uint64_t newest = of.newest(partition);  // what follows is not durable anew yet
      for (const auto& [sequence, event] : seen[partition]) {
        if (sequence > newest) break;
        must(events.contains(sequence));
        must(events[sequence] == event);
      }
      seen[partition].insert(events.begin(), events.end());
      std::set<std::string> ids;
      std::uint64_t offset = 0;
      for (const auto& [sequence, event] : seen[partition]) {
        must(ids.insert(event.second).second);
        must(event.first >= offset);
        offset = event.first + 1;
      }
      for (const std::string& id : acked[partition]) must(ids.contains(id));
    }
  }

  // Asks a hub that was started on what is left for everything.
  void probe() {
    HubDriver prober{rules};
    prober.now = now;
    prober.files = files;
    prober.start();
    see_events(*prober.hub);
    for (const std::string& name : names) {
      must(registered[name].may_be(registered_now(*prober.hub, name)));
      must(sessions[name].may_be(session_now(*prober.hub, name)));
    }
    std::set<std::string> waiting;
    for (const std::string& name : names) {
      if (prober.hub->find(name) == DeviceIndex::none) continue;
      while (const auto delivery = prober.deliver(name, Holder::requests)) {
        const std::string id{*MessageView{delivery->flat}.system(System::message_id)};
        const CommandFate& fate = commands.at(id);
        must(waiting.insert(id).second);
        must(fate.device == name && !fate.ended && now.wall < fate.expiry);
        must(counted_well(fate, delivery->count));
      }
    }
    std::set<std::string> recorded;
    for (int i = 0; i < 3; ++i) {  // not so long that the prober's own locks run out
      for (Feedback out; !(out = prober.feedback()).records.empty();) {
        for (const FeedbackRecord& record : out.records) {
          const std::string& id = record.original_message_id;
          must(recorded.insert(id).second);
          must(!waiting.contains(id) || record.status == Status::expired);
          must(!commands.at(id).record_settled);
          judge(record, commands.at(id), prober.now);
        }
        prober.hub->settle_feedback(prober.now, out.token, true, prober.effects);
        prober.flush();
      }
      prober.pass(16s);
    }
    for (const auto& [id, fate] : commands) {
      if (!fate.accepted || removed.contains(fate.generation)) continue;
      const bool there = waiting.contains(id);
      if (!fate.may_have_ended && now.wall < fate.expiry) must(there);
      if (there || recorded.contains(id) || fate.record_may_be_settled) continue;
      if (fate.ack == Ack::full) must(false, "neither " + id + " nor its record is left");
      if (!fate.ended) continue;
      const Ack asked = fate.end == Status::success ? Ack::positive : Ack::negative;
      if (fate.ack == asked) must(false, "the record of " + id + " is lost");
    }
  }

  HubRules rules;
  Now now{Instant{Duration{1'000'000'000}}, Date{Duration{1'700'000'000'000'000'000}}};
  Effects effects;
  std::optional<Hub> hub;
  std::vector<std::pair<Ticket, std::function<void()>>> tickets;  // answers that wait

  std::uint64_t numbers = 0;
  std::uint64_t attempts = 0;
  std::map<std::string, Told> registered;
  std::map<std::string, Told> sessions;
  std::set<std::uint32_t> generations;
  std::set<std::uint32_t> removed;  // perhaps
  std::map<std::uint32_t, std::set<std::string>> acked;
  std::map<std::uint32_t, std::map<std::uint64_t, std::pair<std::uint64_t, std::string>>> seen;
  std::map<std::string, CommandFate> commands;
  std::vector<std::pair<std::string, LockToken>> deliveries;
  std::set<LockToken> tokens;
  struct Batch {
    std::uint64_t token = 0;
    std::int64_t created = 0;
    std::vector<std::string> ids;
  };
  std::vector<Batch> batches;
  std::map<std::int64_t, Handed> handed_batches;  // by when the batch was made
};

HubRules rules_of(std::string_view name, bool mirrored, std::uint64_t segment) {
  HubRules rules = profile(name)->hub;
  rules.journal_copies = mirrored ? 2 : 1;
  rules.journal_segment = segment;
  rules.max_delivery_count = rules.feedback_max_delivery_count = 1000;
  rules.retention = 30 * 24h;
  rules.feedback_ttl = 30 * 24h;
  rules.queue_limit = 1000;
  return rules;
}

void live(HubRules rules, const Words& words) {
  Lives lives{rules};
  for (int i = 0; i < 2; ++i) lives.act(static_cast<std::uint32_t>(40 * i));
  for (const std::uint32_t word : words) lives.act(word);
  lives.crash(1);
  lives.crash(2);
}

Words words() {
  const int length = *rc::gen::weightedElement<int>({{6, 60}, {3, 150}, {1, 400}});
  return *rc::gen::container<Words>(static_cast<std::size_t>(*rc::gen::inRange(1, length)),
                                    rc::gen::inRange(0u, 1u << 30));
}

RC_GTEST_PROP(HubLives, WhatWasPromisedHoldsWhateverACrashKeeps2026, ()) {
  live(rules_of("iot-hub-2026", *rc::gen::arbitrary<bool>(), *rc::gen::element(500u, 4000u, 1u << 20)),
       words());
}

RC_GTEST_PROP(HubLives, WhatWasPromisedHoldsWhateverACrashKeeps2017, ()) {
  live(rules_of("iot-hub-2017", *rc::gen::arbitrary<bool>(), *rc::gen::element(500u, 4000u, 1u << 20)),
       words());
}

// How many lives it takes until one is broken; 0: none of 500 is.
int lives_until_broken(void (*spoil)(Rules&)) {
  Rules rules = *profile("iot-hub-2026");
  rules.hub = rules_of("iot-hub-2026", false, 4000);
  spoil(rules);
  std::uint32_t state = 1;
  for (int life = 1; life <= 500; ++life) {
    Words words(200);
    for (std::uint32_t& word : words) word = (state = state * 1664525U + 1013904223U) >> 8;
    try {
      live(rules.hub, words);
    } catch (const Broken&) {
      return life;
    }
  }
  return 0;
}

TEST(HubLives, OfAHubThatForgetsOneIsBroken) {
  EXPECT_EQ(lives_until_broken([](Rules&) {}), 0);
  for (const char* name : {"ack-before-durable", "lost-on-recovery", "torn-record-accepted",
                           "sequence-numbers-reused", "feedback-lost", "feedback-doubled",
                           "delivery-after-completion"}) {
    const Mutant* mutant = find_mutant(name);
    ASSERT_NE(mutant, nullptr) << name;
    EXPECT_GT(lives_until_broken(mutant->apply), 0) << name;
  }
}

}  // namespace
}  // namespace hubproof::model::test
