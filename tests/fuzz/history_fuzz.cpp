// Histories from anywhere: whatever the text, it is read in any split, with problems or without, and
// what was read is judged to the end. What the reader accepted is written and read again as the same.
#include <memory>
#include <string>
#include <string_view>

#include "conformance/history_json.hpp"
#include "conformance/judge.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace hubproof;

struct Heard {
  std::string written;
  std::size_t problems = 0;
};

Heard hear(std::string_view text, std::size_t split, bool judged) {
  Heard heard;
  std::unique_ptr<conformance::Judge> judge;
  model::History header;
  conformance::HistoryReader* self = nullptr;
  conformance::HistoryReader reader{
      [&](const model::History& the_header) {
        heard.written += conformance::write_header(the_header);
        if (judged) judge = std::make_unique<conformance::Judge>(the_header.terms, the_header.participants);
      },
      [&](const model::Event& event) {
        heard.written += conformance::write_event(self->header(), event);
        if (judge) judge->saw(event);
      }};
  self = &reader;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, split);
    reader.feed(part);
    text.remove_prefix(part.size());
  }
  reader.end();
  heard.problems = reader.problems().size();
  for (const conformance::HistoryProblem& problem : reader.problems()) hold(!problem.what.empty());
  if (judge) hold(!judge->finish().checks.empty());
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const Heard whole = hear(text, ~std::size_t{0}, true);
  hold(hear(text, 7, false).written == whole.written);
  if (whole.written.empty()) return 0;
  const Heard again = hear(whole.written, ~std::size_t{0}, false);
  hold(again.problems == 0);
  hold(again.written == whole.written);
  return 0;
}
