// The suite of AMQP 1.0: our own broker passes it, and each case and each statement fails at a
// wrong broker. What is wrong is a rule of the broker's, or frames of it are spoilt on their way.
#include "conformance/cases/amqp10.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conformance/clause.hpp"
#include "model/amqp/queues.hpp"

namespace hubproof::conformance::cases::amqp10 {
namespace {

using model::amqp::QueueRules;
using model::amqp::ValueWriter;

const Cases& suite() {
  static const Cases all = [] {
    Cases cases;
    add_amqp10(cases);
    return cases;
  }();
  return all;
}

// ---- Frames that are spoilt.

struct Parsed {
  std::uint8_t type = 0;
  std::uint16_t channel = 0;
  Code code = Code::empty;
  std::vector<Bytes> fields;  // encoded
  Bytes payload;

  void set(std::size_t field, Bytes encoded) {
    while (fields.size() <= field) fields.push_back({0x40});
    fields[field] = std::move(encoded);
  }
};

Parsed parse(View frame) {
  Parsed parsed;
  parsed.type = frame[5];
  parsed.channel = static_cast<std::uint16_t>(model::load_big<2>(frame.data() + 6));
  const View body = frame.subspan(std::size_t{4} * frame[4]);
  if (body.empty()) return parsed;
  model::amqp::ValueReader reader{body};
  const model::amqp::Value performative = reader.next();
  parsed.code = static_cast<Code>(performative.descriptor);
  model::amqp::ValueReader items{performative.bytes};
  while (items.left() > 0) {
    const View rest = items.rest();
    items.next();
    parsed.fields.emplace_back(
        rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(rest.size() - items.left()));
  }
  parsed.payload.assign(reader.rest().begin(), reader.rest().end());
  return parsed;
}

Bytes write(const Parsed& parsed) {
  if (parsed.code == Code::empty) return frame_of(parsed.channel, {}, {}, {}, parsed.type);
  Bytes body;
  ValueWriter out{body};
  out.descriptor(static_cast<std::uint8_t>(parsed.code));
  out.begin_list();
  for (const Bytes& field : parsed.fields) out.encoded(field);
  out.end();
  return frame_of(parsed.channel, body, parsed.payload, {}, parsed.type);
}

using Edit = std::function<std::vector<Parsed>(Parsed)>;

class Spoiler {
 public:
  Spoiler(Edit edit, bool headers) : edit_{std::move(edit)}, headers_{headers} {}
  void operator()(Bytes& bytes) {
    left_.insert(left_.end(), bytes.begin(), bytes.end());
    Bytes out;
    const auto take = [&](std::size_t size) {
      const Bytes taken(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(size));
      left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(size));
      return taken;
    };
    const auto add = [&](const Bytes& what) { out.insert(out.end(), what.begin(), what.end()); };
    while (left_.size() >= 8) {
      if (left_[0] == 'A') {
        Bytes header = take(8);
        if (headers_) header[6] = 77;
        add(header);
        continue;
      }
      const std::size_t size = model::load_big<4>(left_.data());
      if (left_.size() < size) break;
      const Bytes frame = take(size);
      if (!edit_)
        add(frame);
      else
        for (const Parsed& each : edit_(parse(frame))) add(write(each));
    }
    bytes = std::move(out);
  }

 private:
  Edit edit_;
  bool headers_;
  Bytes left_;
};

Edit of(Code code, std::function<std::vector<Parsed>(Parsed)> what) {
  return [code, what](Parsed frame) {
    return frame.code == code ? what(std::move(frame)) : std::vector<Parsed>{std::move(frame)};
  };
}
Edit dropped(Code code) {
  return of(code, [](const Parsed&) { return std::vector<Parsed>{}; });
}
Edit dropped_after(Code code, int kept) {
  return of(code, [kept](Parsed frame) mutable {
    return kept-- > 0 ? std::vector<Parsed>{std::move(frame)} : std::vector<Parsed>{};
  });
}
Edit twice(Code code) {
  return of(code, [](const Parsed& frame) { return std::vector<Parsed>{frame, frame}; });
}
Edit on_channel(Code code, std::uint16_t channel) {
  return of(code, [channel](Parsed frame) {
    frame.channel = channel;
    return std::vector<Parsed>{std::move(frame)};
  });
}
Edit with(Code code, std::size_t field, Bytes encoded) {
  return of(code, [field, encoded](Parsed frame) {
    frame.set(field, encoded);
    return std::vector<Parsed>{std::move(frame)};
  });
}
Edit with_payload(Code code, std::function<void(Bytes&)> change) {
  return of(code, [change](Parsed frame) {
    change(frame.payload);
    return std::vector<Parsed>{std::move(frame)};
  });
}
Bytes encoded(const std::function<void(ValueWriter&)>& fill) {
  Bytes bytes;
  ValueWriter out{bytes};
  fill(out);
  return bytes;
}
Bytes number(std::uint32_t value) {
  return encoded([&](ValueWriter& out) { out.uint(value); });
}
const Bytes null{0x40}, yes{0x41}, no{0x42};

// ---- Brokers that are wrong.

struct Wrong {
  std::string name;
  std::function<void(QueueRules&)> rules = [](QueueRules&) {};
  std::function<Edit()> edit = [] { return Edit{}; };
  bool headers = false;
};

std::vector<Wrong> wrong_brokers() {
  std::vector<Wrong> all;
  const auto rule = [&](const char* name, std::function<void(QueueRules&)> rules) {
    all.push_back({name, std::move(rules)});
  };
  const auto frames = [&](const char* name, std::function<Edit()> edit) {
    all.push_back({name, [](QueueRules&) {}, std::move(edit)});
  };
  rule("answers no wrong header", [](QueueRules& r) { r.answers_wrong_headers = false; });
  rule("goes on behind a wrong header", [](QueueRules& r) { r.ends_wrong_headers = false; });
  rule("welcomes every password", [](QueueRules& r) { r.checks_passwords = false; });
  rule("takes what is too large", [](QueueRules& r) { r.refuses_too_large = false; });
  rule("sends what is too large", [](QueueRules& r) { r.heeds_max_message_size = false; });
  rule("does not drain", [](QueueRules& r) { r.drains = false; });
  rule("keeps what was accepted", [](QueueRules& r) { r.removes_accepted = false; });
  rule("loses what was released", [](QueueRules& r) { r.returns_released = false; });
  rule("counts what was not delivered", [](QueueRules& r) { r.count_of_new = 3; });
  rule("counts what was released", [](QueueRules& r) { r.count_of_released = 1; });
  rule("does not count what failed", [](QueueRules& r) { r.count_of_failed = 0; });
  rule("changes bodies", [](QueueRules& r) { r.keeps_body = false; });
  rule("loses annotations", [](QueueRules& r) { r.keeps_annotations = false; });
  rule("settles the first of a range", [](QueueRules& r) { r.settles_ranges = false; });
  rule("settles first", [](QueueRules& r) { r.waits_for_settlement = false; });
  rule("says nothing of messages", [](QueueRules& r) { r.accepts = false; });
  all.push_back({"lives with a broken protocol", [](QueueRules& r) { r.ends_broken = false; },
                 [] { return dropped(Code::close); }});
  all.push_back({"has another header", [](QueueRules&) {}, [] { return Edit{}; }, true});
  for (const Code code :
       {Code::empty, Code::open, Code::begin, Code::attach, Code::flow, Code::transfer,
        Code::disposition, Code::detach, Code::end, Code::close, Code::mechanisms, Code::outcome})
    all.push_back({"says no " + std::string{text_of(code)}, [](QueueRules&) {},
                   [code] { return dropped(code); }});
  for (const Code code : {Code::open, Code::close, Code::transfer})
    all.push_back({"says twice " + std::string{text_of(code)}, [](QueueRules&) {},
                   [code] { return twice(code); }});
  frames("says begin once", [] { return dropped_after(Code::begin, 1); });
  frames("says attach once", [] { return dropped_after(Code::attach, 1); });
  frames("opens on a channel", [] { return on_channel(Code::open, 3); });
  frames("has no name", [] { return with(Code::open, 0, null); });
  frames("takes short frames only", [] { return with(Code::open, 2, number(300)); });
  frames("promises to end a silent connection soon",
         [] { return with(Code::open, 4, number(3'000)); });
  frames("has one channel", [] { return on_channel(Code::begin, 9); });
  frames("answers another channel", [] { return with(Code::begin, 0, {0x60, 0x7f, 0x01}); });
  frames("has few handles, and takes more", [] { return with(Code::begin, 4, number(10)); });
  frames("has no window", [] { return with(Code::begin, 2, null); });
  frames("names links itself", [] { return with(Code::attach, 0, {0xa1, 1, 'x'}); });
  frames("has one handle", [] { return with(Code::attach, 1, number(77)); });
  frames("is always a sender", [] { return with(Code::attach, 2, no); });
  frames("is always a receiver", [] { return with(Code::attach, 2, yes); });
  frames("does not count from anywhere", [] { return with(Code::attach, 9, null); });
  frames("has seen more transfers", [] { return with(Code::flow, 0, number(4'000'000)); });
  frames("has no window in a flow", [] { return with(Code::flow, 1, null); });
  frames("has one delivery-id", [] { return with(Code::transfer, 1, number(5)); });
  frames("has one tag", [] { return with(Code::transfer, 2, {0xa0, 1, 7}); });
  frames("has long tags", [] {
    return with(Code::transfer, 2, encoded([](ValueWriter& out) { out.binary(Bytes(40, 1)); }));
  });
  frames("settles all", [] { return with(Code::transfer, 4, yes); });
  frames("settles nothing", [] { return with(Code::transfer, 4, no); });
  frames("sends long frames", [] {
    return with_payload(Code::transfer,
                        [](Bytes& payload) { payload.resize(payload.size() + 2'000, 0); });
  });
  frames("loses half a payload", [] {
    return with_payload(Code::transfer, [](Bytes& payload) { payload.resize(payload.size() / 2); });
  });
  frames("releases all", [] { return with(Code::disposition, 4, {0x00, 0x53, 0x26, 0x45}); });
  frames("speaks as a sender", [] { return with(Code::disposition, 0, no); });
  frames("never closes a link for good", [] { return with(Code::detach, 1, no); });
  frames("detaches without an error", [] { return with(Code::detach, 2, null); });
  frames("closes without an error", [] { return with(Code::close, 0, null); });
  frames("has one error", [] {
    return with(Code::close, 0, encoded([](ValueWriter& out) {
                  out.descriptor(0x1d);
                  out.begin_list();
                  out.symbol("amqp:internal-error");
                  out.end();
                }));
  });
  frames("ends another session", [] { return on_channel(Code::end, 33); });
  frames("welcomes nobody", [] { return with(Code::outcome, 0, {0x50, 1}); });
  frames("has very many mechanisms", [] {
    return with_payload(Code::mechanisms, [](Bytes& payload) { payload.resize(600, 0); });
  });
  return all;
}

// A case at a broker, with no network between them.
class Played {
 public:
  Played(const Case& one, const Wrong& wrong, std::uint64_t seed)
      : spoiler_{wrong.edit(), wrong.headers}, broker_{rules_} {
    wrong.rules(rules_);
    target_.profile = "amqp-1.0";
    target_.can = {Capability::amqp, Capability::node, Capability::free_time};
    target_.user = target_.password = "guest";
    target_.node = "queue-*";
    stage_.emplace(target_, pace_, one, seed, "t", std::vector<Identity>{});
    stage_->begin(now_, asked_);
    for (int step = 0; step < 100'000 && !stage_->over(); ++step) {
      perform();
      if (!todo_.empty()) {
        const auto next = std::move(todo_.front());
        todo_.pop_front();
        now_ += 100us;
        next();
        continue;
      }
      const auto its = broker_.deadline(), ours = stage_->deadline();
      if (!ours) break;
      const bool broker_first = its && *its < *ours;
      now_ = std::max(now_, broker_first ? *its : *ours);
      if (broker_first)
        broker_.woken(at(), said_);
      else
        stage_->woken(now_, asked_);
    }
  }

  Verdict verdict() const {
    Finding all;
    for (const Outcome& each : stage_->outcomes()) {
      if (each.finding.verdict == Verdict::inconclusive) return Verdict::inconclusive;
      all.merge(each.finding);
    }
    return all.verdict;
  }
  const std::vector<Outcome>& outcomes() const { return stage_->outcomes(); }
  std::string text() const {
    std::string text{stage_->missing()};
    for (const Outcome& each : stage_->outcomes())
      text += "\n" + each.clause + ": " + each.finding.text;
    for (const Line& line : stage_->transcript()) {
      const bool bytes = line.what == Line::What::sent || line.what == Line::What::received ||
                         line.what == Line::What::note;
      text += "\n" + std::to_string(static_cast<int>(line.what)) + " " +
              (bytes ? hex(stage_->bytes(line), 100) : "");
    }
    return text;
  }

 private:
  using Id = model::ConnectionId;
  model::Now at() const { return {now_, model::Date{} + now_.time_since_epoch()}; }

  void perform() {
    Effects asked, said;
    std::swap(asked, asked_);
    std::swap(said, said_);
    for (const model::Effect& effect : asked.list()) {
      const Id id = effect.connection;
      if (effect.kind == model::Effect::Kind::connect) {
        todo_.push_back([this, id] {
          broker_.opened(at(), id);
          stage_->connected(now_, id, asked_);
        });
      } else if (effect.kind == model::Effect::Kind::send) {
        const View bytes = asked.bytes(effect);
        todo_.push_back([this, id, sent = Bytes(bytes.begin(), bytes.end())] {
          broker_.received(at(), id, sent, said_);
        });
      } else {
        todo_.push_back([this, id] { broker_.ended(at(), id, said_); });
      }
    }
    for (const model::Effect& effect : said.list()) {
      const Id id = effect.connection;
      if (effect.kind == model::Effect::Kind::send) {
        const View bytes = said.bytes(effect);
        todo_.push_back([this, id, sent = Bytes(bytes.begin(), bytes.end())]() mutable {
          spoiler_(sent);
          if (!sent.empty()) stage_->received(now_, id, sent, asked_);
        });
      } else {
        todo_.push_back([this, id] { stage_->ended(now_, id, model::EndedBy::peer, asked_); });
      }
    }
  }

  QueueRules rules_;
  Spoiler spoiler_;
  model::amqp::QueueBroker broker_;
  Target target_;
  Pace pace_;
  Effects asked_, said_;
  Instant now_{};
  std::deque<std::function<void()>> todo_;
  std::optional<Stage> stage_;
};

TEST(Amqp10, OurOwnBrokerPasses) {
  for (const Case& one : suite())
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Played run{one, {"right"}, seed};
      const bool unlimited =
          one.name == "amqp10/session/handle-too-high";  // our own broker announces no handle-max
      EXPECT_EQ(run.verdict(), unlimited ? Verdict::not_exercised : Verdict::pass)
          << one.name << ", seed " << seed << "\n"
          << run.text();
    }
}

TEST(Amqp10, EachCaseAndEachStatementIsSeenToFail) {
  std::set<std::string> cases, clauses;
  for (const Wrong& wrong : wrong_brokers()) {
    std::size_t found = 0;
    for (const Case& one : suite()) {
      const Played run{one, wrong, 0};
      for (const Outcome& outcome : run.outcomes()) {
        if (outcome.finding.verdict != Verdict::fail) continue;
        ++found;
        cases.insert(one.name);
        clauses.insert(outcome.clause);
      }
    }
    EXPECT_GT(found, 0u) << "a broker that " << wrong.name << " is not found";
  }
  for (const Case& one : suite())
    EXPECT_TRUE(cases.contains(one.name)) << one.name << " fails at none of the wrong brokers";
  for (const Clause& clause : conformance::clauses()) {
    if (clause.chapter != "amqp10") continue;
    EXPECT_TRUE(clauses.contains(clause.id)) << clause.id << " is kept by all of the wrong brokers";
  }
}

}  // namespace
}  // namespace hubproof::conformance::cases::amqp10
