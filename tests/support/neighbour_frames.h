// ARP and neighbour discovery frames as hosts send them.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"
#include "tests/support/frame_builder.h"

namespace tapswitch {

using Bytes = std::vector<std::byte>;

struct ArpFrame {
  MacAddress destination = kBroadcastAddress;
  MacAddress source{};
  uint16_t operation = 1;
  std::optional<MacAddress> sender_mac{};  // nothing: the source
  uint32_t sender = 0;
  MacAddress target_mac{};
  uint32_t target = 0;
  std::optional<uint16_t> tag{};  // 802.1Q

  [[nodiscard]] Bytes Build() const {
    FrameBuilder frame(destination, source);
    if (tag) frame.Tag(EtherType::kVlan, *tag);
    frame.Type(EtherType::kArp).U16(1).U16(0x0800).U8(6).U8(4).U16(operation);
    frame.Bytes(sender_mac.value_or(source).bytes()).U32(sender);
    frame.Bytes(target_mac.bytes()).U32(target);
    return frame.Build();
  }
};

struct NdFrame {
  MacAddress destination{};
  MacAddress source{};
  IpAddress from{};
  IpAddress to{};
  uint8_t hop_limit = 255;
  uint8_t type = 135;
  uint32_t flags = 0;
  IpAddress target{};
  Bytes options{};
  std::optional<uint16_t> checksum{};  // nothing: the right one
  std::optional<uint16_t> tag{};

  [[nodiscard]] Bytes Build() const {
    FrameBuilder icmp(MacAddress{}, MacAddress{});  // its twelve bytes go away again
    icmp.U8(type).U8(0).U16(checksum.value_or(0)).U32(flags).Bytes(target.bytes()).Bytes(options);
    Bytes message = icmp.Build();
    message.erase(message.begin(), message.begin() + 12);
    if (!checksum) {
      const uint16_t sum = Sum(message);
      message[2] = static_cast<std::byte>(sum >> 8U);
      message[3] = static_cast<std::byte>(sum);
    }
    FrameBuilder frame(destination, source);
    if (tag) frame.Tag(EtherType::kVlan, *tag);
    frame.Type(EtherType::kIpv6).U32(0x60000000).U16(static_cast<uint16_t>(message.size()));
    frame.U8(58).U8(hop_limit).Bytes(from.bytes()).Bytes(to.bytes()).Bytes(message);
    return frame.Build();
  }

 private:
  // RFC 1071, word by word; the code under test has its own way.
  [[nodiscard]] uint16_t Sum(const Bytes& message) const {
    uint64_t sum = message.size() + 58;
    const auto add = [&](std::span<const std::byte> bytes) {
      for (size_t i = 0; i < bytes.size(); ++i) {
        sum += static_cast<uint64_t>(bytes[i]) << (i % 2 == 0 ? 8U : 0U);
      }
    };
    add(from.bytes());
    add(to.bytes());
    add(message);
    while (sum > 0xFFFF) sum = (sum & 0xFFFFU) + (sum >> 16U);
    return static_cast<uint16_t>(~sum);
  }
};

// The option that holds a link-layer address: type 1 of the source, 2 of the target.
[[nodiscard]] inline Bytes LinkAddressOption(uint8_t type, MacAddress address) {
  Bytes option{std::byte{type}, std::byte{1}};
  const auto bytes = address.bytes();
  option.insert(option.end(), bytes.begin(), bytes.end());
  return option;
}

// fd83::N.
[[nodiscard]] inline IpAddress Ip6(uint8_t n) {
  std::array<std::byte, 16> bytes{std::byte{0xFD}, std::byte{0x83}};
  bytes[15] = std::byte{n};
  return IpAddress::FromV6(bytes);
}

// ff02::1:ffXX:XXXX of fd83::N, and its Ethernet address.
[[nodiscard]] inline IpAddress SolicitedNode(uint8_t n) {
  std::array<std::byte, 16> bytes{std::byte{0xFF}, std::byte{0x02}};
  bytes[11] = std::byte{1};
  bytes[12] = std::byte{0xFF};
  bytes[15] = std::byte{n};
  return IpAddress::FromV6(bytes);
}
[[nodiscard]] inline MacAddress SolicitedNodeMac(uint8_t n) {
  return MacAddress::FromNumber(0x3333FF000000 + n);
}

// A solicitation: fd83::ASKER asks for the address of fd83::TARGET.
[[nodiscard]] inline NdFrame Solicitation(MacAddress source, uint8_t asker, uint8_t target) {
  return {.destination = SolicitedNodeMac(target),
          .source = source,
          .from = Ip6(asker),
          .to = SolicitedNode(target),
          .target = Ip6(target),
          .options = LinkAddressOption(1, source)};
}

// The answer of fd83::WHO to fd83::TO, by default not a router's.
[[nodiscard]] inline NdFrame Advertisement(MacAddress source, uint8_t who, MacAddress destination,
                                           uint8_t to, uint32_t flags = 0x60000000) {
  return {.destination = destination,
          .source = source,
          .from = Ip6(who),
          .to = Ip6(to),
          .type = 136,
          .flags = flags,
          .target = Ip6(who),
          .options = LinkAddressOption(2, source)};
}

}  // namespace tapswitch
