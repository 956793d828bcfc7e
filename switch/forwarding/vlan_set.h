// A set of VLANs as a fixed bitset: 512 bytes, no allocation.

#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "switch/forwarding/ids.h"

namespace tapswitch {

class VlanSet {
 public:
  constexpr void insert(VlanId vlan) { words_[WordOf(vlan)] |= BitOf(vlan); }
  constexpr void erase(VlanId vlan) { words_[WordOf(vlan)] &= ~BitOf(vlan); }
  [[nodiscard]] constexpr bool contains(VlanId vlan) const {
    return (words_[WordOf(vlan)] & BitOf(vlan)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return *this == VlanSet(); }
  [[nodiscard]] constexpr size_t size() const {
    size_t count = 0;
    for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
    return count;
  }

  // Calls visit(VlanId) for each member, in ascending order.
  template <typename Visit>
  constexpr void ForEach(Visit&& visit) const {
    for (size_t i = 0; i < kWords; ++i) {
      for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
        visit(
            VlanId{static_cast<uint16_t>(i * kBits + static_cast<size_t>(std::countr_zero(word)))});
      }
    }
  }

  constexpr VlanSet& operator|=(const VlanSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] |= other.words_[i];
    return *this;
  }
  constexpr VlanSet& operator-=(const VlanSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] &= ~other.words_[i];
    return *this;
  }
  friend constexpr VlanSet operator|(VlanSet a, const VlanSet& b) { return a |= b; }
  friend constexpr VlanSet operator-(VlanSet a, const VlanSet& b) { return a -= b; }

  bool operator==(const VlanSet&) const = default;

 private:
  static constexpr size_t kBits = 64;
  static constexpr size_t kWords = kVlanCount / kBits;

  static constexpr size_t WordOf(VlanId vlan) { return vlan.value / kBits; }
  static constexpr uint64_t BitOf(VlanId vlan) { return uint64_t{1} << (vlan.value % kBits); }

  std::array<uint64_t, kWords> words_{};
};

}  // namespace tapswitch
