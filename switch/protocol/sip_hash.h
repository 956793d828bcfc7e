// SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"): a short hash that only who
// has the key can make.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tapswitch {

struct SipKey {
  uint64_t low = 0;  // the first eight bytes of the key, little endian
  uint64_t high = 0;

  bool operator==(const SipKey&) const = default;
};

[[nodiscard]] uint64_t SipHash(SipKey key, std::span<const std::byte> message);

}  // namespace tapswitch
