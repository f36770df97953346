// The reference device against a hub that sends what it likes: whatever comes, the device lives,
// and what it sends is well formed.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "model/device.hpp"
#include "model/http/codec.hpp"
#include "model/mqtt/codec.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof::model;

class Bench {
 public:
  explicit Bench(std::uint8_t kind) {
    settings_.protocol = kind & 1 ? DeviceSettings::Protocol::http : DeviceSettings::Protocol::mqtt;
    settings_.durable_outbox = (kind & 2) != 0 && (kind & 1) == 0;
    settings_.batch = kind & 2 ? 3 : 1;
    settings_.receives_commands = (kind & 4) != 0;
    settings_.telemetry_qos = (kind >> 3) % 3;
    settings_.clean_session = (kind & 32) != 0;
    settings_.has_will = (kind & 64) != 0;
    start();
  }

  // One step of the input: `kind, size, bytes`.
  void step(std::uint8_t kind, View bytes) {
    switch (kind % 8) {
      case 0: submit(bytes); break;
      case 1: wait(Duration{bytes.size() + 1} * 1'000'000'000); break;
      case 2: answer_connack(); break;
      case 3:
        if (connected_) device_->ended(now(), connection_, EndedBy::reset, effects_);
        connected_ = false;
        break;
      case 4:
        device_.reset();
        effects_.clear();
        start();
        break;
      default:
        if (connected_) device_->received(now(), connection_, bytes, effects_);
        break;
    }
    perform();
  }

 private:
  Now now() const { return {Instant{} + time_, Date{} + std::chrono::hours{500'000} + time_}; }

  void start() {
    connected_ = false;
    device_.emplace(settings_, rules_, "d0", 1u,
                    Chance{[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr});
    const auto stored = files_;
    std::vector<StoredFile> views;
    for (const auto& [file, bytes] : stored) views.push_back({FileId{file}, bytes});
    device_->started(now(), views, effects_);
    perform();
  }

  void submit(View body) {
    Bytes message;
    MessageWriter writer{message};
    writer.system(System::message_id, message_id(own_key('t', 1, ++submitted_)));
    writer.body(body);
    device_->submit(now(), message, effects_);
  }

  void answer_connack() {
    if (!connected_ || settings_.protocol != DeviceSettings::Protocol::mqtt) return;
    Bytes packet;
    mqtt::write(packet, mqtt::Connack{});
    device_->received(now(), connection_, packet, effects_);
  }

  void wait(Duration duration) {
    const Duration end = time_ + duration;
    for (int wakes = 0; wakes < 1000; ++wakes) {
      const auto due = device_->deadline();
      if (!due || due->time_since_epoch() > end) break;
      time_ = std::max(time_, due->time_since_epoch());
      device_->woken(now(), effects_);
      perform();
    }
    time_ = end;
  }

  void perform() {
    while (!effects_.empty()) {
      const Effects effects = std::exchange(effects_, {});
      for (const Effect& effect : effects.list()) perform(effects, effect);
    }
  }

  void perform(const Effects& effects, const Effect& effect) {
    switch (effect.kind) {
      case Effect::Kind::connect:
        connection_ = effect.connection;
        connected_ = true;
        device_->connected(now(), connection_, effects_);
        break;
      case Effect::Kind::send: sent(effects.bytes(effect)); break;
      case Effect::Kind::close:
      case Effect::Kind::abort: connected_ = false; break;
      case Effect::Kind::append: {
        const View bytes = effects.bytes(effect);
        Bytes& file = files_[effect.file];
        file.insert(file.end(), bytes.begin(), bytes.end());
        break;
      }
      case Effect::Kind::sync: device_->stored(now(), effect.ticket, true, effects_); break;
      case Effect::Kind::remove: files_.erase(effect.file); break;
      case Effect::Kind::halt: hold(false); break;
    }
  }

  void sent(View bytes) const {
    if (settings_.protocol == DeviceSettings::Protocol::http) {
      http::RequestDecoder requests;
      requests.feed(bytes);
      while (requests.next()) {}
      return hold(!requests.refused() && requests.idle());
    }
    mqtt::Decoder decoder{mqtt::End::server};
    decoder.feed(bytes);
    while (decoder.next()) {}
    hold(!decoder.malformed());
  }

  DeviceSettings settings_;
  const DeviceRules rules_{};
  std::optional<Device> device_;
  Effects effects_;
  Duration time_{};
  ConnectionId connection_{};
  bool connected_ = false;
  std::uint32_t submitted_ = 0;
  std::map<std::uint64_t, Bytes> files_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input{View{data, size}};
  Bench bench{input.u8()};
  while (input.left() > 0) {
    const std::uint8_t kind = input.u8();
    const std::size_t length = input.u8();
    bench.step(kind, input.bytes(std::min(length, input.left())));
  }
  return 0;
}
