// Packets under way and the pool they come from: in a steady state none is allocated anew.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "sim/node.hpp"

namespace hubproof::sim {

struct Packet {
  enum class Type : std::uint8_t { data, fin, ack, probe, syn, syn_ack, reset };

  Packet* next = nullptr;  // in a stream on the quick way, or in the pool
  Socket to = Socket::none;
  std::uint64_t seq = 0;   // place of the first byte in the stream
  std::uint64_t ack = 0;   // the next byte expected the other way
  std::uint64_t edge = 0;  // the place up to which the other side may send
  std::uint32_t size = 0;
  std::uint16_t shelf = 0;  // where in the pool it belongs
  Type type = Type::data;
  std::uint8_t flags = 0;

  static constexpr std::uint8_t corrupt = 1;
  static constexpr std::uint8_t bare = 2;  // sent on the quick way: ack and edge say nothing

  std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  View view() { return {bytes(), size}; }
};

class Packets {
 public:
  Packet* take(std::size_t size) {
    const std::size_t shelf = shelf_of(size);
    if (shelves_[shelf] == nullptr) [[unlikely]]
      fill(shelf);
    Packet* packet = shelves_[shelf];
    shelves_[shelf] = packet->next;
    packet->next = nullptr;
    packet->size = static_cast<std::uint32_t>(size);
    return packet;
  }
  void give(Packet* packet) {
    packet->next = shelves_[packet->shelf];
    shelves_[packet->shelf] = packet;
  }

 private:
  // Small ones by steps of a cache line, so that a fleet's packets lie close; large ones by powers
  // of two.
  static constexpr std::size_t line = 64;
  static constexpr std::size_t small_shelves = 32;
  static constexpr std::size_t small = line * small_shelves;

  static std::size_t shelf_of(std::size_t size) {
    const std::size_t whole = size + sizeof(Packet);
    if (whole <= small) return (whole - 1) / line;
    return small_shelves + static_cast<std::size_t>(std::bit_width(whole - 1)) - 12;
  }
  static std::size_t room_of(std::size_t shelf) {
    return shelf < small_shelves ? (shelf + 1) * line
                                 : std::size_t{1} << (shelf - small_shelves + 12);
  }
  void fill(std::size_t shelf) {
    const std::size_t room = room_of(shelf);
    const std::size_t count = room >= 32'768 ? 1 : 32'768 / room;
    blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(room * count + line));
    auto start = reinterpret_cast<std::uintptr_t>(blocks_.back().get());
    std::byte* at = blocks_.back().get() + (line - start % line) % line;
    Packet* next = nullptr;
    for (std::size_t i = count; i-- > 0;) {
      auto* packet = ::new (at + i * room) Packet;
      packet->shelf = static_cast<std::uint16_t>(shelf);
      packet->next = next;
      next = packet;
    }
    shelves_[shelf] = next;
  }

  std::array<Packet*, 64> shelves_{};
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

}  // namespace hubproof::sim
