#include "tools/story.hpp"

#include <algorithm>

#include "model/mutants/mutant.hpp"
#include "tools/render/render.hpp"
#include "tools/run.hpp"

namespace hubproof::tools {
namespace {

using model::Event;
using model::History;
using model::Phase;
using model::What;

constexpr std::size_t most_lines = 40;

class Narrator {
 public:
  explicit Narrator(const History& header) : header_{header} {}

  // One line, or nothing where the event is no news.
  std::string line(const Event& event) const {
    switch (event.what) {
      case What::telemetry: return telemetry(event);
      case What::delivery: return id(event) + " is delivered to " + observer(event);
      case What::complete: return settling(event, "completes");
      case What::reject: return settling(event, "rejects");
      case What::abandon: return settling(event, "abandons");
      case What::command: return command(event);
      case What::read:
        return observer(event) + " reads " + ((event.flags & model::flag_will) != 0 ? "a will" : id(event)) +
               " of " + device(event) + ", number " + std::to_string(event.sequence) + " of partition " +
               std::to_string(event.partition);
      case What::checkpoint:
        return operation(event, "stores the checkpoint " + std::to_string(event.sequence) +
                                    " of partition " + std::to_string(event.partition));
      case What::feedback_record:
        return observer(event) + " hears that " + id(event) + " to " + device(event) + " came to " +
               status(event.status);
      case What::create_device: return operation(event, "creates " + device(event));
      case What::delete_device: return operation(event, "deletes " + device(event));
      case What::enable_device: return operation(event, "enables " + device(event));
      case What::disable_device: return operation(event, "disables " + device(event));
      case What::update_device: return operation(event, "changes the keys of " + device(event));
      case What::purge: return operation(event, "purges the queue of " + device(event));
      case What::accepted:
        return (event.flags & model::flag_sent) != 0 ? "the hub accepts a connection of " + device(event)
                                                     : std::string{};
      case What::ended:
        return at_device(event) ? "the connection of " + observer(event) + " ends" + by(event.by)
                                : std::string{};
      case What::started: return observer(event) + " starts";
      case What::crashed: return observer(event) + " goes down and forgets what was not on its disk";
      case What::fault_begins: return "fault: " + header_.notes[event.note];
      case What::fault_ends: return "over: " + header_.notes[event.note];
      case What::healed: return "all faults are over";
      case What::packet: return packet(event);
      default: return {};
    }
  }

 private:
  std::string name(model::NodeIndex node) const {
    const auto at = static_cast<std::size_t>(node);
    return at < header_.participants.size() ? header_.participants[at].name : "somebody";
  }
  std::string observer(const Event& event) const { return name(event.observer); }
  std::string device(const Event& event) const { return name(event.device); }
  static std::string id(const Event& event) {
    return event.message == model::MessageKey::none ? "a message" : model::message_id(event.message);
  }
  bool at_device(const Event& event) const {
    const auto at = static_cast<std::size_t>(event.observer);
    return at < header_.participants.size() && header_.participants[at].role == model::Role::device;
  }

  std::string telemetry(const Event& event) const {
    switch (event.phase) {
      case Phase::invoke: return observer(event) + " has " + id(event) + " to send";
      case Phase::ok: return id(event) + " of " + observer(event) + " is acknowledged";
      case Phase::fail: return observer(event) + " refuses " + id(event);
      case Phase::info: return observer(event) + " gives " + id(event) + " up";
    }
    return {};
  }
  std::string command(const Event& event) const {
    switch (event.phase) {
      case Phase::invoke: return observer(event) + " sends " + id(event) + " to " + device(event);
      case Phase::ok: return "the hub accepts " + id(event) + " for " + device(event);
      case Phase::fail:
        return "the hub refuses " + id(event) + " for " + device(event) + ": " + model::error_text(event.error);
      case Phase::info: return "nobody knows what became of " + id(event);
    }
    return {};
  }
  std::string settling(const Event& event, const std::string& verb) const {
    const std::string what = observer(event) + " " + verb + " " + id(event);
    if (event.phase == Phase::invoke) return what;
    if (event.phase == Phase::fail) return "the hub refuses: " + what;
    return event.phase == Phase::ok ? "the hub confirms: " + what : std::string{};
  }
  std::string operation(const Event& event, const std::string& what) const {
    switch (event.phase) {
      case Phase::invoke: return observer(event) + " " + what;
      case Phase::ok: return "done: " + observer(event) + " " + what;
      case Phase::fail: return "refused: " + observer(event) + " " + what;
      case Phase::info: return {};
    }
    return {};
  }
  std::string packet(const Event& event) const {
    if (!at_device(event) || event.packet != model::Packet::publish ||
        (event.flags & model::flag_sent) == 0)
      return {};
    return observer(event) + " publishes " + id(event) +
           ((event.flags & model::flag_dup) != 0 ? " again, with DUP" : "") + ", packet " +
           std::to_string(event.packet_id);
  }
  static std::string status(model::Status status) {
    switch (status) {
      case model::Status::success: return "success";
      case model::Status::expired: return "expiry";
      case model::Status::delivery_count_exceeded: return "too many deliveries";
      case model::Status::rejected: return "rejection";
      case model::Status::purged: return "a purge";
    }
    return {};
  }
  static std::string by(model::EndedBy by) {
    switch (by) {
      case model::EndedBy::local: return ", by itself";
      case model::EndedBy::peer: return ", by the hub";
      case model::EndedBy::timed_out: return ", because nobody answers";
      case model::EndedBy::reset: return ", by a reset";
      case model::EndedBy::unknown: break;
    }
    return {};
  }

  const History& header_;
};

struct Told {
  std::string at;
  std::string what;
  bool close = false;  // to what the evidence is about
  std::uint64_t more = 0;
};

bool of_a_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && of_a_word(text[end])) ++end;
    if (end > at) words.push_back(text.substr(at, end - at));
    at = std::max(end, at + 1);
  }
  return words;
}

// What the evidence names: its messages, or, where it names none, its nodes.
std::vector<std::string> subjects_of(const Bundle& bundle) {
  const std::vector<std::string> names = node_names(bundle.scenario);
  std::vector<std::string> messages, nodes;
  for (const std::string& word : words_of(bundle.what)) {
    if (std::ranges::count(names, word) > 0) {
      nodes.push_back(word);
    } else if (word.size() > 2 && (word[0] == 't' || word[0] == 'c') && word.find('-') != word.npos) {
      messages.push_back(word);
    }
  }
  return messages.empty() ? nodes : messages;
}

std::string wrapped(const std::string& text, const std::string& prefix) {
  std::string out = prefix;
  for (const char c : text) out += c == '\n' ? "\n" + prefix : std::string(1, c);
  return out + "\n";
}

}  // namespace

std::vector<std::string> story_of(const Bundle& bundle) {
  std::vector<std::string> story;
  if (bundle.clause.starts_with("RUN-")) return {bundle.clause + ": " + bundle.what};
  const std::vector<std::string> subjects = subjects_of(bundle);
  std::vector<Told> told;
  RunOptions options;
  options.seed = bundle.seed;
  options.mutant = bundle.mutant.empty() ? nullptr : model::find_mutant(bundle.mutant);
  options.steering = bundle.steering;
  options.on_event = [&](const History& header, const Event& event) {
    std::string text = Narrator{header}.line(event);
    if (text.empty()) return;
    if (!told.empty() && told.back().what == text) {
      ++told.back().more;
      return;
    }
    const std::vector<std::string> words = words_of(text);
    const bool subject = std::ranges::any_of(
        subjects, [&](const std::string& one) { return std::ranges::count(words, one) > 0; });
    const bool world = event.what == What::fault_begins || event.what == What::fault_ends ||
                       event.what == What::crashed || event.what == What::healed;
    told.push_back({"t=" + rounded_seconds(event.at) + "s", std::move(text), subject || world});
  };
  run(bundle.scenario, options);
  const bool all = told.size() <= most_lines;
  std::vector<std::string> lines;
  for (const Told& one : told)
    if (all || one.close)
      lines.push_back(one.at + "  " + one.what +
                      (one.more > 0 ? " (" + std::to_string(one.more) + " times more)" : ""));
  const std::size_t shown = std::min(lines.size(), most_lines);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    if (lines.size() > shown && at == shown / 2) {
      story.push_back("... " + std::to_string(lines.size() - shown) + " more ...");
      at += lines.size() - shown;
    }
    story.push_back(std::to_string(at + 1) + ". " + lines[at]);
  }
  story.push_back(bundle.clause + " fails: " + bundle.what + ".");
  for (std::string& line : turning_point_lines(bundle)) story.push_back(std::move(line));
  if (!bundle.sentence.empty()) story.push_back("The clause: " + bundle.sentence);
  return story;
}

std::vector<std::string> turning_point_lines(const Bundle& bundle) {
  std::vector<std::string> lines;
  if (bundle.odds.empty()) return lines;
  std::string line = "With another future from then on it fails:";
  for (const Odds& one : bundle.odds)
    line += " t=" + rounded_seconds(one.at.count()) + "s " +
            std::to_string(one.fails * 100 / std::max(one.of, 1U)) + " %,";
  line.back() = '.';
  lines.push_back(line);
  if (!bundle.no_return) return lines;
  const NoReturn& point = *bundle.no_return;
  lines.push_back("Point of no return: t=" + rounded_seconds(point.at.count()) + "s, " +
                  std::string{site_name(point.instead.site)} + " of " + point.instead.node + ", draw " +
                  std::to_string(point.instead.n) + " there: with " + std::to_string(point.instead.value) +
                  " instead of " + std::to_string(point.was) + " it does not fail.");
  return lines;
}

std::string generated_test(const Bundle& bundle, const std::string& bundle_file) {
  std::string name;
  for (const char c : bundle.clause + "_" + bundle.scenario.name + "_" + std::to_string(bundle.seed))
    name += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  std::string story;
  for (const std::string& line : bundle.story) story += wrapped(line, "// ");
  Bundle lean = bundle;
  lean.story.clear();
  return "// Made by `hubproof shrink` from " + bundle_file + "; fails as long as the failure is there.\n//\n" + story +
         "#include <gtest/gtest.h>\n\n#include \"tests/support/regression.hpp\"\n\n"
         "TEST(Regression, " + name + ") {\n"
         "  EXPECT_EQ(hubproof::tests::failure_of(R\"json(" + write_bundle(lean) + ")json\"), \"\");\n}\n";
}

}  // namespace hubproof::tools
