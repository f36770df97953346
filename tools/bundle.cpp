#include "tools/bundle.hpp"

#include <algorithm>

#include "model/mutants/mutant.hpp"
#include "tools/campaign.hpp"
#include "tools/quantity.hpp"
#include "tools/render/render.hpp"
#include "tools/scenario_fields.hpp"

namespace hubproof::tools {
namespace {

void site(Fields& f, sim::Site& value) {
  std::string name{site_name(value)};
  f.text("site", "where the decision is made", name);
  if (!f.reading()) return;
  if (const auto found = find_site(name))
    value = *found;
  else
    f.problem("site", "there is no site \"" + name + "\"" + did_you_mean(name, site_names()));
}

void given_choice(Fields& f, GivenChoice& choice) {
  f.need("site");
  site(f, choice.site);
  f.text("node", "who decides", choice.node);
  f.need("node");
  f.number("n", "which decision there, from 1", choice.n, {1});
  f.need("n");
  f.number("value", "what was decided", choice.value);
  f.need("value");
}

void one_reseed(Fields& f, Reseed& reseed) {
  f.duration("from", "another future is drawn from then on", reseed.from, {});
  f.optional("site", reseed.site, [&](sim::Site& value) { site(f, value); });
  f.number("salt", "which future", reseed.salt);
  f.need("salt");
}

void choices(Fields& f, Steering& steering) {
  f.list("given", "single decisions", steering.given, 1'000'000, given_choice);
  f.list("reseeds", "futures", steering.reseeds, 10'000, one_reseed);
}

void odds(Fields& f, Odds& odds) {
  f.duration("at", "when another future begins", odds.at, {});
  f.need("at");
  f.number("fails", "so many futures fail", odds.fails);
  f.number("of", "so many that were drawn", odds.of);
}

void no_return(Fields& f, NoReturn& point) {
  given_choice(f, point.instead);
  f.number("was", "what was decided in the run", point.was);
  f.duration("at", "when it was decided", point.at, {});
}

void evidence(Fields& f, Bundle& bundle) {
  f.text("what", "what happened", bundle.what);
  sim::Duration at{bundle.at};
  f.duration("at", "in the run's true time", at, {});
  bundle.at = at.count();
  f.optional("event", bundle.event,
             [&](std::uint64_t& event) { f.number("event", "where in the history", event); });
}

void story_lines(Fields& f, std::vector<std::string>& story) {
  f.texts("story", "what happened, for people", story);
}

// A signature begins with its clause. A clause that another version wrote may be gone; ours are known.
void fits(Fields& f, const Bundle& bundle) {
  if (bundle.clause.empty() || bundle.signature.empty()) return;
  std::vector<std::string_view> known;
  for (const conformance::About& check : all_checks()) known.push_back(check.id);
  const bool ours = bundle.version.empty() || bundle.version == version;
  if (ours && std::ranges::find(known, bundle.clause) == known.end())
    return f.problem("clause", "there is no check of a clause \"" + bundle.clause + "\"" +
                                   did_you_mean(bundle.clause, known));
  const std::string_view of = std::string_view{bundle.signature}.substr(
      0, bundle.signature.find_first_of(" :", bundle.clause.starts_with("mqtt311:") ? 8 : 0));
  if (of != bundle.clause)
    f.problem("signature", "expected one of \"clause\", " + bundle.clause + ", found one of " +
                               std::string{of});
}

void whole(Fields& f, Bundle& bundle, Cast& cast) {
  std::uint32_t format = 1;
  f.number("bundle", "the format's version", format, {1, 1});
  f.need("bundle");
  f.text("hubproof", "the program that wrote it", bundle.version);
  f.text("clause", "what failed", bundle.clause);
  f.need("clause");
  f.text("sentence", "the clause in one sentence", bundle.sentence);
  f.text("signature", "failures with one signature are the same", bundle.signature);
  f.need("signature");
  if (f.reading()) fits(f, bundle);
  f.object("evidence", "of the failure", bundle, Bundle{}, evidence);
  f.number("seed", "of the run", bundle.seed);
  f.need("seed");
  f.text("mutant", "a wrong hub, device or service; absent: none", bundle.mutant);
  if (f.reading() && !bundle.mutant.empty() && model::find_mutant(bundle.mutant) == nullptr)
    f.problem("mutant", "there is no mutant \"" + bundle.mutant + "\"");
  std::string digest = hex_text(bundle.digest);
  f.text("digest", "over all that happened in the run", digest);
  if (f.reading()) {
    const auto read = read_hex(digest);
    if (!read) f.problem("digest", "expected 16 hex digits, found \"" + digest + "\"");
    bundle.digest = read.value_or(0);
  }
  f.object("choices", "what the seed does not decide", bundle.steering, Steering{}, choices);
  story_lines(f, bundle.story);
  f.list("odds", "how likely the failure is, along the time line", bundle.odds, 10'000, odds);
  f.optional("point_of_no_return", bundle.no_return, [&](NoReturn& point) {
    f.object("point_of_no_return", "the last choice whose change saves the run", point, NoReturn{}, no_return);
  });
  f.need("scenario");
  f.object("scenario", "with its faults spelled out", bundle.scenario, Scenario{},
           [&](Fields& inner, Scenario& scenario) { scenario_fields(inner, scenario, cast); });
}

}  // namespace

ReadBundle read_bundle(std::string_view json, std::string_view file) {
  ReadBundle read;
  const std::optional<Document> document = object_of(json, read.problems);
  if (!document) return read;
  Cast cast;
  read_fields(*document, "", cast, read.problems,
              [&](Fields& f) { whole(f, read.bundle, cast); });
  read.bundle.scenario.file = file;
  if (read.bundle.scenario.name.empty()) read.bundle.scenario.name = read.bundle.clause;
  return read;
}

std::string write_bundle(const Bundle& bundle) {
  Bundle copy = bundle;
  Cast cast = cast_of(bundle.scenario);
  Bundle usual;
  Cast nobody;
  return write(write_fields(cast, [&](Fields& f) { whole(f, copy, cast); },
                            [&](Fields& f) { whole(f, usual, nobody); }));
}

bool is_bundle(std::string_view json) {
  const Parsed parsed = parse(json);
  return !parsed.malformed && parsed.document.find("bundle") != nullptr;
}

}  // namespace hubproof::tools
