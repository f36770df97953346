// What a participant does, found out once for each row of inputs: a tree whose places are rows. The
// machines cannot be copied, so one of them stands at some place, and goes on from there or, for a
// place elsewhere, anew from the root.
//
// A crash forgets. Rows that end in one have one place when they leave the same on the disk, and
// when what the participant saw until then differs at most in how the events of different messages,
// and of different directions of connections, lay between each other. The first makes their futures
// equal; the second is for the judge, who remembers what was seen: its checks follow messages, and
// what one end of a connection said, or heard, in its order.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/exhaustive/participant.hpp"

namespace hubproof::tools::exhaustive {

enum class Place : std::uint32_t { root = 0 };

class Memory {
 public:
  using Make = std::function<std::unique_ptr<Participant>()>;
  explicit Memory(Make make);

  Place after(Place place, const Input& input);
  const Standing& standing(Place place) const { return at(place).standing; }
  const Output& output(Place place) const { return *outputs_[at(place).output]; }
  std::size_t size() const { return places_.size(); }
  std::uint64_t fed() const { return fed_; }

 private:
  struct Node {
    Place parent{};
    Place first_child{};
    Place next_sibling{};
    std::uint32_t input = 0;
    std::uint32_t output = 0;
    Standing standing;
  };
  struct Row {
    Input input;
    bool operator==(const Row& other) const;
  };
  struct Hash {
    std::size_t operator()(const Row& row) const;
  };
  const Node& at(Place place) const { return places_[static_cast<std::size_t>(place)]; }
  std::uint32_t number(const Input& input);
  std::uint32_t number(Output output);
  Place add(Place parent, const Node& node);
  void go_to(Place place);
  std::string crash_site(Place before, const Output& crash) const;

  Make make_;
  std::vector<Node> places_;
  std::unordered_map<std::uint64_t, Place> sites_;  // by place and crash, where it was known
  std::unordered_map<std::string, Place> crashed_;  // by remains and what was seen
  std::vector<Input> inputs_;
  std::unordered_map<Row, std::uint32_t, Hash> input_numbers_;
  std::vector<std::unique_ptr<Output>> outputs_;  // each once
  std::unordered_map<std::string, std::uint32_t> output_numbers_;
  std::unique_ptr<Participant> machine_;
  Place machine_at_{};
  std::uint64_t fed_ = 0;
  Output scratch_;
};

}  // namespace hubproof::tools::exhaustive
