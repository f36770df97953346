#include "model/link/link.hpp"

#include <type_traits>

#include "model/utf8.hpp"

namespace hubproof::model::link {
namespace {

// One list of fields for each struct serves both directions: `fields(io, value)` with an In or an
// Out. In turns bad() on what does not fit, and its owner asks once, at the end.
class Out {
 public:
  explicit Out(Bytes& out) : out_{out} {}

  void operator()(const std::string& value) {
    const std::string_view cut = std::string_view{value}.substr(0, 0xffff);
    out_.string16(cut);
  }
  // Fields that a frame ends before when they say nothing.
  bool more(bool says_something) { return says_something; }
  void said(bool) {}
  void operator()(const Bytes& value) { out_.bytes32(value); }
  void operator()(const Duration& value) { out_.i64(value.count()); }
  template <class T>
  void operator()(const std::optional<T>& value) {
    out_.u8(value ? 1 : 0);
    if (value) one(*value);
  }
  void operator()(bool value) { out_.u8(value ? 1 : 0); }
  void operator()(std::uint32_t value) { out_.u32(value); }
  void operator()(std::uint64_t value) { out_.u64(value); }
  void operator()(std::int64_t value) { out_.i64(value); }
  template <class E>
  void choice(E value, E) {
    out_.u8(static_cast<std::uint8_t>(value));
  }
  void flat(const Bytes& message) { out_.bytes32(message); }
  void last(const std::string& value) {  // what is empty is left out
    if (!value.empty()) (*this)(value);
  }
  template <class T>
  void list(const std::vector<T>& values) {
    out_.u32(static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) fields(*this, value);
  }

 private:
  template <class T>
  void one(const T& value) {
    if constexpr (requires { fields(*this, value); }) fields(*this, value);
    else (*this)(value);
  }

  Writer out_;
};

class In {
 public:
  explicit In(View bytes) : in_{bytes} {}

  bool more(bool) const { return in_.left() > 0; }
  void said(bool something) {
    if (!something) bad_ = true;
  }
  bool whole() const { return !bad_ && in_.ok() && in_.left() == 0; }

  void operator()(std::string& value) {
    const std::string_view text = in_.string16();
    if (utf8(text) == Utf8::broken) bad_ = true;
    value.assign(text);
  }
  void operator()(Duration& value) { value = Duration{in_.i64()}; }
  template <class T>
  void operator()(std::optional<T>& value) {
    bool there = false;
    (*this)(there);
    if (!there) return;
    T one{};  // built aside: into the optional itself, g++ 12 sees uninitialised text
    if constexpr (requires { fields(*this, one); }) fields(*this, one);
    else (*this)(one);
    value = std::move(one);
  }
  void operator()(bool& value) {
    const std::uint8_t byte = in_.u8();
    if (byte > 1) bad_ = true;
    value = byte == 1;
  }
  void operator()(std::uint32_t& value) { value = in_.u32(); }
  void operator()(std::uint64_t& value) { value = in_.u64(); }
  void operator()(std::int64_t& value) { value = in_.i64(); }
  template <class E>
  void choice(E& value, E last) {
    const std::uint8_t byte = in_.u8();
    if (byte > static_cast<std::uint8_t>(last)) bad_ = true;
    value = static_cast<E>(byte);
  }
  void last(std::string& value) {
    value.clear();
    if (in_.left() == 0) return;
    (*this)(value);
    if (value.empty()) bad_ = true;
  }
  void flat(Bytes& message) {  // absent, or a well-formed flat message
    const View bytes = in_.bytes32();
    if (!bytes.empty() && !MessageView{bytes}.valid()) bad_ = true;
    message.assign(bytes.begin(), bytes.end());
  }
  template <class T>
  void list(std::vector<T>& values) {
    const std::uint32_t count = in_.u32();
    if (count > in_.left()) bad_ = true;  // each has at least one byte: no room for a false count
    for (std::uint32_t i = 0; i < count && !bad_ && in_.ok(); ++i)
      fields(*this, values.emplace_back());
  }

 private:
  Reader in_;
  bool bad_ = false;
};

// T for writing is const, for reading it is not.
template <class T, class U>
concept Is = std::is_same_v<std::remove_const_t<T>, U>;

template <class Io, Is<Credentials> T>
void fields(Io& io, T& it) {
  io.choice(it.type, CredentialType::authority);
  io(it.primary);
  io(it.secondary);
}
template <class Io, Is<CreateDevice> T>
void fields(Io& io, T& it) {
  io(it.device);
  if (!io.more(it.credentials || !it.enabled || !it.reason.empty())) return;
  io(it.credentials);
  io(it.enabled);
  io(it.reason);
  io.said(it.credentials || !it.enabled || !it.reason.empty());
}
template <class Io, Is<DeleteDevice> T>
void fields(Io& io, T& it) {
  io(it.device);
  if (!io.more(!it.if_match.empty())) return;
  io(it.if_match);
  io.said(!it.if_match.empty());
}
template <class Io, Is<EnableDevice> T>
void fields(Io& io, T& it) {
  io(it.device);
  io(it.enabled);
}
template <class Io, Is<Purge> T>
void fields(Io& io, T& it) {
  io(it.device);
}
template <class Io, Is<SendCommand> T>
void fields(Io& io, T& it) {
  io(it.device);
  io.flat(it.message);
}
template <class Io, Is<ReadTelemetry> T>
void fields(Io& io, T& it) {
  io(it.group);
  io(it.partition);
  io(it.from);
  io(it.limit);
  io(it.wait);
  io.last(it.endpoint);
}
template <class Io, Is<StoreCheckpoint> T>
void fields(Io& io, T& it) {
  io(it.group);
  io(it.partition);
  io(it.sequence);
  io.last(it.endpoint);
}
template <class Io, Is<ReceiveFeedback> T>
void fields(Io& io, T& it) {
  io(it.wait);
}
template <class Io, Is<SettleFeedback> T>
void fields(Io& io, T& it) {
  io(it.token);
  io(it.complete);
}
template <class Io, Is<ReceiveCommand> T>
void fields(Io& io, T& it) {
  io(it.device);
}
template <class Io, Is<SettleCommand> T>
void fields(Io& io, T& it) {
  io(it.device);
  io(it.token);
  io.choice(it.how, Settle::abandon);
}
template <class Io, Is<UpdateDevice> T>
void fields(Io& io, T& it) {
  io(it.device);
  io(it.if_match);
  io(it.credentials);
  io(it.enabled);
  io(it.reason);
}
template <class Io, Is<GetDevice> T>
void fields(Io& io, T& it) {
  io(it.device);
}
template <class Io, Is<ListDevices> T>
void fields(Io& io, T& it) {
  io(it.after);
  io(it.limit);
}
template <class Io, Is<CountDevices> T>
void fields(Io&, T&) {}
template <class Io, Is<ListPolicies> T>
void fields(Io&, T&) {}

template <class Io, Is<Failed> T>
void fields(Io& io, T& it) {
  io.choice(it.error, Error::quota_exceeded);
}
template <class Io, Is<Done> T>
void fields(Io& io, T& it) {
  io(it.generation);
  io(it.count);
  io(it.sequence);
  io(it.date);
  io(it.expiry);
}
template <class Io, Is<TelemetryEvent> T>
void fields(Io& io, T& it) {
  io(it.sequence);
  io(it.offset);
  io(it.enqueued);
  io(it.device);
  io(it.generation);
  io(it.will);
  io.flat(it.message);
}
template <class Io, Is<Telemetry> T>
void fields(Io& io, T& it) {
  io(it.partition);
  io.list(it.events);
}
template <class Io, Is<Command> T>
void fields(Io& io, T& it) {
  io(it.token);
  io(it.sequence);
  io(it.count);
  io(it.enqueued);
  io(it.expiry);
  io.flat(it.message);
}
template <class Io, Is<FeedbackRecord> T>
void fields(Io& io, T& it) {
  io(it.original_message_id);
  io(it.device);
  io(it.generation);
  io.choice(it.status, Status::purged);
  io(it.date);
}
template <class Io, Is<Feedback> T>
void fields(Io& io, T& it) {
  io(it.token);
  io(it.created);
  io(it.count);
  io.list(it.records);
}
template <class Io, Is<DeviceIdentity> T>
void fields(Io& io, T& it) {
  io(it.device);
  io(it.generation);
  io(it.etag);
  io(it.enabled);
  io(it.reason);
  io(it.credentials);
  io(it.connected);
  io(it.status_updated);
  io(it.connection_updated);
  io(it.last_activity);
  io(it.commands);
}
template <class Io, Is<Devices> T>
void fields(Io& io, T& it) {
  io.list(it.list);
}
template <class Io, Is<DeviceCounts> T>
void fields(Io& io, T& it) {
  io(it.total);
  io(it.enabled);
}
template <class Io, Is<Policy> T>
void fields(Io& io, T& it) {
  io(it.name);
  io.choice(it.rights, std::uint8_t{15});
  io(it.primary);
  io(it.secondary);
}
template <class Io, Is<Policies> T>
void fields(Io& io, T& it) {
  io.list(it.list);
}

// A kind is the place in the variant, counted from 1; responses have the top bit set.
constexpr std::uint8_t response_kind = 0x80;

template <class Variant>
void write(Bytes& out, std::uint32_t correlation, std::uint8_t kind_bit, const Variant& value) {
  Writer writer{out};
  const std::size_t at = writer.size();
  writer.u32(0);
  writer.u32(correlation);
  writer.u8(static_cast<std::uint8_t>(kind_bit | (value.index() + 1)));
  Out io{out};
  std::visit([&](const auto& it) { fields(io, it); }, value);
  writer.patch_u32(at, static_cast<std::uint32_t>(writer.size() - at - 4));
}

template <class Variant, std::size_t I = 0>
bool read(std::size_t index, View bytes, Variant& value) {
  if constexpr (I == std::variant_size_v<Variant>) {
    return false;
  } else {
    if (index != I) return read<Variant, I + 1>(index, bytes, value);
    In io{bytes};
    fields(io, value.template emplace<I>());
    return io.whole();
  }
}

constexpr std::size_t warm = 512;  // a buffer is kept up to this size

}  // namespace

void write_request(Bytes& out, std::uint32_t correlation, const Request& request) {
  write(out, correlation, 0, request);
}

void write_response(Bytes& out, std::uint32_t correlation, const Response& response) {
  write(out, correlation, response_kind, response);
}

void Decoder::feed(View bytes) {
  if (broken_) return;
  if (at_ > 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<View> Decoder::frame() {
  if (broken_) return std::nullopt;
  Reader reader{View{buffer_}.subspan(at_)};
  if (reader.left() == 0) {
    at_ = 0;
    if (buffer_.capacity() > warm)
      Bytes{}.swap(buffer_);
    else
      buffer_.clear();
  }
  if (reader.left() < 4) return std::nullopt;
  const std::uint32_t size = reader.u32();
  if (size > max_frame || size < 5) {
    broken_ = true;
    return std::nullopt;
  }
  if (reader.left() < size) return std::nullopt;
  at_ += 4 + size;
  return reader.bytes(size);
}

std::optional<RequestFrame> Decoder::next_request() {
  const auto bytes = frame();
  if (!bytes) return std::nullopt;
  Reader reader{*bytes};
  std::optional<RequestFrame> result{std::in_place};
  result->correlation = reader.u32();
  const std::uint8_t kind = reader.u8();
  broken_ = kind == 0 || kind >= response_kind || !read(kind - 1u, reader.rest(), result->request);
  if (broken_) return std::nullopt;
  return result;
}

std::optional<ResponseFrame> Decoder::next_response() {
  const auto bytes = frame();
  if (!bytes) return std::nullopt;
  Reader reader{*bytes};
  std::optional<ResponseFrame> result{std::in_place};
  result->correlation = reader.u32();
  const std::uint8_t kind = reader.u8();
  broken_ =
      kind <= response_kind || !read(kind - response_kind - 1u, reader.rest(), result->response);
  if (broken_) return std::nullopt;
  return result;
}

}  // namespace hubproof::model::link
