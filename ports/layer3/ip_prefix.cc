#include "ports/layer3/ip_prefix.h"

#include <limits>

namespace tapswitch {
namespace {

constexpr unsigned kHalf = 64;
// In front of an IPv4 address in the form that IpAddress has.
constexpr unsigned kMappedBits = 96;

// The first `length` bits of a half.
constexpr uint64_t MaskOf(unsigned length) {
  if (length == 0) return 0;
  return length >= kHalf ? std::numeric_limits<uint64_t>::max()
                         : ~(std::numeric_limits<uint64_t>::max() >> length);
}

}  // namespace

bool IpPrefix::Contains(IpAddress other) const {
  if (address.is_v4() != other.is_v4()) return false;
  const unsigned bits = address.is_v4() ? kMappedBits + length : length;
  const uint64_t high = MaskOf(bits);
  const uint64_t low = bits > kHalf ? MaskOf(bits - kHalf) : 0;
  return ((address.high() ^ other.high()) & high) == 0 &&
         ((address.low() ^ other.low()) & low) == 0;
}

bool IpPrefix::IsBroadcast(IpAddress other) const {
  constexpr unsigned kMostBits = 30;
  if (!other.is_v4() || length > kMostBits || !Contains(other)) return false;
  const uint32_t hosts = std::numeric_limits<uint32_t>::max() >> length;
  return (other.v4() & hosts) == hosts;
}

}  // namespace tapswitch
