// The hub's store as it may be found: files with any content. The hub starts or halts; it never
// breaks, and when it starts it can be talked to.
#include <algorithm>
#include <utility>
#include <vector>

#include "model/server.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hubproof::model;
  // The input: files of `number u8, size u16, bytes`, in ascending order of their numbers.
  std::vector<StoredFile> files;
  Reader input{View{data, size}};
  while (input.left() > 0) {
    const FileId number{input.u8()};
    const std::size_t length = input.u16();
    const View bytes = input.bytes(std::min(length, input.left()));
    if (!files.empty() && files.back().id >= number) break;
    files.push_back({number, bytes});
  }

  const Rules rules{};
  Server server{rules, Chance{[](void*, ChanceSite, std::uint32_t) { return 0u; }, nullptr}};
  server.name_devices([](std::string_view) { return NodeIndex::none; });
  const Now now{Instant{}, Date{} + std::chrono::hours{500'000}};
  Effects effects;
  bool halted = false;
  const auto perform = [&] {
    while (!effects.empty() && !halted) {
      const Effects asked = std::exchange(effects, {});
      for (const Effect& effect : asked.list()) {
        if (effect.kind == Effect::Kind::halt) halted = true;
        if (effect.kind == Effect::Kind::sync && !halted) server.stored(now, effect.ticket, true, effects);
      }
    }
  };
  server.recover(now, files, effects);
  perform();
  if (halted) return 0;
  bool answered = false;
  server.request(now, CreateDevice{"new"}, [&](const Response&) { answered = true; }, effects);
  perform();
  hold(answered || halted);
  return 0;
}
