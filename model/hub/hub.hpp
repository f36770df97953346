// The hub behind its doors: registry, telemetry log, device queues and feedback over one journal. No
// protocol in sight, and no connection: a door names what it does with tokens.
//
// Every call that makes a promise gives a Ticket. The promise may leave when durable() has reached
// it, and not before [DLV-01, DLV-04, DLV-11]. Tickets are issued, and become durable, in order.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "model/chance.hpp"
#include "model/effects.hpp"
#include "model/hub/throttle.hpp"
#include "model/operations.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

enum class DeviceIndex : std::uint32_t { none = 0xffffffff };  // stable while the hub process lives
enum class LockToken : std::uint64_t { none = 0 };             // unique over restarts
// Who holds a lock: a connection (its locks end with it [C2D-15]) or HTTP's requests (only time ends them).
enum class Holder : std::uint32_t { requests = 0 };

struct DeviceInfo {
  std::string id;
  std::uint32_t generation = 0;  // differs for each registration of one id [C2D-37]
  bool enabled = true;
  bool exists = true;            // false: deleted; a new registration gets a new index
  NodeIndex node = NodeIndex::none;  // for the history
};

// What the registry keeps of a device beside that, if it was made with credentials or updated.
struct Identity {
  std::optional<Credentials> credentials;
  std::uint32_t revision = 1;        // of which its ETag is made
  std::string reason;                // of its status
  Date status_updated{};
  bool connected = false;            // these three do not outlive the process
  std::optional<Date> connection_updated;
  std::optional<Date> last_activity; // of connections
  std::vector<std::string> undead{}; // keys that should have ended (see rules)
};

// What is kept of an MQTT session with CleanSession 0 [MQTT-13].
struct StoredSession {
  struct Filter { std::string filter; std::uint8_t qos = 0; };
  std::vector<Filter> filters;
  Date subscribed{};              // when the cloud-to-device filter was first subscribed [MQTT-31]
};

struct Delivery {
  LockToken token{};
  MessageKey message{};
  std::uint64_t sequence = 0;
  std::uint32_t count = 0;        // before this delivery
  Date enqueued{};
  std::optional<Date> sender_expiry;  // as the sender set it; absent: by default TTL
  Date expiry{};
  View flat;                      // lives until the next call
  Ticket ticket{};                // the delivery may leave when this is durable (none: at once)
};

// Where an event stands in its partition.
struct EventPlace {
  std::uint64_t sequence = 0;     // 0: none
  std::uint64_t offset = 0;
  Date enqueued{};
};
struct PartitionEnds {
  std::uint64_t first = 0;        // sequence number of the oldest that can be read, or of the next to come
  EventPlace newest;              // that can be read
};

struct Outcome {                  // of an operation
  Error error = Error::none;      // a definite error has no effect [ERR-37]
  Ticket ticket{};                // an ok may leave when this is durable
  Done done{};
};

class Hub {
 public:
  Hub(const HubRules& rules, Chance chance);
  ~Hub();
  Hub(Hub&&) noexcept;

  void recover(Now now, std::span<const StoredFile> files, Effects& effects);
  void stored(Now now, Ticket ticket, bool ok, Effects& effects);  // not ok: effects.halt()
  Ticket durable() const;
  Ticket written() const;  // of all that has happened: what rests on it may leave when this is durable
  // Asks for one sync of all that was appended since the last, unless one is under way (its end starts
  // the next). A door calls it at the end of each of its calls, so a burst shares one sync.
  void flush(Now now, Effects& effects);

  void woken(Now now, Effects& effects);      // lock time-outs, expiry, feedback batches, retention, compaction
  std::optional<Instant> deadline() const;

  // Null: this hub has no quotas. Doors ask it; its time is the server's affair.
  Throttle* throttle() const;

  // Registry. find() knows existing devices only.
  DeviceIndex find(std::string_view id) const;
  const DeviceInfo& device(DeviceIndex index) const;
  void soon(DeviceIndex index) const;         // a hint: it may fetch what it knows of the device
  std::size_t devices() const;                // indices run from 0 to devices() - 1
  void name_devices(std::function<NodeIndex(std::string_view)> index_of);
  Outcome create(Now now, const CreateDevice& what, Effects& effects);
  Outcome remove(Now now, std::string_view id, Effects& effects);
  Outcome enable(Now now, std::string_view id, bool enabled, Effects& effects);
  Outcome update(Now now, const UpdateDevice& what, Effects& effects);
  Error precondition(std::string_view id, std::string_view if_match) const;  // none: it may be changed
  const Identity* identity(DeviceIndex index) const;           // null: none is kept
  DeviceIdentity described(DeviceIndex index) const;
  std::vector<DeviceIdentity> list(const ListDevices& what) const;
  DeviceCounts count() const;
  std::uint32_t locked(DeviceIndex index) const;               // messages of its queue that a receiver has
  void connection(Now now, DeviceIndex index, bool there);     // a door has one now, or no more
  // Shared access policies: of a hub that verifies from the start, of another once they are asked for.
  const std::vector<Policy>& policies() const;
  Ticket make_policies(Now now, Effects& effects);
  const StoredSession* session(DeviceIndex index) const;       // null: none stored
  Ticket store_session(Now now, DeviceIndex index, std::optional<StoredSession> session, Effects& effects);

  // Telemetry: partition by device id, one sequence per partition [D2C-03..D2C-07], routed to endpoints
  // once it is durable [D2C-19].
  std::uint32_t partition(DeviceIndex index) const;
  Ticket append_telemetry(Now now, DeviceIndex index, View flat, bool will, Effects& effects);
  // Where the log holds a partition of an endpoint (empty: the built-in one); none: there is no such.
  std::optional<std::uint32_t> place(std::string_view endpoint, std::uint32_t partition) const;
  // Appends to `out` events of a partition with sequence >= from, durable ones only, at most `limit` and
  // about 256 KiB; false when there is none yet.
  bool read(std::uint32_t place, std::uint64_t from, std::uint32_t limit, Telemetry& out) const;
  std::uint64_t newest(std::uint32_t place) const;             // last durable sequence, 0: none
  PartitionEnds ends(std::uint32_t place) const;
  // The sequence number of the first event that `passes`, or of the next to come [D2C-36]. Also one counts
  // that is not durable yet, as all are right after a restart: where a reader starts may not hang on that.
  std::uint64_t first_of(std::uint32_t place, bool latest,
                         const std::function<bool(const EventPlace&)>& passes) const;

  // Device queues [C2D-09]: a lock's token is good for one settling, while it lives.
  Outcome enqueue(Now now, std::string_view device, View flat, Effects& effects);
  bool deliverable(DeviceIndex index) const;                   // an Enqueued message waits
  std::optional<Delivery> deliver(Now now, DeviceIndex index, Holder holder, Effects& effects);
  Outcome settle(Now now, DeviceIndex index, LockToken token, Settle how, Effects& effects);
  void released(Now now, DeviceIndex index, Holder holder, Effects& effects);  // the holder's connection is gone
  // A lock that ends as with its connection, though that lives [OPEN-14].
  void give_back(Now now, DeviceIndex index, LockToken token, Effects& effects);
  Outcome purge(Now now, std::string_view device, Effects& effects);
  // Devices whose queue got something deliverable since the last call (enqueue, return); each once.
  std::vector<DeviceIndex>& ready();

  // Feedback: one stream for the hub [FBK-22]. A batch may leave when the ticket is durable; without
  // one none waits.
  std::optional<Ticket> receive_feedback(Now now, Feedback& out, Effects& effects);
  Outcome settle_feedback(Now now, std::uint64_t token, bool complete, Effects& effects);
  void give_back_feedback(Now now, std::uint64_t token, Effects& effects);  // its receiver is gone
  bool feedback_waits() const;

 private:
  [[gnu::noinline]] void flush_more(Now now, Effects& effects);  // there may be something to do

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::model
