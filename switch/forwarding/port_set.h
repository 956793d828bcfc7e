// A set of ports as a fixed bitset: 128 bytes, no allocation, whole-word operations.

#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "switch/forwarding/ids.h"

namespace tapswitch {

class PortSet {
 public:
  [[nodiscard]] static constexpr PortSet Of(PortId port) {
    PortSet set;
    set.insert(port);
    return set;
  }

  // Every port that there can be.
  [[nodiscard]] static constexpr PortSet All() {
    PortSet set;
    set.words_.fill(~uint64_t{0});
    return set;
  }

  constexpr void insert(PortId port) { words_[WordOf(port)] |= BitOf(port); }
  constexpr void erase(PortId port) { words_[WordOf(port)] &= ~BitOf(port); }
  [[nodiscard]] constexpr bool contains(PortId port) const {
    return (words_[WordOf(port)] & BitOf(port)) != 0;
  }

  [[nodiscard]] constexpr bool empty() const {
    uint64_t all = 0;
    for (const uint64_t word : words_) all |= word;
    return all == 0;
  }

  [[nodiscard]] constexpr size_t size() const {
    size_t count = 0;
    for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
    return count;
  }

  // Calls visit(PortId) for each member, in ascending order.
  template <typename Visit>
  constexpr void ForEach(Visit&& visit) const {
    for (size_t i = 0; i < kWords; ++i) {
      for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
        visit(
            PortId{static_cast<uint16_t>(i * kBits + static_cast<size_t>(std::countr_zero(word)))});
      }
    }
  }

  constexpr PortSet& operator&=(const PortSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] &= other.words_[i];
    return *this;
  }
  constexpr PortSet& operator|=(const PortSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] |= other.words_[i];
    return *this;
  }
  constexpr PortSet& operator-=(const PortSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] &= ~other.words_[i];
    return *this;
  }
  friend constexpr PortSet operator&(PortSet a, const PortSet& b) { return a &= b; }
  friend constexpr PortSet operator|(PortSet a, const PortSet& b) { return a |= b; }
  friend constexpr PortSet operator-(PortSet a, const PortSet& b) { return a -= b; }

  bool operator==(const PortSet&) const = default;

 private:
  static constexpr size_t kBits = 64;
  static constexpr size_t kWords = kMaxPorts / kBits;

  static constexpr size_t WordOf(PortId port) { return port.value / kBits; }
  static constexpr uint64_t BitOf(PortId port) { return uint64_t{1} << (port.value % kBits); }

  std::array<uint64_t, kWords> words_{};
};

}  // namespace tapswitch
