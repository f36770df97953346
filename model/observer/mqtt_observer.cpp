#include "model/observer/mqtt_observer.hpp"

#include <algorithm>

#include "model/mqtt/bag.hpp"
#include "model/mqtt/names.hpp"
#include "model/payload.hpp"

namespace hubproof::model {

MessageKey content_key(std::uint64_t digest) {
  return static_cast<MessageKey>(digest | std::uint64_t{1} << 63);  // as hashed message-ids are
}

// One client, over all of its connections.
struct MqttObserver::Client {
  // A PUBLISH of the client with QoS > 0 that is not acknowledged.
  struct Sent {
    MessageKey key = MessageKey::none;
    std::uint8_t qos = 0;
    bool operation = false;  // its beginning was seen, so its end is told
  };
  NodeIndex node = NodeIndex::none;
  std::uint32_t connections = 0;             // begun so far
  std::map<mqtt::PacketId, Sent> sent;
  std::map<MessageKey, mqtt::PacketId> open; // begun and not ended; 0: under no packet id now
  std::map<mqtt::PacketId, MessageKey> commands;  // QoS 1, received and not acknowledged
  std::map<mqtt::PacketId, MessageKey> halves;    // QoS 2, received and not released
};

struct MqttObserver::Connection {
  explicit Connection(std::uint32_t max_packet)
      : up{mqtt::End::server, max_packet}, down{mqtt::End::client, max_packet} {}

  mqtt::Decoder up;    // what the client sends
  mqtt::Decoder down;  // what it receives
  Client* client = nullptr;
  std::string id;
  std::unique_ptr<Client> nameless;  // of a client without an id, which is nobody else
  std::uint32_t number = 0;  // the client's own
  std::uint16_t keep_alive = 0;
  std::uint16_t flags = 0;   // of its CONNECT: clean session, will
  MessageKey will = MessageKey::none;
  bool deaf = false;         // nobody in the history
  bool over = false;         // its end was told
  struct Asked {             // a SUBSCRIBE without its SUBACK
    std::optional<std::size_t> commands;  // which of its filters is that of commands
  };
  std::map<mqtt::PacketId, Asked> asked;
};

// Tells the packets of one connection.
class MqttObserver::Scribe {
 public:
  Scribe(MqttObserver& observer, Connection& connection, std::vector<Event>& events)
      : observer_{observer}, here_{connection}, events_{events} {}

  void listen(bool sent, View bytes) {
    mqtt::Decoder& decoder = sent ? here_.up : here_.down;
    if (here_.deaf || here_.over || decoder.malformed()) return;
    decoder.feed(bytes);
    while (const mqtt::Packet* packet = decoder.next()) {
      if (here_.client == nullptr && !(sent && std::holds_alternative<mqtt::Connect>(*packet))) here_.deaf = true;
      if (here_.deaf || here_.over) return;
      std::visit([&](const auto& p) { on(p, sent); }, *packet);
    }
    decoder.keep();
  }

  Event& saw(What what, Phase phase = Phase::ok) {
    Event& event = events_.emplace_back();
    event.what = what;
    event.phase = phase;
    event.observer = event.device = here_.client->node;
    event.connection = here_.number;
    return event;
  }

  void ended(EndedBy by, Why why) {
    Event& event = saw(What::ended);
    event.by = by;
    event.why = why;
    here_.over = true;
  }

 private:
  Event& saw_packet(Packet type, bool sent, mqtt::PacketId id = 0, MessageKey key = MessageKey::none) {
    Event& event = saw(What::packet);
    event.packet = type;
    event.packet_id = id;
    event.message = key;
    if (sent) event.flags = flag_sent;
    return event;
  }
  Client& client() { return *here_.client; }
  std::uint64_t token(mqtt::PacketId id) const { return std::uint64_t{here_.number} << 16 | id; }

  bool plain() const { return observer_.settings_.note != nullptr; }
  std::uint32_t note(std::string_view text) { return plain() ? observer_.settings_.note(text) : 0; }

  // A hub's message, from its bag and body.
  struct Content {
    MessageKey key = MessageKey::none;
    std::uint64_t digest = 0;
  };
  Content content(std::optional<std::string_view> bag, View payload) {
    Content content;
    if (plain()) return {payload_key(payload), payload_digest(payload)};
    flat_.clear();
    MessageWriter writer{flat_};
    if (bag && !mqtt::read_bag(*bag, writer)) return content;
    writer.body(payload);
    const MessageView message{flat_};
    content.key = message.key();
    content.digest = message.content_digest();
    if (content.key == MessageKey::none && observer_.settings_.keys_by_content)
      content.key = content_key(content.digest);
    return content;
  }

  void on(const mqtt::Connect& packet, bool) {
    if (here_.client != nullptr) return;  // a second one, after which nothing means anything
    here_.id = packet.client_id;
    here_.client = packet.client_id.empty() ? nobody() : observer_.client_of(packet.client_id);
    if (here_.client == nullptr || here_.client->node == NodeIndex::none) {
      here_.deaf = true;
      return;
    }
    here_.number = ++client().connections;
    here_.keep_alive = packet.keep_alive;
    saw(What::opened);
    Event& event = saw_packet(Packet::connect, true);
    event.keep_alive = packet.keep_alive;
    if (packet.clean_session) here_.flags |= flag_clean_session;
    if (packet.will) {
      here_.flags |= flag_has_will;
      const mqtt::Topic topic = mqtt::read_topic(packet.will->topic, here_.id);
      if (plain()) {
        event.qos = packet.will->qos;
        event.note = note(packet.will->topic);
        if (packet.will->retain) event.flags |= flag_retain;
      }
      if (plain() || topic.kind == mqtt::Topic::Kind::telemetry) {
        const Content will = content(topic.bag, packet.will->message);
        here_.will = event.message = will.key;
        event.digest = will.digest;
      }
    }
    event.flags |= here_.flags;
    if (!packet.password) return;
    const auto shown = read_token(text(*packet.password));
    if (!shown) return;
    event.expiry = shown->expiry.time_since_epoch().count();
    event.sequence = hash(view(shown->scope));
    if (observer_.settings_.key) event.token = observer_.settings_.key(here_.id, *shown);
  }

  void on(const mqtt::Connack& packet, bool) {
    Event& heard = saw_packet(Packet::connack, false);
    heard.code = packet.code;
    if (packet.session_present) heard.flags |= flag_session_present;
    if (packet.code != 0) {
      saw(What::refused).code = packet.code;
      return;
    }
    Event& event = saw(What::accepted);
    event.keep_alive = here_.keep_alive;
    event.flags |= here_.flags;
    event.message = here_.will;
    if (packet.session_present) event.flags |= flag_session_present;
    if (!packet.session_present) client().halves.clear();
    if ((here_.flags & flag_clean_session) == 0) return;
    // What goes on, goes on as new messages under new packet ids [mqtt311:3.1.2-6].
    client().sent.clear();
    for (auto& [key, id] : client().open) id = 0;
  }

  void on(const mqtt::Publish& packet, bool sent) { sent ? said(packet) : heard(packet); }

  void said(const mqtt::Publish& packet) {
    const mqtt::Topic topic = mqtt::read_topic(packet.topic, here_.id);
    const bool telemetry = !plain() && topic.kind == mqtt::Topic::Kind::telemetry;
    const Content what = content(telemetry ? std::optional{topic.bag} : std::nullopt, packet.payload);
    const bool begins = telemetry && begins_operation(packet, what.key);
    if (begins) {
      Event& event = saw(What::telemetry, Phase::invoke);
      event.qos = packet.qos;
      event.message = what.key;
      event.digest = what.digest;
    }
    Event& event = saw_packet(Packet::publish, true, packet.id, what.key);
    event.qos = packet.qos;
    event.digest = what.digest;
    event.note = note(packet.topic);
    if (packet.dup) event.flags |= flag_dup;
    if (packet.retain) event.flags |= flag_retain;
    if (packet.qos == 0) {
      if (begins) sent_for_good(Phase::info, 0, {what.key, 0, true});  // nobody will say more [DLV-05]
      return;
    }
    const auto before = client().sent.find(packet.id);
    const bool goes_on = before != client().sent.end() && before->second.key == what.key && before->second.operation;
    const bool known = what.key != MessageKey::none && client().open.contains(what.key);
    client().sent[packet.id] = {what.key, packet.qos, begins || goes_on || known};
    if (what.key == MessageKey::none || !(begins || known)) return;
    if (client().open.size() >= most_open && !known) client().open.erase(client().open.begin());
    client().open[what.key] = packet.id;
  }

  // Or goes one on that has begun?
  bool begins_operation(const mqtt::Publish& packet, MessageKey key) {
    if (packet.dup) return false;
    return packet.qos == 0 || key == MessageKey::none || !client().open.contains(key);
  }

  void sent_for_good(Phase phase, mqtt::PacketId id, const Client::Sent& which) {
    Event& event = saw(What::telemetry, phase);
    event.message = which.key;
    event.packet_id = id;
    event.qos = which.qos;
  }
  void acknowledged(mqtt::PacketId id) {
    const auto found = client().sent.find(id);
    const Client::Sent which = found->second;
    client().sent.erase(found);
    if (const auto open = client().open.find(which.key); open != client().open.end() && open->second == id)
      client().open.erase(open);
    if (which.operation) sent_for_good(Phase::ok, id, which);  // [DLV-04]
  }
  // The message under this id, if its QoS is this one.
  const Client::Sent* awaited(mqtt::PacketId id, std::uint8_t qos) {
    const auto found = client().sent.find(id);
    return found != client().sent.end() && found->second.qos == qos ? &found->second : nullptr;
  }

  void on(const mqtt::Puback& packet, bool sent) {
    if (!sent) {
      const Client::Sent* which = awaited(packet.id, 1);
      saw_packet(Packet::puback, false, packet.id, which != nullptr ? which->key : MessageKey::none);
      if (which != nullptr) acknowledged(packet.id);
      return;
    }
    const auto command = client().commands.find(packet.id);
    if (command == client().commands.end()) {
      saw_packet(Packet::puback, true, packet.id);
      return;
    }
    const MessageKey key = command->second;
    client().commands.erase(command);
    const auto settles = [&](Phase phase) {
      Event& event = saw(What::complete, phase);
      event.message = key;
      event.token = token(packet.id);
      event.packet_id = packet.id;
    };
    settles(Phase::invoke);
    saw_packet(Packet::puback, true, packet.id, key);
    settles(Phase::info);  // a PUBACK has no answer
  }
  void on(const mqtt::Pubrec& packet, bool sent) {
    if (sent) {
      const auto half = client().halves.find(packet.id);
      saw_packet(Packet::pubrec, true, packet.id, half != client().halves.end() ? half->second : MessageKey::none);
      return;
    }
    const Client::Sent* which = awaited(packet.id, 2);
    saw_packet(Packet::pubrec, false, packet.id, which != nullptr ? which->key : MessageKey::none);
  }
  void on(const mqtt::Pubrel& packet, bool sent) {
    const Client::Sent* which = sent ? awaited(packet.id, 2) : nullptr;
    saw_packet(Packet::pubrel, sent, packet.id, which != nullptr ? which->key : MessageKey::none);
    if (!sent) client().halves.erase(packet.id);
  }
  void on(const mqtt::Pubcomp& packet, bool sent) {
    const Client::Sent* which = sent ? nullptr : awaited(packet.id, 2);
    saw_packet(Packet::pubcomp, sent, packet.id, which != nullptr ? which->key : MessageKey::none);
    if (which != nullptr) acknowledged(packet.id);
  }

  void heard(const mqtt::Publish& packet) {
    const auto bag = plain() ? std::nullopt : command_bag(packet.topic);
    const Content what = content(bag, packet.payload);
    const auto describe = [&](Event& event) {
      event.packet_id = packet.id;
      event.qos = packet.qos;
      event.message = what.key;
      event.digest = what.digest;
      event.note = note(packet.topic);
      if (packet.dup) event.flags |= flag_dup;
      if (packet.retain) event.flags |= flag_retain;
      if (bag) event.flags |= flag_c2d;
    };
    describe(saw_packet(Packet::publish, false));
    const bool fresh = packet.qos < 2 || client().halves.emplace(packet.id, what.key).second;  // [mqtt311:4.3.3-2]
    if (!bag) return;
    if (fresh) {
      Event& delivery = saw(What::delivery);
      describe(delivery);
      delivery.token = token(packet.id);
    }
    if (packet.qos == 1) client().commands[packet.id] = what.key;
  }
  std::optional<std::string_view> command_bag(std::string_view topic) const {
    for (const std::string_view part : {mqtt::devices_level, std::string_view{here_.id}, mqtt::command_levels}) {
      if (!topic.starts_with(part)) return std::nullopt;
      topic.remove_prefix(part.size());
    }
    return topic;
  }

  void on(const mqtt::Subscribe& packet, bool) {
    if (plain()) {
      for (const mqtt::Filter& one : packet.filters) {
        Event& event = saw_packet(Packet::subscribe, true, packet.id);
        event.qos = one.qos;
        event.note = note(one.filter);
      }
      return;
    }
    Connection::Asked asked;
    for (std::size_t i = 0; i < packet.filters.size(); ++i)
      if (mqtt::read_filter(packet.filters[i].filter, here_.id) == mqtt::FilterKind::commands) asked.commands = i;
    Event& event = saw_packet(Packet::subscribe, true, packet.id);
    event.qos = packet.filters[asked.commands.value_or(0)].qos;
    if (asked.commands) event.flags |= flag_c2d_filter;
    here_.asked[packet.id] = asked;
  }
  void on(const mqtt::Suback& packet, bool) {
    if (plain()) {
      for (const std::uint8_t code : packet.codes) saw_packet(Packet::suback, false, packet.id).code = code;
      return;
    }
    Event& event = saw_packet(Packet::suback, false, packet.id);
    const auto found = here_.asked.find(packet.id);
    const std::optional<std::size_t> commands =
        found != here_.asked.end() ? found->second.commands : std::nullopt;
    if (found != here_.asked.end()) here_.asked.erase(found);
    event.code = packet.codes[std::min(commands.value_or(0), packet.codes.size() - 1)];
    if (commands) event.flags |= flag_c2d_filter;
  }
  void on(const mqtt::Unsubscribe& packet, bool) {
    if (plain()) {
      for (const std::string_view filter : packet.filters)
        saw_packet(Packet::unsubscribe, true, packet.id).note = note(filter);
      return;
    }
    Event& event = saw_packet(Packet::unsubscribe, true, packet.id);
    for (const std::string_view filter : packet.filters)
      if (mqtt::read_filter(filter, here_.id) == mqtt::FilterKind::commands) event.flags |= flag_c2d_filter;
  }
  void on(const mqtt::Unsuback& packet, bool) { saw_packet(Packet::unsuback, false, packet.id); }
  void on(const mqtt::Pingreq&, bool) { saw_packet(Packet::pingreq, true); }
  void on(const mqtt::Pingresp&, bool) { saw_packet(Packet::pingresp, false); }
  void on(const mqtt::Disconnect&, bool) {
    saw_packet(Packet::disconnect, true);
    ended(EndedBy::local, Why::disconnect);  // [mqtt311:3.14.4-1]
  }

  Client* nobody() {
    here_.nameless = std::make_unique<Client>();
    here_.nameless->node = observer_.settings_.participant({});
    return here_.nameless.get();
  }

  static constexpr std::size_t most_open = 65'536;

  MqttObserver& observer_;
  Connection& here_;
  std::vector<Event>& events_;
  Bytes flat_;
};

MqttObserver::MqttObserver(Settings settings) : settings_{std::move(settings)} {}
MqttObserver::~MqttObserver() = default;
MqttObserver::MqttObserver(MqttObserver&&) noexcept = default;
MqttObserver& MqttObserver::operator=(MqttObserver&&) noexcept = default;

MqttObserver::Client* MqttObserver::client_of(std::string_view id) {
  auto found = clients_.find(id);
  if (found == clients_.end()) {
    found = clients_.emplace(std::string{id}, std::make_unique<Client>()).first;
    found->second->node = settings_.participant(id);
  }
  return found->second.get();
}

void MqttObserver::opened(ConnectionId connection) {
  connections_[connection] = std::make_unique<Connection>(settings_.max_packet);
}

void MqttObserver::sent(ConnectionId connection, View bytes, std::vector<Event>& events) {
  const auto found = connections_.find(connection);
  if (found != connections_.end()) Scribe{*this, *found->second, events}.listen(true, bytes);
}

void MqttObserver::received(ConnectionId connection, View bytes, std::vector<Event>& events) {
  const auto found = connections_.find(connection);
  if (found != connections_.end()) Scribe{*this, *found->second, events}.listen(false, bytes);
}

void MqttObserver::ended(ConnectionId connection, EndedBy by, std::vector<Event>& events) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  Connection& here = *found->second;
  if (here.client != nullptr && !here.deaf && !here.over) Scribe{*this, here, events}.ended(by, Why::unknown);
  connections_.erase(found);
}

std::optional<mqtt::Malformed> MqttObserver::malformed_sent(ConnectionId connection) const {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? std::nullopt : found->second->up.malformed();
}

std::optional<mqtt::Malformed> MqttObserver::malformed_received(ConnectionId connection) const {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? std::nullopt : found->second->down.malformed();
}

}  // namespace hubproof::model
