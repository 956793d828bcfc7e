// An IPv4 or IPv6 address, as a number.

#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {

// IPv4 addresses are held as IPv4-mapped ones (RFC 4291, 2.5.5.2), which are on no wire.
class IpAddress {
 public:
  static constexpr size_t kV4Size = 4;
  static constexpr size_t kV6Size = 16;

  constexpr IpAddress() = default;
  static constexpr IpAddress FromV4(uint32_t value) { return {0, kMapped | value}; }
  static constexpr IpAddress FromV6(uint64_t high, uint64_t low) { return {high, low}; }
  static constexpr IpAddress FromV6(std::span<const std::byte, kV6Size> bytes) {
    const auto half = [](const std::byte* at) {
      return uint64_t{LoadBe32(at)} << 32U | LoadBe32(at + 4);
    };
    return {half(bytes.data()), half(bytes.data() + 8)};
  }

  [[nodiscard]] constexpr bool is_v4() const { return high_ == 0 && (low_ & ~kV4Mask) == kMapped; }
  [[nodiscard]] constexpr uint32_t v4() const { return static_cast<uint32_t>(low_); }
  [[nodiscard]] constexpr std::array<std::byte, kV6Size> bytes() const {
    std::array<std::byte, kV6Size> bytes{};
    StoreBe32(bytes.data(), static_cast<uint32_t>(high_ >> 32U));
    StoreBe32(bytes.data() + 4, static_cast<uint32_t>(high_));
    StoreBe32(bytes.data() + 8, static_cast<uint32_t>(low_ >> 32U));
    StoreBe32(bytes.data() + 12, static_cast<uint32_t>(low_));
    return bytes;
  }

  // The two halves of the IPv6 or IPv4-mapped address, for hashing.
  [[nodiscard]] constexpr uint64_t high() const { return high_; }
  [[nodiscard]] constexpr uint64_t low() const { return low_; }

  // 0.0.0.0 or ::
  [[nodiscard]] constexpr bool is_unspecified() const {
    return high_ == 0 && (low_ == 0 || low_ == kMapped);
  }

  // Whether it can be the address of one station on a link: not unspecified, loopback, multicast,
  // broadcast or of a class that is reserved (RFC 6890; for IPv6 RFC 4291, 2.4).
  [[nodiscard]] constexpr bool is_station() const {
    if (is_v4()) {
      const uint32_t first = v4() >> 24U;
      return first != 0 && first != 127 && first < 224;
    }
    const bool is_multicast = (high_ >> 56U) == 0xFF;
    // ::, ::1, mapped and compatible ones.
    return high_ != 0 && !is_multicast;
  }

  // A group address: 224.0.0.0/4 or ff00::/8.
  [[nodiscard]] constexpr bool is_multicast() const {
    return is_v4() ? v4() >> 28U == 0xE : (high_ >> 56U) == 0xFF;
  }
  // fe80::/10
  [[nodiscard]] constexpr bool is_link_local_v6() const { return (high_ >> 54U) == 0x3FA; }

  constexpr auto operator<=>(const IpAddress&) const = default;

 private:
  static constexpr uint64_t kMapped = uint64_t{0xFFFF} << 32U;
  static constexpr uint64_t kV4Mask = 0xFFFFFFFF;

  constexpr IpAddress(uint64_t high, uint64_t low) : high_(high), low_(low) {}

  uint64_t high_ = 0;
  uint64_t low_ = 0;
};

}  // namespace tapswitch
