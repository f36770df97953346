#include "tools/shrink/simplify.hpp"

#include <array>
#include <chrono>
#include <functional>

#include "tools/document.hpp"
#include "tools/quantity.hpp"

namespace hubproof::tools::shrinking {
namespace {

using namespace std::chrono_literals;
using Kind = Document::Kind;

// Without these a fault or a run would not be smaller, only longer.
bool may_go(std::string_view key) {
  return key != "from" && key != "until" && key != "duration" && key != "settle" && key != "name" &&
         key != "at" && key != "nodes" && key != "peers" && key != "commands" && key != "devices" &&
         key != "services" && key != "faults" && key != "events" && key != "hub_restart";
}

// Rounder durations, the roundest first: what is below, or a little above.
std::vector<std::string> rounder(const std::string& text) {
  std::vector<std::string> all;
  const auto read = read_duration(text);
  if (!read) return all;
  for (const sim::Duration unit : std::array<sim::Duration, 7>{24h, 1h, 1min, 10s, 1s, 100ms, 1ms})
    for (const sim::Duration up : {sim::Duration{0}, unit}) {
      const sim::Duration rounded = *read / unit * unit + up;
      const std::string shorter = write_duration(rounded);
      if (shorter.size() < text.size() && rounded <= *read / 4 * 5) all.push_back(shorter);
    }
  return all;
}

class Simplifier {
 public:
  explicit Simplifier(const Scenario& scenario)
      : file_{scenario.file}, text_{write_scenario(scenario)}, root_{parse(text_).document} {}

  std::vector<Scenario> all() {
    visit(root_);
    return std::move(found_);
  }

 private:
  // Tries the document as it is now.
  void propose() {
    const std::string text = write(root_);
    if (text.size() >= text_.size()) return;
    ReadScenario read = read_scenario(text, file_);
    if (read.problems.empty()) found_.push_back(std::move(read.scenario));
  }

  void replace(Document& value, Document simpler) {
    std::swap(value, simpler);
    propose();
    std::swap(value, simpler);
  }

  void visit(Document& value) {
    if (value.kind == Kind::object) {
      for (std::size_t at = 0; at < value.members.size(); ++at) {
        if (!may_go(value.members[at].first)) continue;
        const Document::Member kept = value.members[at];
        value.members.erase(value.members.begin() + static_cast<std::ptrdiff_t>(at));
        propose();
        value.members.insert(value.members.begin() + static_cast<std::ptrdiff_t>(at), kept);
      }
      if (const Document* uniform = value.find("uniform"); uniform != nullptr) {
        for (const Document& end : std::vector<Document>{uniform->items}) replace(value, end);
      } else if (const Document* heavy = value.find("heavy"); heavy != nullptr) {
        replace(value, Document{*heavy});
      }
      for (auto& [key, inner] : value.members)
        if (key != "name" && key != "reason") visit(inner);
    } else if (value.kind == Kind::list) {
      for (Document& item : value.items) visit(item);
    } else if (value.kind == Kind::text) {
      for (const std::string& text : rounder(value.text)) replace(value, Document::string(text));
    } else if (value.kind == Kind::number && value.text.size() > 1) {
      replace(value, Document::number("1"));
    }
  }

  std::string file_;
  std::string text_;
  Document root_;
  std::vector<Scenario> found_;
};

}  // namespace

std::vector<Scenario> simpler_scenarios(const Scenario& scenario) { return Simplifier{scenario}.all(); }

}  // namespace hubproof::tools::shrinking
