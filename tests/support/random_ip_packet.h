// Random packets for property tests and for seeds of fuzzing.

#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

#include "tests/support/ip_packet.h"

namespace tapswitch {

class RandomIpPackets {
 public:
  explicit RandomIpPackets(uint64_t seed) : engine_(seed) {}

  // Uniform in [low, high].
  size_t Number(size_t low, size_t high) {
    return std::uniform_int_distribution<size_t>(low, high)(engine_);
  }
  bool Chance() { return Number(0, 1) == 0; }
  uint16_t Number16() { return static_cast<uint16_t>(Number(0, 0xFFFF)); }
  uint32_t Number32() { return static_cast<uint32_t>(Number(0, 0xFFFFFFFF)); }
  Bytes SomeBytes(size_t size) {
    Bytes bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine_());
    return bytes;
  }

  // With VLAN tags, options and extension headers. IP length, sequence number and identification
  // may wrap within the packet.
  IpPacket Packet(size_t max_payload) {
    IpPacket packet;
    packet.is_ipv6 = Chance();
    packet.is_udp = Chance();
    for (size_t i = Number(0, 2); i > 0; --i) packet.tags.push_back(Tag());
    packet.traffic_class = static_cast<uint8_t>(Number(0, 255));
    packet.source = SomeBytes(16);
    packet.destination = SomeBytes(16);
    packet.source_port = Number16();
    packet.destination_port = Number16();
    if (packet.is_ipv6) {
      AddExtensions(packet);
    } else {
      packet.identification = Chance() ? Number16() : uint16_t{0xFFFE};
      packet.fragment = Chance() ? 0x4000 : 0;
      packet.ip_options = Bytes(4 * Number(0, 10), std::byte{1});  // no-operation (RFC 791)
    }
    if (!packet.is_udp) {
      packet.sequence = Chance() ? Number32() : 0xFFFFFF00U;
      packet.acknowledgment = Number32();
      packet.window = Number16();
      packet.urgent = Number16();
      packet.tcp_flags = static_cast<uint16_t>(Number(0, 0x1FF));
      packet.tcp_options = SomeBytes(4 * Number(0, 10));
    }
    packet.payload = SomeBytes(Number(1, max_payload));
    return packet;
  }

 private:
  VlanTag Tag() {
    return {.protocol = Chance() ? EtherType::kVlan : EtherType::kServiceVlan,
            .control = Number16()};
  }

  void AddExtensions(IpPacket& packet) {
    for (size_t i = Number(0, 3); i > 0; --i) {
      const size_t size = 8 * Number(1, 4) - 2;
      Bytes options(size);  // Pad1 all over (RFC 8200, 4.2)
      packet.extensions.push_back({.type = uint8_t{60}, .body = options});
    }
    if (Chance()) return;
    // A segment routing header (RFC 8754) of one segment that is yet to be reached.
    Bytes routing = {std::byte{4}, std::byte{1}, std::byte{0}};
    routing.resize(6);
    packet.final_destination = SomeBytes(16);
    routing.insert(routing.end(), packet.final_destination.begin(), packet.final_destination.end());
    packet.extensions.push_back({.type = 43, .body = routing});
  }

  std::mt19937_64 engine_;
};

}  // namespace tapswitch
