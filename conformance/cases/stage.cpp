#include "conformance/cases/stage.hpp"

#include <algorithm>

#include "conformance/cases/case.hpp"
#include "conformance/clause.hpp"

namespace hubproof::conformance::cases {
namespace {

constexpr Duration longest_probe = 30s;   // then the target does not answer at all
constexpr Duration longest_case = 240s;
constexpr Duration longest_free = 72h;    // where time costs nothing
constexpr std::size_t longest_log = 1u << 20;
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";

Types type_of(View packet) { return static_cast<Type>(packet.empty() ? 0 : packet[0] >> 4); }

const char* ended_text(model::EndedBy by) {
  switch (by) {
    case model::EndedBy::reset: return "the peer reset the connection";
    case model::EndedBy::timed_out: return "the connection timed out";
    default: return "the peer closed the connection";
  }
}

}  // namespace

Stage::Stage(const Target& target, Pace& pace, const Case& of, std::uint64_t seed, std::string tag,
             std::vector<Identity> identities)
    : target_{target},
      pace_{pace},
      case_{of},
      draws_{seed, of.name},
      tag_{std::move(tag)},
      spare_{identities.rbegin(), identities.rend()},
      feedback_{of.alone == Alone::nothing ? Feedback::others : Feedback::held} {}

// ---- The driver's calls.

void Stage::begin(Instant now, Effects& effects) {
  now_ = began_ = now;
  effects_ = &effects;
  script_ = case_.script(*this);
  waiting_ = script_.handle();
  go_on();
}

void Stage::connected(Instant now, model::ConnectionId connection, Effects& effects) {
  if (over_) return;
  now_ = now;
  effects_ = &effects;
  const auto client = static_cast<Client>(connection);
  Conn& one = conn(client);
  if (one.state != State::connecting) return;
  one.state = State::open;
  if (one.probe) {
    if (one.door == Door::amqp) {
      effects.send(connection, Bytes{'A', 'M', 'Q', 'P', 3, 1, 0, 0});
      probe_since_ = now;
      return;
    }
    Raw hello{Type::connect};
    hello.field("MQTT").u8(4).u8(2).u16(0).field(tag_ + "P" + std::to_string(model::hash(model::view(case_.name)) % 1'000'000));
    effects.send(connection, hello.packet());
    probe_since_ = now;
    return;
  }
  log(Line::What::connected, client);
  flush(client);
  go_on();
}

void Stage::refused(Instant now, model::ConnectionId connection, Effects& effects) {
  if (over_) return;
  now_ = now;
  effects_ = &effects;
  const auto client = static_cast<Client>(connection);
  conn(client).state = State::over;
  log(Line::What::refused, client);
  stop("the target took no connection");
  go_on();
}

void Stage::received(Instant now, model::ConnectionId connection, View bytes, Effects& effects) {
  if (over_) return;
  now_ = now;
  effects_ = &effects;
  const auto client = static_cast<Client>(connection);
  Conn& one = conn(client);
  if (one.state == State::over) return;
  if (one.probe) return probe_answered();
  log(Line::What::received, client, bytes);
  one.in.insert(one.in.end(), bytes.begin(), bytes.end());
  if (one.door == Door::mqtt) parse(client);
  go_on();
}

void Stage::ended(Instant now, model::ConnectionId connection, model::EndedBy by, Effects& effects) {
  if (over_) return;
  now_ = now;
  effects_ = &effects;
  const auto client = static_cast<Client>(connection);
  Conn& one = conn(client);
  if (one.state == State::over) return;
  one.state = State::over;
  one.over_since = now;
  if (one.probe) return probe_answered();
  one.by = by;
  one.pieces.clear();
  log(Line::What::ended, client, {}, by);
  go_on();
}

void Stage::woken(Instant now, Effects& effects) {
  if (over_) return;
  now_ = now;
  effects_ = &effects;
  for (std::size_t at = 1; at < conns_.size(); ++at)
    if (conns_[at].state == State::open) flush(static_cast<Client>(at));
  look_at_clock();
  go_on();
}

Duration Stage::longest() const { return target_.can.has(Capability::free_time) ? longest_free : longest_case; }

std::optional<Instant> Stage::deadline() const {
  if (over_) return std::nullopt;
  Instant first = began_ + longest();
  for (const Conn& one : conns_)
    if (one.state == State::open && !one.pieces.empty()) first = std::min(first, one.next_piece);
  using enum Wait::For;
  if (probe_ != Client::none)
    first = std::min(first, probe_until_);
  else if (wait_.what != restart && wait_.what != feedback && wait_.what != never && wait_.what != nothing)
    first = std::min(first, wait_.until);
  return first;
}

void Stage::restarted(Instant now, bool ok, Effects& effects) {
  if (over_) return;
  now_ = now;
  effects_ = &effects;
  restart_wanted_ = false;
  if (!ok) stop("the target did not restart");
  go_on();
}

void Stage::feedback_given(Instant now, Effects& effects) {
  if (over_) return;
  now_ = now;
  effects_ = &effects;
  feedback_ = Feedback::held;
  go_on();
}

// ---- Waiting.

bool Stage::arm(const Wait& wait) {
  wait_ = wait;
  wait_since_ = now_;
  absent_ = false;
  return ready();
}

bool Stage::ready() const {
  using enum Wait::For;
  if (stopped_) return false;
  if (absent_) return true;
  const Conn& one = conn(wait_.client);
  switch (wait_.what) {
    case nothing: return true;
    case packet:
      for (const Packet& each : one.packets)
        if (fits(each, wait_)) return true;
      return one.state == State::over;
    case end: return one.state == State::over || (wait_.by_time && now_ >= wait_.until);
    case open: return one.state == State::open;
    case bytes: return one.state == State::over || one.in.size() - one.read >= wait_.size;
    case time: return now_ >= wait_.until;
    case restart: return !restart_wanted_;
    case feedback: return feedback_ == Feedback::held;
    case never: return false;
  }
  return false;
}

void Stage::go_on() {
  while (!over_ && !stopped_ && waiting_ && ready()) {
    if (probe_ != Client::none) {  // what was awaited came after all
      effects_->abort(static_cast<model::ConnectionId>(probe_));
      conn(probe_).state = State::over;
      probe_ = Client::none;
    }
    std::exchange(waiting_, nullptr).resume();
  }
  if (stopped_ || script_.done()) finish();
}

void Stage::finish() {
  if (over_) return;
  for (const std::string& clause : case_.clauses)
    if (Finding& finding = outcome(clause).finding; !finding.exercised() && finding.text.empty())
      finding.leave_undecided(0, 0, missing_.empty() ? "the case came to its end without it" : missing_);
  over_ = true;
  waiting_ = nullptr;
  script_.reset();
  for (std::size_t at = 1; at < conns_.size(); ++at) {
    if (conns_[at].state == State::over) continue;
    conns_[at].state = State::over;
    effects_->abort(static_cast<model::ConnectionId>(at));
  }
}

void Stage::stop(std::string missing) {
  if (!stopped_) missing_ = std::move(missing);
  stopped_ = true;
}

void Stage::look_at_clock() {
  using enum Wait::For;
  if (now_ >= began_ + longest()) return stop("it took too long");
  if (probe_ != Client::none) {
    if (now_ >= probe_until_) stop("the target answered no probe");
    return;
  }
  if (now_ < wait_.until || ready()) return;
  switch (wait_.what) {
    case open: return stop("no connection came about in time");
    case packet:
    case end:
    case bytes:
      if (!waits_longer()) probe();
      return;
    default: return;
  }
}

bool Stage::waits_longer() {
  const Instant until = wait_since_ + patience();
  if (wait_.by_time || until <= now_) return false;
  wait_.until = until;
  return true;
}

void Stage::probe() {
  if (!target_.can.has(Capability::mqtt) && !target_.amqp10()) {
    absent_ = true;
    return;
  }
  probe_ = static_cast<Client>(conns_.size());
  Conn& one = conns_.emplace_back();
  one.probe = true;
  if (target_.amqp10()) one.door = Door::amqp;
  probe_since_ = now_;
  probe_until_ = now_ + longest_probe;
  effects_->connect(static_cast<model::ConnectionId>(probe_));
}

void Stage::probe_answered() {
  if (probe_ == Client::none) return;
  if (conn(probe_).state != State::over) effects_->abort(static_cast<model::ConnectionId>(probe_));
  conn(probe_).state = State::over;
  probe_ = Client::none;
  pace_.measured(now_ - probe_since_);
  if (waits_longer()) return log(Line::What::note, Client::none, model::view("a connection of its own was answered, but late: there is more time"));
  absent_ = true;
  log(Line::What::note, Client::none, model::view("a connection of its own was answered: what is awaited is absent"));
  go_on();
}

// ---- What comes in.

void Stage::parse(Client client) {
  Conn& one = conn(client);
  while (!one.broken && one.read < one.in.size()) {
    const View rest = View{one.in}.subspan(one.read);
    const std::size_t size = packet_size(rest);
    if (size == no_length) {
      one.broken = true;
      fail("a packet with a length", "bytes that cannot be one: " + hex(rest, 16), "mqtt311:2.2.2-1");
      return;
    }
    if (size == 0 || size > rest.size()) break;
    kept_.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
    one.packets.push_back(read_packet(kept_.back()));
    one.read += size;
    judge(client, one.packets.back());
    const Type type = one.packets.back().type;
    if (one.asked && (type == Type::connack || type == Type::pingresp)) {
      pace_.measured(now_ - *one.asked);
      one.asked.reset();
    }
  }
  if (one.read == one.in.size()) one.in.clear(), one.read = 0;
}

// What no packet of a server may be, whatever the case is about.
void Stage::judge(Client client, const Packet& packet) {
  if (conn(client).packets.size() == 1 && packet.type != Type::connack)
    fail("CONNACK, as the first packet of a server", describe(packet.raw), "mqtt311:3.2.0-1");
  if (packet.statement == nullptr) return;
  if (sends_id_zero_ && packet.id == 0 && packet.type != Type::publish) return;
  const bool known = find_clause(packet.statement) != nullptr;
  fail("a well-formed packet", std::string{packet.wrong} + ": " + describe(packet.raw) + " (" + hex(packet.raw, 24) + ")",
       known ? packet.statement : "mqtt311:2.2.2-1");
}

// ---- Names and chance.

std::uint16_t Stage::other_id(std::uint16_t than) {
  const auto drawn = static_cast<std::uint16_t>(1 + draws_.below(65'534));
  return drawn < than ? drawn : static_cast<std::uint16_t>(drawn + 1);
}

View Stage::payload(std::uint32_t least, std::uint32_t most) {
  Bytes bytes(draws_.between(least, most));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(draws_.below(256));
  return keep(std::move(bytes));
}

Who Stage::someone() {
  const auto who = static_cast<Who>(identities_.size());
  if (hub()) {
    if (spare_.empty()) {
      stop("the case needs more devices than the descriptor gives it");
      identities_.emplace_back();
    } else {
      identities_.push_back(std::move(spare_.back()));
      spare_.pop_back();
    }
  } else {
    std::string id = tag_;
    for (std::uint32_t more = draws_.between(6, 10); more > 0; --more)
      id += letters[draws_.below(static_cast<std::uint32_t>(letters.size()))];
    identities_.push_back({std::move(id), target_.user, target_.password, {}});
  }
  const std::string& id = identities_.back().id;
  topics_.push_back(hub() ? keep("devices/" + id + "/messages/events/") : fresh_topic());
  filters_.push_back(hub() ? keep("devices/" + id + "/messages/devicebound/#") : fresh_topic());
  return who;
}

std::string_view Stage::topic(Who who) { return topics_[static_cast<std::size_t>(who)]; }
std::string_view Stage::filter(Who who) { return filters_[static_cast<std::size_t>(who)]; }

std::string_view Stage::fresh_level() {
  std::string level;
  for (std::uint32_t more = draws_.between(4, 9); more > 0; --more)
    level += letters[draws_.below(static_cast<std::uint32_t>(letters.size()))];
  return keep(std::move(level));
}

std::string_view Stage::fresh_id() { return keep(tag_ + std::string{fresh_level()}); }

std::string_view Stage::fresh_topic() {
  std::string topic = tag_;
  for (std::uint32_t more = draws_.between(1, 3); more > 0; --more) topic += "/" + std::string{fresh_level()};
  return keep(std::move(topic));
}

std::string_view Stage::keep(std::string text) { return texts_.emplace_back(std::move(text)); }
View Stage::keep(Bytes bytes) { return kept_.emplace_back(std::move(bytes)); }

// ---- What scripts do.

Client Stage::connect(Door door) {
  const auto client = static_cast<Client>(conns_.size());
  conns_.emplace_back().door = door;
  log(Line::What::connecting, client);
  effects_->connect(static_cast<model::ConnectionId>(client));
  return client;
}

void Stage::send_whole(Client client, View bytes) {
  if (is_over(client) || stopped_) return;
  log(Line::What::sent, client, bytes);
  put(client, bytes, false);
}

void Stage::send(Client client, View bytes) {
  if (is_over(client) || stopped_) return;
  log(Line::What::sent, client, bytes);
  std::uint32_t pieces = draws_.below(3) == 0 ? draws_.between(2, 4) : 1;
  for (; pieces > 1 && bytes.size() > 1; --pieces) {
    const std::uint32_t size = draws_.between(1, static_cast<std::uint32_t>(bytes.size()) - 1);
    put(client, bytes.first(size), true);
    bytes = bytes.subspan(size);
  }
  put(client, bytes, false);
}

// At once, or behind what waits.
void Stage::put(Client client, View bytes, bool more) {
  Conn& one = conn(client);
  const Types type = type_of(bytes);
  if (one.door == Door::mqtt && (type.has(Type::connect) || type.has(Type::pingreq)) && !one.asked) one.asked = now_;
  one.pieces.push_back({Bytes(bytes.begin(), bytes.end()), more});
  if (one.state == State::open) flush(client);
}

void Stage::flush(Client client, bool all) {
  Conn& one = conn(client);
  while (!one.pieces.empty() && (all || now_ >= one.next_piece)) {
    effects_->send(static_cast<model::ConnectionId>(client), one.pieces.front().bytes);
    if (one.pieces.front().more) one.next_piece = now_ + 1ms;
    one.pieces.pop_front();
  }
}

void Stage::close(Client client) {
  Conn& one = conn(client);
  if (one.state == State::over || stopped_) return;
  if (one.state == State::open) flush(client, true);
  one.state = State::over;
  one.ours = true;
  log(Line::What::closed, client);
  effects_->close(static_cast<model::ConnectionId>(client));
}

void Stage::cut(Client client) {
  Conn& one = conn(client);
  if (one.state == State::over || stopped_) return;
  if (one.state == State::open) flush(client, true);
  one.state = State::over;
  one.ours = true;
  log(Line::What::closed, client, {}, model::EndedBy::reset);
  effects_->abort(static_cast<model::ConnectionId>(client));
}

void Stage::note(std::string text) { log(Line::What::note, Client::none, model::view(text)); }

std::size_t Stage::left(Client client, Types types) const {
  std::size_t count = 0;
  for (const Packet& each : conn(client).packets) count += !each.taken && types.has(each.type) ? 1 : 0;
  return count;
}

std::size_t Stage::left_on(Client client, std::string_view topic) const {
  std::size_t count = 0;
  for (const Packet& each : conn(client).packets)
    count += !each.taken && each.type == Type::publish && each.topic == topic ? 1 : 0;
  return count;
}

bool Stage::fits(const Packet& packet, const Wait& wait) {
  return !packet.taken && wait.types.has(packet.type) && (wait.id == 0 || packet.id == wait.id) &&
         (wait.topic.data() == nullptr || packet.topic == wait.topic);
}

const Packet* Stage::take(const Wait& wait) {
  for (Packet& each : conn(wait.client).packets) {
    if (!fits(each, wait)) continue;
    each.taken = true;
    return &each;
  }
  return nullptr;
}

const Packet* Stage::take(Client client, Types types, std::uint16_t id) {
  return take(Wait{Wait::For::packet, client, types, id});
}

std::string Stage::found(Client client) const {
  const Conn& one = conn(client);
  std::string text;
  for (const Packet& each : one.packets)
    if (!each.taken) text += (text.empty() ? "" : "; ") + describe(each.raw);
  if (one.state == State::over && !one.ours) return text + (text.empty() ? "" : "; then ") + ended_text(one.by);
  if (!text.empty()) return text;
  return "nothing, while the target answered others";
}

// ---- Verdicts.

template <class F>
void Stage::each_clause(std::string_view clauses, F f) {
  if (clauses.empty()) {
    for (const std::string& clause : case_.clauses) f(outcome(clause).finding);
    return;
  }
  while (!clauses.empty()) {
    const std::size_t blank = std::min(clauses.find(' '), clauses.size());
    const std::string_view clause = clauses.substr(0, blank);
    f(outcome(clause).finding);
    if (const std::string_view same = departure(clause); std::ranges::count(case_.clauses, same) > 0) f(outcome(same).finding);
    clauses.remove_prefix(std::min(blank + 1, clauses.size()));
  }
}

Outcome& Stage::outcome(std::string_view clause) {
  const auto found = std::ranges::find(outcomes_, clause, &Outcome::clause);
  if (found != outcomes_.end()) return *found;
  outcomes_.push_back({std::string{clause}, {}});
  return outcomes_.back();
}

void Stage::pass(std::string_view clauses) {
  if (stopped_) return;
  each_clause(clauses, [](Finding& finding) { finding.pass(); });
}

void Stage::fail(std::string_view expected, std::string_view found, std::string_view clauses) {
  if (stopped_) return;
  const std::string what = "expected " + std::string{expected} + ", found " + std::string{found};
  each_clause(clauses, [&](Finding& finding) { finding.fail(transcript_.size(), (now_ - began_).count(), what); });
}

void Stage::undecided(std::string_view missing, std::string_view clauses) {
  if (stopped_) return;
  each_clause(clauses, [&](Finding& finding) {
    finding.leave_undecided(transcript_.size(), (now_ - began_).count(), std::string{missing});
  });
}

void Stage::not_exercised(std::string_view why, std::string_view clauses) {
  if (stopped_) return;
  each_clause(clauses, [&](Finding& finding) {
    if (!finding.exercised()) finding.text = why;
  });
}

// ---- What scripts await.

Stage::Done Stage::opened(Client client) {
  return {{this, {Wait::For::open, client, Types::any(), 0, 0, now_ + longest_probe}}};
}
Stage::Heard Stage::heard(Client client, Types types, std::uint16_t id) {
  return heard(client, types, id, patience());
}
Stage::Heard Stage::heard(Client client, Types types, std::uint16_t id, Duration patience) {
  return {{this, {Wait::For::packet, client, types, id, 0, now_ + patience}}};
}
Stage::Heard Stage::heard_on(Client client, std::string_view topic) {
  return {{this, {Wait::For::packet, client, Type::publish, 0, 0, now_ + patience(), false, topic}}};
}
Stage::Ended Stage::ended(Client client) { return ended(client, patience()); }
Stage::Ended Stage::ended(Client client, Duration patience) {
  return {{this, {Wait::For::end, client, Types::any(), 0, 0, now_ + patience}}};
}
Stage::Ended Stage::ended_within(Client client, Duration time) {
  return {{this, {Wait::For::end, client, Types::any(), 0, 0, now_ + time, true}}};
}
Stage::Got Stage::bytes(Client client, std::size_t at_least) {
  return {{this, {Wait::For::bytes, client, Types::any(), 0, at_least, now_ + patience()}}};
}
void Stage::read(Client client, std::size_t count) {
  Conn& one = conn(client);
  one.read += std::min(count, one.in.size() - one.read);
}
Stage::Done Stage::pause(Duration duration) {
  return {{this, {Wait::For::time, Client::none, Types::any(), 0, 0, now_ + duration}}};
}
Stage::Done Stage::restart() {
  if (!target_.can.has(Capability::restart)) return give_up("the target cannot be restarted");
  restart_wanted_ = true;
  return {{this, {Wait::For::restart, Client::none, Types::any(), 0, 0, now_}}};
}
void Stage::leave_feedback() { feedback_ = Feedback::others; }
Stage::Done Stage::feedback_again() {
  if (feedback_ == Feedback::others) feedback_ = Feedback::wanted;
  return {{this, {Wait::For::feedback}}};
}
Stage::Done Stage::need(bool holds, std::string_view what) {
  if (!holds) return give_up(what);
  return {{this, {}}};
}
Stage::Done Stage::give_up(std::string_view missing) {
  stop(std::string{missing});
  return {{this, {Wait::For::never, Client::none, Types::any(), 0, 0, now_}}};
}
Stage::Done Stage::premise(bool holds, std::string_view what) {
  if (holds) return {{this, {}}};
  not_exercised(what);
  stopped_ = true;
  return {{this, {Wait::For::never, Client::none, Types::any(), 0, 0, now_}}};
}

// ---- The transcript.

bool Stage::transcript_is_whole() const { return log_.size() < longest_log; }

void Stage::log(Line::What what, Client client, View bytes, model::EndedBy by) {
  if (log_.size() + bytes.size() > longest_log) bytes = bytes.first(longest_log - std::min(longest_log, log_.size()));
  transcript_.push_back({now_, what, client, conn(client).door, by, static_cast<std::uint32_t>(log_.size()),
                         static_cast<std::uint32_t>(bytes.size())});
  log_.insert(log_.end(), bytes.begin(), bytes.end());
}

}  // namespace hubproof::conformance::cases
