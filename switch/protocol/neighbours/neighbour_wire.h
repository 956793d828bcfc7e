// The positions of fields in ARP and neighbour discovery messages.

#pragma once

#include <cstddef>
#include <cstdint>

namespace tapswitch {

// ARP for IPv4 over Ethernet, from the first byte behind the type.
struct ArpWire {
  static constexpr uint64_t kEthernetAndIpv4 = 0x000108000604;  // hardware, protocol, both lengths
  static constexpr uint16_t kRequest = 1;
  static constexpr uint16_t kReply = 2;
  static constexpr size_t kOperation = 6;
  static constexpr size_t kSenderMac = 8;
  static constexpr size_t kSenderIp = 14;
  static constexpr size_t kTargetMac = 18;
  static constexpr size_t kTargetIp = 24;
  static constexpr size_t kSize = 28;
};

// From the first byte of the ICMPv6 message.
struct NdWire {
  static constexpr uint8_t kOnLink = 255;  // the hop limit, which no router leaves as it is
  static constexpr uint8_t kRouterAdvertisement = 134;
  static constexpr uint8_t kSolicitation = 135;
  static constexpr uint8_t kAdvertisement = 136;
  static constexpr size_t kChecksum = 2;
  static constexpr size_t kFlags = 4;
  static constexpr uint8_t kRouter = 0x80;
  static constexpr uint8_t kSolicited = 0x40;
  static constexpr uint8_t kOverride = 0x20;
  static constexpr size_t kTarget = 8;
  static constexpr size_t kOptions = 24;
  static constexpr size_t kRouterOptions = 16;  // of a router advertisement
  static constexpr uint8_t kSourceAddress = 1;  // options
  static constexpr uint8_t kTargetAddress = 2;
  static constexpr size_t kOptionUnit = 8;
};

}  // namespace tapswitch
