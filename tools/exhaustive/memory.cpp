#include "tools/exhaustive/memory.hpp"

#include <map>
#include <type_traits>

#include "conformance/history_fields.hpp"
#include "model/bytes.hpp"

namespace hubproof::tools::exhaustive {
namespace {

std::uint64_t bits(const auto* value) { return static_cast<std::uint64_t>(*value); }
std::uint64_t bits(conformance::FlagSet<const std::uint16_t> flags) { return *flags.bits; }
std::uint64_t bits(conformance::EndpointSet<const std::uint16_t> set) { return *set.bits; }
std::uint64_t bits(conformance::Note<const std::uint32_t> note) { return *note.index; }
std::uint64_t bits(auto wrapped) { return static_cast<std::uint64_t>(*wrapped.value); }

std::uint64_t digest(const model::Event& event) {
  std::uint64_t sum = 0;
  conformance::each_event_field(
      event, event, [&](const char*, auto value, auto) { sum = model::mix(sum + bits(value)); });
  return sum;
}

}  // namespace

bool Memory::Row::operator==(const Row& other) const {
  const Input& a = input;
  const Input& b = other.input;
  return a.kind == b.kind && a.variant == b.variant && a.connection == b.connection &&
         a.now == b.now && a.text == b.text;
}

std::size_t Memory::Hash::operator()(const Row& row) const {
  const Input& it = row.input;
  const auto kind = static_cast<std::uint64_t>(it.kind) << 8 | it.variant;
  const std::uint64_t first = model::mix(std::uint64_t{it.connection} << 32 | it.text);
  return model::mix(model::mix(first + kind) + static_cast<std::uint64_t>(it.now));
}

Memory::Memory(Make make) : make_{std::move(make)}, machine_{make_()} {
  places_.emplace_back();
  number(Output{});
}

std::uint32_t Memory::number(const Input& input) {
  const auto [at, fresh] =
      input_numbers_.try_emplace(Row{input}, static_cast<std::uint32_t>(inputs_.size()));
  if (fresh) inputs_.push_back(input);
  return at->second;
}

std::uint32_t Memory::number(Output output) {
  std::string key;
  const auto add = [&](std::uint64_t value) {
    key.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  for (const Deed& deed : output.deeds) {
    add(static_cast<std::uint64_t>(deed.kind) << 32 | deed.connection);
    add(deed.bytes.size());
    key += deed.bytes;
  }
  for (const model::Event& event : output.events)
    conformance::each_event_field(event, event,
                                  [&](const char*, auto value, auto) { add(bits(value)); });
  const auto [at, fresh] =
      output_numbers_.try_emplace(std::move(key), static_cast<std::uint32_t>(outputs_.size()));
  if (fresh) outputs_.push_back(std::make_unique<Output>(std::move(output)));
  return at->second;
}

Place Memory::add(Place parent, const Node& node) {
  const Place place{static_cast<std::uint32_t>(places_.size())};
  places_.push_back(node);
  Node& above = places_[static_cast<std::size_t>(parent)];
  places_.back().next_sibling = above.first_child;
  above.first_child = place;
  return place;
}

void Memory::go_to(Place place) {
  if (machine_at_ == place) return;
  std::vector<std::uint32_t> row;
  for (Place at_place = place; at_place != Place::root; at_place = at(at_place).parent)
    row.push_back(at(at_place).input);
  machine_ = make_();
  for (; !row.empty(); row.pop_back()) {
    scratch_.deeds.clear();
    scratch_.events.clear();
    machine_->feed(inputs_[row.back()], scratch_);
    ++fed_;
  }
  machine_at_ = place;
}

std::string Memory::crash_site(Place before, const Output& crash) const {
  std::vector<Place> row;
  for (Place place = before; place != Place::root; place = at(place).parent) row.push_back(place);
  std::map<std::uint64_t, std::uint64_t> threads;  // of messages, and of directions of connections
  const auto add = [&](std::uint64_t thread, std::uint64_t what) {
    std::uint64_t& sum = threads[thread];
    sum = model::mix(sum + what);
  };
  const auto see = [&](const Output& output) {
    for (const model::Event& event : output.events) {
      const std::uint64_t what = digest(event);
      if (event.message != model::MessageKey::none)
        add(model::mix(static_cast<std::uint64_t>(event.message)), what);
      add(std::uint64_t{event.connection} << 1 | (event.flags & model::flag_sent), what);
    }
  };
  for (auto place = row.rbegin(); place != row.rend(); ++place) see(output(*place));
  see(crash);
  std::string site;
  for (const auto& [thread, sum] : threads)
    site += std::to_string(thread) + ' ' + std::to_string(sum) + ' ';
  return site + machine_->remains();
}

Place Memory::after(Place place, const Input& input) {
  const std::uint32_t which = number(input);
  for (Place child = at(place).first_child; child != Place::root; child = at(child).next_sibling)
    if (at(child).input == which) return child;
  const bool crash = input.kind == Input::Kind::crash;
  const std::uint64_t link = static_cast<std::uint64_t>(place) << 32 | which;
  if (crash)
    if (const auto known = sites_.find(link); known != sites_.end()) return known->second;
  go_to(place);
  scratch_.deeds.clear();
  scratch_.events.clear();
  machine_->feed(input, scratch_);
  ++fed_;
  if (crash) {
    const auto [site, fresh] = crashed_.try_emplace(
        crash_site(place, scratch_), Place{static_cast<std::uint32_t>(places_.size())});
    if (!fresh) {
      machine_at_ = site->second;
      sites_.emplace(link, site->second);
      return site->second;
    }
  }
  Node node;
  node.parent = place;
  node.input = which;
  node.output = number(scratch_);
  node.standing = machine_->standing();
  machine_at_ = add(place, node);
  return machine_at_;
}

}  // namespace hubproof::tools::exhaustive
