// Ethernet addresses and headers (IEEE 802.3, 802.1Q).

#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {

inline constexpr size_t kMacAddressSize = 6;
inline constexpr size_t kEthernetHeaderSize = 14;
inline constexpr size_t kVlanTagSize = 4;

// A 48-bit MAC address, held as a number whose most significant octet is the first on the wire.
class MacAddress {
 public:
  constexpr MacAddress() = default;
  // Takes the low 48 bits of `value`.
  static constexpr MacAddress FromNumber(uint64_t value) { return MacAddress(value & kMask); }
  static constexpr MacAddress FromBytes(std::span<const std::byte, kMacAddressSize> bytes) {
    return MacAddress(LoadBe48(bytes.data()));
  }
  // Accepts six pairs of hex digits joined by ':' or '-'; returns nothing for any other text.
  static std::optional<MacAddress> Parse(std::string_view text);

  [[nodiscard]] constexpr uint64_t number() const { return value_; }
  [[nodiscard]] std::array<std::byte, kMacAddressSize> bytes() const;
  // Returns lower-case digits, joined by ':', as iproute2 prints them.
  [[nodiscard]] std::string ToString() const;
  void AppendTo(std::string& text) const;

  // Tests the I/G bit (IEEE 802, 8.2): true for a group address, broadcast included.
  [[nodiscard]] constexpr bool is_multicast() const { return (value_ & (uint64_t{1} << 40U)) != 0; }
  [[nodiscard]] constexpr bool is_broadcast() const { return value_ == kMask; }
  [[nodiscard]] constexpr bool is_zero() const { return value_ == 0; }
  // True for 01:80:C2:00:00:00 to :0F, which no bridge forwards (IEEE 802.1Q, table 8-1).
  [[nodiscard]] constexpr bool is_reserved() const {
    return (value_ & ~uint64_t{0xF}) == uint64_t{0x0180C2000000};
  }

  constexpr auto operator<=>(const MacAddress&) const = default;

 private:
  static constexpr uint64_t kMask = 0xFFFFFFFFFFFF;
  explicit constexpr MacAddress(uint64_t value) : value_(value) {}

  uint64_t value_ = 0;
};

inline constexpr MacAddress kBroadcastAddress = MacAddress::FromNumber(0xFFFFFFFFFFFF);

// The values of the type field that the switch looks at.
enum class EtherType : uint16_t {
  kIpv4 = 0x0800,
  kArp = 0x0806,
  kVlan = 0x8100,  // 802.1Q customer tag
  kIpv6 = 0x86DD,
  kServiceVlan = 0x88A8,  // 802.1ad service tag
};

[[nodiscard]] constexpr bool IsVlanTag(EtherType type) {
  return type == EtherType::kVlan || type == EtherType::kServiceVlan;
}

// The outermost VLAN tag of a frame. A priority tag is one whose VID is 0.
struct VlanTag {
  EtherType protocol = EtherType::kVlan;  // the TPID
  uint16_t control = 0;                   // the TCI: PCP (3 bits), DEI (1), VID (12)

  [[nodiscard]] constexpr uint16_t vid() const { return control & 0x0FFFU; }
  [[nodiscard]] constexpr bool is_priority_tag() const { return vid() == 0; }

  bool operator==(const VlanTag&) const = default;
};

struct EthernetHeader {
  MacAddress destination{};
  MacAddress source{};
  std::optional<VlanTag> tag{};  // the outermost only; further tags are payload
  // The type field behind that tag. Up to 1500 it is a length and LLC follows (IEEE 802.3, 3.2.6).
  uint16_t type_or_length = 0;
  uint16_t payload_offset = 0;  // of the bytes behind type_or_length, from the frame's first byte

  [[nodiscard]] constexpr bool is_llc() const { return type_or_length <= 1500; }
};

inline constexpr size_t kTypeOffset = 2 * kMacAddressSize;

// Parses the header of `frame`. Returns nothing if the frame is too short for it (under 14 bytes,
// or cut within the tag). Defined here, so that it is inlined and the result stays in registers.
[[nodiscard]] constexpr std::optional<EthernetHeader> ParseHeader(
    std::span<const std::byte> frame) {
  // The result is built where it is returned: a copy would load as one wide word what was just
  // stored as narrow ones, and wait for the stores.
  std::optional<EthernetHeader> parsed;
  if (frame.size() < kEthernetHeaderSize) return parsed;
  const std::byte* at = frame.data();
  EthernetHeader& header = parsed.emplace();
  header.destination = MacAddress::FromNumber(LoadBe48(at));
  header.source = MacAddress::FromNumber(LoadBe48(at + kMacAddressSize));
  header.type_or_length = LoadBe16(at + kTypeOffset);
  header.payload_offset = kEthernetHeaderSize;
  const auto type = static_cast<EtherType>(header.type_or_length);
  if (!IsVlanTag(type)) return parsed;
  if (frame.size() < kEthernetHeaderSize + kVlanTagSize) {
    parsed.reset();
    return parsed;
  }
  header.tag = VlanTag{.protocol = type, .control = LoadBe16(at + kEthernetHeaderSize)};
  header.type_or_length = LoadBe16(at + kTypeOffset + kVlanTagSize);
  header.payload_offset += kVlanTagSize;
  return parsed;
}

}  // namespace tapswitch
