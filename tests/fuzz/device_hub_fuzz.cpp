// What a device says over AMQP or HTTP, whatever it is: a case comes to a verdict on it, any split of it gives the same
// frames, each of those is put into words, and a transfer that is cut up loses nothing.
#include <algorithm>
#include <vector>

#include "conformance/devices/amqp_frames.hpp"
#include "conformance/devices/cases.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof;
using namespace hubproof::conformance::devices;
using model::Bytes;
using model::View;

const std::vector<const DeviceCase*>& played() {
  static const std::vector<const DeviceCase*> all = [] {
    std::vector<const DeviceCase*> some;
    for (const DeviceCase& each : device_cases())
      if (each.needs.protocol != Protocol::mqtt) some.push_back(&each);
    return some;
  }();
  return all;
}

std::vector<Bytes> frames_of(View bytes, std::size_t piece) {
  FrameCutter cutter;
  std::vector<Bytes> frames;
  while (!bytes.empty()) {
    const View part = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(part.size());
    cutter.feed(part);
    while (auto frame = cutter.next()) frames.push_back(std::move(*frame));
  }
  return frames;
}

// Up to the piece that is no frame: as much of that comes as is there.
void look_into_frames(View bytes) {
  const std::vector<Bytes> whole = frames_of(bytes, bytes.size());
  const std::vector<Bytes> pieces = frames_of(bytes, 3);
  hold(whole.size() == pieces.size());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    hold(whole[at] == pieces[at] || (at + 1 == whole.size() && std::equal(pieces[at].begin(), pieces[at].end(), whole[at].begin())));
    hold(!frame_text(whole[at]).empty());
    const FrameView frame{whole[at]};
    Bytes joined;
    for (const Bytes& part : split_transfer(whole[at], 5)) {
      const View payload = FrameView{part}.payload;
      joined.insert(joined.end(), payload.begin(), payload.end());
    }
    hold(std::ranges::equal(joined, frame.payload));
  }
}

// The stage of one case, with an adapter that does what it must, and a device that says what it is given.
class Play {
 public:
  explicit Play(const DeviceCase& which) : stage_{StageSettings{}, which.name, which.clauses, which.play} {
    stage_.started(now_);
    const std::string protocol = which.needs.protocol == Protocol::amqp ? "amqp" : "http";
    line(R"({"did":"hello","name":"fuzzed","version":"1","qos":[1],"kind":"hub","protocol":")" + protocol +
         R"(","reconnects":true,"queues":true,"renews":true})");
  }

  void say(View bytes) {
    if (link_ == 0) reopen();
    stage_.received(now_, LinkId{link_}, bytes);
    answer();
  }
  void reopen() {
    if (link_ != 0) stage_.ended(now_, LinkId{link_});
    stage_.opened(now_, LinkId{++link_});
    answer();
  }
  void line(const std::string& text) {
    stage_.line(now_, text);
    answer();
  }
  void end() {
    for (int turns = 0; turns < 10'000 && !stage_.finished(); ++turns) {
      const auto due = stage_.deadline();
      hold(due.has_value());
      now_ = std::max(now_, *due);
      stage_.woken(now_);
      answer();
    }
    hold(stage_.finished());
  }

 private:
  void answer() {
    now_ += std::chrono::milliseconds{1};
    for (int turns = 0; turns < 100; ++turns) {
      const std::vector<Act> acts = std::exchange(stage_.acts(), {});
      if (acts.empty() || stage_.finished()) return;
      for (const Act& act : acts) {
        if (const std::size_t id = act.line.find(R"("do":"echo","id":)"); id != std::string::npos)
          stage_.line(now_, R"({"did":"echo","id":)" + std::to_string(std::atoi(act.line.c_str() + id + 17)) + "}");
        if (act.line.find(R"("do":"connect")") != std::string::npos) stage_.line(now_, R"({"did":"connected"})");
      }
    }
  }

  Stage stage_;
  model::Instant now_{};
  std::uint32_t link_ = 0;
};

}  // namespace

// A byte that chooses the case; then, again and again, one that says how many bytes follow, or 0: another connection.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  View left{data, size};
  if (left.empty()) return 0;
  Play play{*played()[left[0] % played().size()]};
  left = left.subspan(1);
  Bytes all;
  while (!left.empty()) {
    const std::size_t count = std::min<std::size_t>(left[0], left.size() - 1);
    if (left[0] == 0) play.reopen();
    const View part = left.subspan(1, count);
    left = left.subspan(1 + count);
    if (part.empty()) continue;
    play.say(part);
    all.insert(all.end(), part.begin(), part.end());
  }
  play.end();
  if (!all.empty()) look_into_frames(all);
  return 0;
}
