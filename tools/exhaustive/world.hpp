// The small world between participants: connections as two rows of writes under way, the time, and
// what may happen next. A state is a plain value; a step makes the next one from it.
//
// Why equal states may be taken for one: a participant is a function of the row of its inputs
// (participant.hpp), a Place names that row, and all else that the world knows is in the State. So
// equal states have equal futures, step for step, and their participants have seen the same. What
// differs between two paths to one state is only how the steps of different participants were
// interleaved, where none waited for the other. The judge reads events of all participants in one
// row, so it could tell the two apart where a check compares moments of different observers that
// no message connects; at one and the same instant of true time no check has a right to.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tools/exhaustive/memory.hpp"

namespace hubproof::tools::exhaustive {

// A few values in a row, copied as a block.
template <class T, std::size_t room>
class Row {
 public:
  bool push(const T& value) {
    if (size_ == room) return false;
    values_[size_++] = value;
    return true;
  }
  void insert(std::size_t at, const T& value) {
    for (std::size_t i = size_++; i > at; --i) values_[i] = values_[i - 1];
    values_[at] = value;
  }
  void erase(std::size_t at) {
    for (--size_; at < size_; ++at) values_[at] = values_[at + 1];
  }
  void clear() { size_ = 0; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == room; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t at) { return values_[at]; }
  const T& operator[](std::size_t at) const { return values_[at]; }
  const T* begin() const { return values_.data(); }
  const T* end() const { return values_.data() + size_; }
  T* begin() { return values_.data(); }
  T* end() { return values_.data() + size_; }

 private:
  std::array<T, room> values_{};
  std::uint8_t size_ = 0;
};

inline constexpr std::size_t most_nodes = 6;
inline constexpr std::size_t most_pipes = 8;
inline constexpr std::size_t most_writes = 12;  // under way in one direction

// A connection of a client with the hub. An end that is gone has number 0.
struct Pipe {
  std::uint8_t client = 0;
  bool dialling = false;
  bool broken = false;  // what is written now reaches nobody
  std::uint32_t client_connection = 0;
  std::uint32_t hub_connection = 0;
  Row<std::uint32_t, most_writes> up;  // to the hub: numbers of writes, or an end (see World)
  Row<std::uint32_t, most_writes> down;
};

struct State {
  std::int64_t now = 0;
  std::array<Place, most_nodes> at{};
  std::array<std::uint8_t, most_nodes> submitted{};
  std::uint8_t faults = 0;
  bool healed = false;
  bool overflow = false;     // more was under way than a State holds
  std::uint32_t opened = 0;  // connections that the hub ever had
  Row<Pipe, most_pipes> pipes;
};

struct Action {
  enum class Kind : std::uint8_t {
    to_hub,
    to_client,  // the next write, or the end, of a connection arrives
    dial,       // a connection comes about
    sync,
    alarm,
    submit,
    give_up,  // a participant that cannot go on goes down, to start again
    pass,     // all is at rest: time passes to the next deadline
    heal,     // all is at rest until the scenario's duration
    finish,   // and until its end
    // Faults:
    lose,           // a connection, with what is under way on it; both ends hear of it
    lose_silently,  // the same, but the hub does not hear of it
    crash,
    late  // time passes though something is under way
  };
  Kind kind{};
  std::uint8_t which = 0;    // node or pipe
  std::uint8_t variant = 0;  // of a crash: does what was not synced stay?
  bool fault() const { return kind >= Kind::lose; }
};
using Actions = Row<Action, 96>;

struct Fed {  // a participant's input within a step
  std::uint8_t node = 0;
  Place place{};
};

class World {
 public:
  explicit World(const Cast& cast);

  // All of the cast started and connected, and at rest when choices begin; `fed` grows by what it
  // took.
  State beginning(std::vector<Fed>& fed);
  Actions actions(const State& state) const;
  void step(State& state, Action action, std::vector<Fed>& fed);

  const Memory& memory(std::size_t node) const { return memories_[node]; }
  const Cast& cast() const { return cast_; }
  std::string describe(const State& state, Action action) const;  // in words

 private:
  static constexpr std::uint32_t end_of = 0x8000'0000;  // | EndedBy

  std::int64_t next_deadline(const State& state) const;
  void feed(State& state, std::size_t node, Input input, std::vector<Fed>& fed);
  void act(State& state, std::size_t node, const Deed& deed);
  void arrive(State& state, std::size_t pipe, bool to_hub, std::vector<Fed>& fed);
  void end_here(State& state, std::size_t pipe, bool hub, model::EndedBy told);
  static void tidy(State& state);
  std::uint32_t number(const std::string& bytes);
  std::string what_comes(const Pipe& pipe, std::uint32_t write) const;

  const Cast& cast_;
  std::vector<Memory> memories_;  // by node
  std::vector<std::unique_ptr<std::string>> writes_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

}  // namespace hubproof::tools::exhaustive
