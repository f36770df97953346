#include "conformance/devices/stage.hpp"

#include <algorithm>
#include <chrono>

#include "model/websocket/handshake.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace model::mqtt;
using model::Duration;
using model::Instant;
using model::View;

constexpr std::uint64_t echo_of_the_stage = 0;  // cases' orders begin with 1
constexpr int patience_factor = 40;             // of the device's latency
constexpr int quiet_factor = 15;
constexpr int longest_transcript = 2000;        // lines

model::Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::string flags_text(const Publish& one) {
  std::string text = ", QoS " + std::to_string(one.qos);
  if (one.dup) text += ", DUP";
  if (one.retain) text += ", retain";
  return text;
}

struct PacketText {
  static std::string id(const char* name, PacketId id) { return std::string{name} + " " + std::to_string(id); }
  std::string operator()(const Connect& one) const {
    std::string text = "CONNECT " + std::string{one.client_id} + (one.clean_session ? ", clean" : ", session kept") +
                       ", keep-alive " + std::to_string(one.keep_alive);
    if (one.will) text += ", will QoS " + std::to_string(one.will->qos) + " to " + std::string{one.will->topic};
    if (one.user_name) text += ", user " + std::string{*one.user_name};
    if (one.password) text += ", password";
    return text;
  }
  std::string operator()(const Connack& one) const {
    return "CONNACK code " + std::to_string(one.code) + (one.session_present ? ", session present" : "");
  }
  std::string operator()(const Publish& one) const {
    return (one.qos > 0 ? id("PUBLISH", one.id) : std::string{"PUBLISH"}) + flags_text(one) + ", " + std::string{one.topic} +
           ", " + std::to_string(one.payload.size()) + " bytes";
  }
  std::string operator()(const Puback& one) const { return id("PUBACK", one.id); }
  std::string operator()(const Pubrec& one) const { return id("PUBREC", one.id); }
  std::string operator()(const Pubrel& one) const { return id("PUBREL", one.id); }
  std::string operator()(const Pubcomp& one) const { return id("PUBCOMP", one.id); }
  std::string operator()(const Subscribe& one) const {
    std::string text = id("SUBSCRIBE", one.id);
    for (const Filter& each : one.filters) text += ", " + std::string{each.filter} + " QoS " + std::to_string(each.qos);
    return text;
  }
  std::string operator()(const Suback& one) const {
    std::string text = id("SUBACK", one.id);
    for (const std::uint8_t code : one.codes) text += ", " + std::to_string(code);
    return text;
  }
  std::string operator()(const Unsubscribe& one) const {
    std::string text = id("UNSUBSCRIBE", one.id);
    for (const std::string_view each : one.filters) text += ", " + std::string{each};
    return text;
  }
  std::string operator()(const Unsuback& one) const { return id("UNSUBACK", one.id); }
  std::string operator()(const Pingreq&) const { return "PINGREQ"; }
  std::string operator()(const Pingresp&) const { return "PINGRESP"; }
  std::string operator()(const Disconnect&) const { return "DISCONNECT"; }
};

}  // namespace

std::optional<std::string_view> Asked::field(std::string_view name) const {
  for (const auto& [each, value] : fields)
    if (model::http::same(each, name)) return value;
  return std::nullopt;
}

std::string packet_text(const Packet& packet) { return std::visit(PacketText{}, packet); }

std::string hex_text(View bytes) {
  constexpr char digits[] = "0123456789abcdef";
  constexpr std::size_t most = 48;
  std::string text;
  for (const std::uint8_t byte : bytes.first(std::min(bytes.size(), most))) {
    if (!text.empty()) text += ' ';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  if (bytes.size() > most) text += " ... (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

Stage::Stage(const StageSettings& settings, std::string name, std::vector<std::string> clauses, Play play)
    : settings_{settings}, name_{std::move(name)}, clauses_{std::move(clauses)}, play_{std::move(play)},
      draws_{model::hash(model::view(name_), settings.seed)} {}

// ---- Time and chance.

std::uint32_t Stage::below(std::uint32_t bound) {
  const std::uint64_t bits = model::mix(model::mix(draws_) + ++drawn_);
  return static_cast<std::uint32_t>((bits >> 32) * bound >> 32);
}

Duration Stage::patience() const { return std::max(settings_.floor, latency_ * patience_factor); }
Duration Stage::quiet() const { return std::max(settings_.quiet, latency_ * quiet_factor); }

std::optional<Instant> Stage::deadline() const {
  if (finished_) return std::nullopt;
  if (waiting_ == nullptr) return patience_end_;
  const auto also = speaker_ != nullptr ? speaker_->deadline() : std::nullopt;
  return also ? std::min(waiting_->until_, *also) : waiting_->until_;
}

void Stage::woken(Instant now) {
  now_ = std::max(now_, now);
  if (finished_) return;
  if (waiting_ != nullptr) {
    if (const auto due = speaker_ != nullptr ? speaker_->deadline() : std::nullopt; due && now_ >= *due)
      ask_speaker([this] { speaker_->woken(); });
    if (waiting_ != nullptr && now_ >= waiting_->until_) resume();
    return;
  }
  if (patience_end_ && now_ >= *patience_end_)
    break_off(greeted_ ? "the adapter said hello, and does not answer {\"do\":\"echo\"}"
                       : "the adapter said no hello in " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(settings_.start).count()) +
                             " s: its first line must be {\"did\":\"hello\", ...}");
}

// ---- The transcript.

void Stage::note(const std::string& what) {
  // A long case keeps what is near its end, as long as nothing earlier is evidence.
  if (transcript_.size() >= longest_transcript && !tally_.failed())
    transcript_.erase(transcript_.begin(), transcript_.begin() + longest_transcript / 2);
  transcript_.push_back({now_, what});
  tally_.at(transcript_.size());
}

// ---- The adapter.

void Stage::started(Instant now) {
  began_ = now_ = now;
  patience_end_ = now + settings_.start;
}

void Stage::tell(const Order& order) {
  std::string line = write_order(order);
  note("hubproof: " + line.substr(0, line.size() - 1));
  acts_.push_back({Act::Kind::tell, {}, {}, std::move(line), order});
}

void Stage::line(Instant now, std::string_view text) {
  now_ = std::max(now_, now);
  if (finished_) return;
  std::variant<Said, BadLine> read = read_said(text);
  if (const auto* bad = std::get_if<BadLine>(&read)) return break_off("a line of the adapter cannot be read: " + *bad);
  note("device: " + std::string{text.substr(0, 400)});
  said(now, std::move(std::get<Said>(read)));
}

void Stage::said(Instant now, Said said) {
  now_ = std::max(now_, now);
  if (finished_) return;
  if (!greeted_) {
    if (said.did != Said::Did::hello)
      return break_off(std::string{"the adapter's first line must be its hello, found \""} + did_text(said.did) + "\"");
    greeted_ = true;
    hello_ = std::move(said.hello);
    asked_ = now_;
    patience_end_ = now_ + settings_.start;
    return tell(EchoOrder{echo_of_the_stage});
  }
  if (said.did == Said::Did::hello) return break_off("the adapter says hello twice");
  if (!began_case_) {
    if (said.did != Said::Did::echo || said.id != echo_of_the_stage) return;
    latency_ = now_ - asked_;
    return begin_case();
  }
  Heard heard;
  heard.said = std::move(said);
  hear(std::move(heard));
}

void Stage::adapter_ended(Instant now, const std::string& how) {
  now_ = std::max(now_, now);
  if (!finished_) break_off("the adapter " + how + (greeted_ ? "" : " before its hello"));
}

void Stage::break_off(const std::string& why) {
  note(why);
  broken_ = why;
  for (const std::string& clause : clauses_)
    if (!tally_.decided(clause)) tally_.leave_undecided(clause, why);
  finish();
}

void Stage::begin_case() {
  began_case_ = true;
  patience_end_.reset();
  watch_.tolerance(std::max<Duration>(std::chrono::milliseconds{700}, quiet()));
  story_ = play_(*this);
  resuming_ = true;
  story_.start();
  resuming_ = false;
  if (settled_ || story_.done()) return finish();
  deliver();
}

// ---- Connections.

bool Stage::open(LinkId link) const {
  const auto found = links_.find(link);
  return found != links_.end() && !found->second.over;
}

void Stage::opened(Instant now, LinkId link) {
  now_ = std::max(now_, now);
  if (finished_) return;
  links_[link];
  note("connection " + std::to_string(static_cast<std::uint32_t>(link)) + " opens");
  if (speaker_ == nullptr)
    watch_.opened(static_cast<std::uint32_t>(link), now_);
  else
    ask_speaker([this, link] { speaker_->opened(link); });
  Heard heard;
  heard.kind = Heard::Kind::opened;
  heard.link = link;
  hear(std::move(heard));
}

void Stage::received(Instant now, LinkId id, View bytes) {
  now_ = std::max(now_, now);
  if (finished_ || !open(id)) return;
  if (speaker_ != nullptr) return ask_speaker([this, id, bytes] { speaker_->received(id, bytes); });
  if (!settings_.websocket) return received_packets(id, bytes);
  Link& link = links_[id];
  if (link.deaf) return;
  if (!link.asked) return read_request(id, bytes);
  if (!link.answered && !bytes.empty()) frame_watch_.early();
  link.frames.feed(bytes);
  if (link.answered) read_frames(id);
}

void Stage::read_request(LinkId id, View bytes) {
  Link& link = links_[id];
  link.request.feed(bytes);
  const model::http::Request* request = link.request.next();
  const std::string at = "device " + std::to_string(static_cast<std::uint32_t>(id)) + ": ";
  if (request == nullptr) {
    if (!link.request.refused()) return;
    const std::string what = link.request.refused()->what;
    note(at + "no request: " + what + "   " + hex_text(bytes));
    link.deaf = true;
    return frame_watch_.no_request(what);
  }
  Heard heard;
  heard.kind = Heard::Kind::upgrade;
  heard.link = id;
  heard.upgrade = upgrade_of(*request);
  note(at + heard.upgrade.method + " " + heard.upgrade.target + ", Sec-WebSocket-Protocol: " + heard.upgrade.protocols);
  link.asked = true;
  link.key = heard.upgrade.key;
  const bool good = frame_watch_.asked(heard.upgrade);
  const View rest = link.request.rest();
  if (!rest.empty()) frame_watch_.early();
  link.frames.feed(rest);
  if (manners.upgrades && good) {
    answer_upgrade(id, acceptance(id), "101, sub-protocol mqtt");
  } else if (manners.upgrades) {
    send_bare(id, bytes_of("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), "400");
    close(id);
  }
  hear(std::move(heard));
  if (!finished_ && open(id) && link.answered) read_frames(id);
}

void Stage::read_frames(LinkId id) {
  Link& link = links_[id];
  while (!finished_ && open(id) && !link.deaf) {
    std::optional<Frame> frame = link.frames.next();
    if (!frame) {
      if (link.frames.too_long()) frame_watch_.too_long(static_cast<std::uint32_t>(id)), link.deaf = true;
      return;
    }
    heard_frame(id, std::move(*frame));
  }
}

void Stage::heard_frame(LinkId id, Frame frame) {
  Link& link = links_[id];
  note("device " + std::to_string(static_cast<std::uint32_t>(id)) + ": " + frame_text(frame));
  link.deaf = !frame_watch_.received(static_cast<std::uint32_t>(id), frame);
  if (link.deaf) return;
  if (!frame.is_control()) return received_packets(id, frame.payload);
  if (frame.op == Op::ping) {  // no case waits for one
    if (!link.said_close) give(id, {Op::pong, frame.payload});
    return;
  }
  const bool over = frame.op == Op::close;
  if (over && !link.said_close) give(id, {Op::close, frame.payload});
  while (over && !link.deaf) {  // what came with it is to be nothing
    const std::optional<Frame> more = link.frames.next();
    if (!more) break;
    note("device " + std::to_string(static_cast<std::uint32_t>(id)) + ": " + frame_text(*more));
    link.deaf = !frame_watch_.received(static_cast<std::uint32_t>(id), *more);
  }
  Heard heard;
  heard.kind = Heard::Kind::control;
  heard.link = id;
  heard.frame = std::move(frame);
  hear(std::move(heard));
  if (!over || finished_ || !open(id)) return;
  acts_.push_back({Act::Kind::close, id});  // both said Close: it is the server's to end the connection
  ended(now_, id);
}

void Stage::give(LinkId id, const Frame& frame) {
  if (!open(id)) return;
  model::Bytes bytes;
  write_frame(bytes, frame);
  note("server: " + frame_text(frame) + "   " + hex_text(bytes));
  if (frame.op == Op::close) links_[id].said_close = true;
  acts_.push_back({Act::Kind::send, id, std::move(bytes)});
}

void Stage::send_frames(LinkId id, const std::vector<Frame>& frames, bool at_once) {
  const std::size_t before = acts_.size();
  for (const Frame& frame : frames) give(id, frame);
  if (!at_once || acts_.size() <= before) return;
  for (std::size_t at = before + 1; at < acts_.size(); ++at)
    acts_[before].bytes.insert(acts_[before].bytes.end(), acts_[at].bytes.begin(), acts_[at].bytes.end());
  acts_.erase(acts_.begin() + static_cast<std::ptrdiff_t>(before) + 1, acts_.end());
}

void Stage::send_bare(LinkId id, model::Bytes bytes, const std::string& what) {
  if (!open(id)) return;
  note("server: " + what + "   " + hex_text(bytes));
  acts_.push_back({Act::Kind::send, id, std::move(bytes)});
}

void Stage::break_frames(LinkId id, const std::vector<Frame>& frames, const std::string& what) {
  watch_.provoked(static_cast<std::uint32_t>(id));
  if (open(id)) note("server, on purpose: " + what);
  send_frames(id, frames);
}

std::string Stage::acceptance(LinkId id) const {
  model::Bytes head;
  const auto found = links_.find(id);
  model::websocket::write_acceptance(head, found == links_.end() ? "" : found->second.key, model::websocket::Carries::mqtt);
  return std::string{model::text(head)};
}

void Stage::answer_upgrade(LinkId id, const std::string& head, const std::string& what) {
  if (!open(id)) return;
  links_[id].answered = true;
  send_bare(id, bytes_of(head), what);
}

void Stage::received_packets(LinkId id, View bytes) {
  Link& link = links_[id];
  if (link.decoder.malformed()) return;
  link.held.insert(link.held.end(), bytes.begin(), bytes.end());
  // A whole packet at a time, in bytes of its own: what was heard outlives the buffers.
  while (!finished_ && open(id)) {
    std::size_t size = 1;
    std::size_t remaining = 0;
    for (unsigned shift = 0; size < link.held.size() && shift <= 21; shift += 7) {
      const std::uint8_t byte = link.held[size++];
      remaining |= static_cast<std::size_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) {
        size += remaining;
        break;
      }
    }
    const bool whole = size >= 2 && size <= link.held.size();
    Heard heard;
    heard.kind = Heard::Kind::packet;
    heard.link = id;
    heard.bytes.assign(link.held.begin(), whole ? link.held.begin() + static_cast<std::ptrdiff_t>(size) : link.held.end());
    link.decoder = Decoder{End::server};
    link.decoder.feed(heard.bytes);
    const Packet* packet = link.decoder.next();
    const std::string at = "device " + std::to_string(static_cast<std::uint32_t>(id)) + ": ";
    if (packet != nullptr) {
      heard.packet = *packet;
      link.held.erase(link.held.begin(), link.held.begin() + static_cast<std::ptrdiff_t>(size));
      note(at + packet_text(heard.packet) + "   " + hex_text(heard.bytes));
      watch_.received(static_cast<std::uint32_t>(id), now_, heard.packet);
      answer(heard);
      hear(std::move(heard));
    } else if (link.decoder.malformed()) {
      note(at + link.decoder.malformed()->what + "   " + hex_text(heard.bytes));
      watch_.malformed(static_cast<std::uint32_t>(id), *link.decoder.malformed());
      heard.kind = Heard::Kind::malformed;
      hear(std::move(heard));
      return;
    } else {
      return;
    }
  }
}

void Stage::ended(Instant now, LinkId id) {
  now_ = std::max(now_, now);
  if (finished_ || !open(id)) return;
  links_[id].over = true;
  note("device " + std::to_string(static_cast<std::uint32_t>(id)) + ": closes");
  watch_.ended(static_cast<std::uint32_t>(id), now_);
  if (speaker_ != nullptr) ask_speaker([this, id] { speaker_->ended(id); });
  Heard heard;
  heard.kind = Heard::Kind::ended;
  heard.link = id;
  heard.by_device = true;
  hear(std::move(heard));
}

void Stage::send_noted(LinkId link, model::Bytes bytes, const std::string& what) {
  if (!open(link)) return;
  note(what + "   " + hex_text(bytes));
  if (!settings_.websocket) {
    acts_.push_back({Act::Kind::send, link, std::move(bytes)});
    return;
  }
  model::Bytes framed;
  write_frame(framed, {Op::binary, std::move(bytes)});
  acts_.push_back({Act::Kind::send, link, std::move(framed)});
}

void Stage::send_raw(LinkId link, model::Bytes bytes, const std::string& what) {
  watch_.provoked(static_cast<std::uint32_t>(link));
  send_noted(link, std::move(bytes), "server, on purpose: " + what);
}

void Stage::close(LinkId link) {
  if (!open(link)) return;
  if (settings_.websocket && links_[link].answered && !links_[link].said_close) give(link, {Op::close, close_payload(1001)});
  links_[link].over = true;
  note("server: closes connection " + std::to_string(static_cast<std::uint32_t>(link)));
  watch_.ended(static_cast<std::uint32_t>(link), now_);
  if (speaker_ != nullptr) speaker_->ended(link);
  acts_.push_back({Act::Kind::close, link});
}

void Stage::cut(LinkId link) {
  if (!open(link)) return;
  links_[link].over = true;
  note("server: cuts connection " + std::to_string(static_cast<std::uint32_t>(link)));
  watch_.ended(static_cast<std::uint32_t>(link), now_);
  if (speaker_ != nullptr) speaker_->ended(link);
  acts_.push_back({Act::Kind::abort, link});
}

void Stage::answer(const Heard& heard) {
  if (manners.connects && heard.is<Connect>()) send(heard.link, Connack{true, 0});
  if (manners.pings && heard.is<Pingreq>()) send(heard.link, Pingresp{});
  if (manners.requests) {
    if (const auto* asked = heard.is<Subscribe>()) {
      Suback granted{asked->id, {}};
      for (const Filter& each : asked->filters) granted.codes.push_back(each.qos);
      send(heard.link, granted);
    }
    if (const auto* asked = heard.is<Unsubscribe>()) send(heard.link, Unsuback{asked->id});
  }
  if (manners.publishes) {
    if (const auto* publish = heard.is<Publish>()) {
      if (publish->qos == 1) send(heard.link, Puback{publish->id});
      if (publish->qos == 2) send(heard.link, Pubrec{publish->id});
    }
    if (const auto* release = heard.is<Pubrel>()) send(heard.link, Pubcomp{release->id});
  }
}

// ---- The case.

void Stage::hear(Heard heard) {
  heard.at = now_;
  heard_.push_back(std::move(heard));
  deliver();
}

void Stage::heard(Heard heard) {
  heard.at = now_;
  heard_.push_back(std::move(heard));
  if (!asking_) deliver();
}

// A case that goes on may be over, and its speaker with it: it hears what came when the speaker is done.
template <class Call>
void Stage::ask_speaker(Call call) {
  asking_ = true;
  call();
  asking_ = false;
  deliver();
}

std::optional<Heard> Stage::take(const Match& match) {
  const auto found = std::ranges::find_if(heard_, match);
  if (found == heard_.end()) return std::nullopt;
  std::optional<Heard> taken{std::move(*found)};
  heard_.erase(found);
  return taken;
}

// While the case runs it looks for itself; otherwise what it waits for may have come.
void Stage::deliver() {
  while (!finished_ && !resuming_ && waiting_ != nullptr) {
    waiting_->found_ = take(waiting_->match_);
    if (!waiting_->found_) return;
    resume();
  }
}

void Stage::resume() {
  Waiting& waiting = *waiting_;
  waiting_ = nullptr;
  resuming_ = true;
  waiting.who_.resume();
  resuming_ = false;
  if (settled_ || story_.done()) return finish();
  deliver();
}

bool Stage::Waiting::await_ready() {
  found_ = stage_.take(match_);
  return found_.has_value();
}

void Stage::Waiting::await_suspend(std::coroutine_handle<> who) {
  who_ = who;
  until_ = stage_.now_ + patience_;
  stage_.waiting_ = this;
}

Stage::Ending Stage::missing(const char* what) {
  note(std::string{"the case cannot go on: "} + what);
  for (const std::string& clause : clauses_)
    if (!tally_.decided(clause)) tally_.leave_undecided(clause, what);
  settled_ = true;
  return {};
}

Stage::Ending Stage::does_not_apply(const char* why) {
  note(std::string{"the case does not apply: "} + why);
  not_applicable_ = why;
  settled_ = true;
  return {};
}

void Stage::finish() {
  if (finished_) return;
  finished_ = true;
  waiting_ = nullptr;
  for (auto& [id, link] : links_)
    if (!link.over) watch_.ended(static_cast<std::uint32_t>(id), now_);
  if (broken_.empty() && not_applicable_.empty())
    for (const std::string& clause : clauses_)
      if (!tally_.entries().contains(clause)) tally_.leave_undecided(clause, "the case came to its end without it");
  story_.drop();
  acts_.push_back({Act::Kind::tell, {}, {}, write_order(QuitOrder{}), QuitOrder{}});
  for (auto& [id, link] : links_)
    if (!link.over) acts_.push_back({Act::Kind::abort, id});
}

}  // namespace hubproof::conformance::devices
