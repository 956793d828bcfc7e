// A set of small ids as a fixed bitset: no allocation, operations on whole words.

#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tapswitch {

// `Id` is a struct of a `value`, which is below `kIds` for every id that is asked for or inserted.
template <typename Id, size_t kIds>
class BitSet {
 public:
  [[nodiscard]] static constexpr BitSet Of(Id id) {
    BitSet set;
    set.insert(id);
    return set;
  }

  // Every id that there can be.
  [[nodiscard]] static constexpr BitSet All() {
    BitSet set;
    set.words_.fill(~uint64_t{0});
    return set;
  }

  constexpr void insert(Id id) { words_[WordOf(id)] |= BitOf(id); }
  constexpr void erase(Id id) { words_[WordOf(id)] &= ~BitOf(id); }
  [[nodiscard]] constexpr bool contains(Id id) const {
    return (words_[WordOf(id)] & BitOf(id)) != 0;
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

  // Calls visit(Id) for each member, in ascending order.
  template <typename Visit>
  constexpr void ForEach(Visit&& visit) const {
    for (size_t i = 0; i < kWords; ++i) {
      for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
        visit(Id{static_cast<uint16_t>(i * kBits + static_cast<size_t>(std::countr_zero(word)))});
      }
    }
  }

  constexpr BitSet& operator&=(const BitSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] &= other.words_[i];
    return *this;
  }
  constexpr BitSet& operator|=(const BitSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] |= other.words_[i];
    return *this;
  }
  constexpr BitSet& operator-=(const BitSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] &= ~other.words_[i];
    return *this;
  }
  friend constexpr BitSet operator&(BitSet a, const BitSet& b) { return a &= b; }
  friend constexpr BitSet operator|(BitSet a, const BitSet& b) { return a |= b; }
  friend constexpr BitSet operator-(BitSet a, const BitSet& b) { return a -= b; }

  bool operator==(const BitSet&) const = default;

 private:
  static constexpr size_t kBits = 64;
  static constexpr size_t kWords = kIds / kBits;
  static_assert(kIds % kBits == 0, "All() holds nothing that is no id");

  static constexpr size_t WordOf(Id id) { return id.value / kBits; }
  static constexpr uint64_t BitOf(Id id) { return uint64_t{1} << (id.value % kBits); }

  std::array<uint64_t, kWords> words_{};
};

}  // namespace tapswitch
