// Conditions of routes from outside: what is read is written and read again as the same, an error
// has its place in the text, and every condition can be evaluated for every message.
#include "model/hub/condition.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hubproof::model;
  const std::string_view input = text(View{data, size});
  const std::size_t end = input.find('\n');
  const std::string_view source = input.substr(0, end);

  const auto parsed = Condition::parse(source);
  if (const auto* error = std::get_if<ConditionError>(&parsed)) {
    hold(error->place <= source.size() && !error->what.empty());
    return 0;
  }
  const auto& condition = std::get<Condition>(parsed);
  const std::string written = condition.text();
  if (written.size() <= Condition::longest) {
    const auto again = Condition::parse(written);
    hold(std::holds_alternative<Condition>(again));
    hold(std::get<Condition>(again).expression() == condition.expression());
  }

  Bytes flat;
  MessageWriter writer{flat};
  writer.system(System::message_id, "t1-1");
  writer.property("level", "high");
  writer.property("temperature", end == std::string_view::npos ? "21.5" : input.substr(end + 1).substr(0, 100));
  writer.null_property("nothing");
  writer.body({});
  (void)condition.holds(MessageView{flat}, {"d1", std::nullopt});
  return 0;
}
