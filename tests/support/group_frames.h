// IGMP, MLD and PIM frames as hosts and routers send them, and frames to groups.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"
#include "switch/protocol/multicast/group_message.h"
#include "tests/support/frame_builder.h"

namespace tapswitch {

using WireBytes = std::vector<std::byte>;

constexpr IpAddress V4(uint32_t address) { return IpAddress::FromV4(address); }
constexpr IpAddress V6(uint64_t high, uint64_t low) { return IpAddress::FromV6(high, low); }

// The bytes of an address on the wire.
inline WireBytes OnWire(IpAddress address) {
  const auto bytes = address.bytes();
  return {bytes.begin() + (address.is_v4() ? 12 : 0), bytes.end()};
}

inline MacAddress MacOfGroup(IpAddress group) {
  if (group.is_v4()) return MacAddress::FromNumber(0x01005E000000 | (group.v4() & 0x7FFFFF));
  return MacAddress::FromNumber(0x333300000000 | (group.low() & 0xFFFFFFFF));
}

// A packet with a message about groups, with right checksums.
struct GroupPacketFrame {
  IpAddress from;
  IpAddress to;
  WireBytes message;
  MacAddress source = MacAddress::FromNumber(0x020000000001);
  uint8_t protocol = 2;  // of IPv4; of IPv6 ICMPv6 follows a hop-by-hop header
  uint8_t hops = 1;
  bool has_router_alert = true;
  bool has_right_checksum = true;
  std::optional<uint16_t> tag{};

  [[nodiscard]] WireBytes Build() const {
    WireBytes sound = message;
    const auto sum = static_cast<uint16_t>(Checksum(sound) ^ (has_right_checksum ? 0 : 1));
    StoreBe16(sound.data() + 2, sum);
    FrameBuilder frame(MacOfGroup(to), source);
    if (tag) frame.Tag(EtherType::kVlan, *tag);
    to.is_v4() ? BuildV4(sound, frame) : BuildV6(sound, frame);
    return frame.Pad(60).Build();
  }

 private:
  [[nodiscard]] uint16_t Checksum(const WireBytes& bytes) const {
    ChecksumSum sum;
    if (!to.is_v4()) {
      sum.Add(from.bytes());
      sum.Add(to.bytes());
      sum.AddBe32(static_cast<uint32_t>(bytes.size()));
      sum.AddBe16(58);
    }
    sum.Add(bytes);
    return sum.Checksum();
  }
  void BuildV4(const WireBytes& sound, FrameBuilder& frame) const {
    const size_t size = has_router_alert ? 24 : 20;
    WireBytes header = FrameBuilder({}, {})
                           .U8(static_cast<uint8_t>(0x40 | size / 4))
                           .U8(0xC0)
                           .U16(static_cast<uint16_t>(size + sound.size()))
                           .U32(0)
                           .U8(hops)
                           .U8(protocol)
                           .U16(0)
                           .Bytes(OnWire(from))
                           .Bytes(OnWire(to))
                           .Build();
    header.erase(header.begin(), header.begin() + 12);
    header.resize(size);
    if (has_router_alert) StoreBe32(header.data() + 20, 0x94040000);
    ChecksumSum sum;
    sum.Add(header);
    StoreBe16(header.data() + 10, sum.Checksum());
    frame.Type(EtherType::kIpv4).Bytes(header).Bytes(sound);
  }
  void BuildV6(const WireBytes& sound, FrameBuilder& frame) const {
    frame.Type(EtherType::kIpv6)
        .U32(0x60000000)
        .U16(static_cast<uint16_t>(8 + sound.size()))
        .U8(0)
        .U8(hops)
        .Bytes(OnWire(from))
        .Bytes(OnWire(to));
    frame.U8(58).U8(0);
    has_router_alert ? frame.U8(5).U8(2).U16(0).U8(1).U8(0) : frame.U8(1).U8(4).U32(0);
    frame.Bytes(sound);
  }
};

inline WireBytes Payload(FrameBuilder& builder) {
  WireBytes bytes = builder.Build();
  bytes.erase(bytes.begin(), bytes.begin() + 12);
  return bytes;
}

constexpr IpAddress kHostV4 = V4(0xC0000263);
constexpr IpAddress kHostV6 = V6(0xFE80000000000000, 0x99);

inline IpAddress HostOf(IpAddress group) { return group.is_v4() ? kHostV4 : kHostV6; }

// IGMPv2 (type 0x16), IGMPv1 (0x12) or MLDv1 report of one group; a leave with `leaves`.
inline GroupPacketFrame OldReport(IpAddress group, bool leaves = false, uint8_t igmp_type = 0x16) {
  FrameBuilder message({}, {});
  if (group.is_v4()) {
    message.U8(leaves ? 0x17 : igmp_type).U8(0).U16(0).Bytes(OnWire(group));
  } else {
    message.U8(leaves ? 132 : 131).U8(0).U32(0).U16(0).Bytes(OnWire(group));
  }
  return {.from = HostOf(group), .to = group, .message = Payload(message)};
}

struct RecordOf {
  RecordType type = RecordType::kIsExclude;
  IpAddress group;
  std::vector<IpAddress> sources{};
};

// IGMPv3 or MLDv2.
inline GroupPacketFrame NewReport(const std::vector<RecordOf>& records) {
  const bool is_v4 = records.front().group.is_v4();
  FrameBuilder message({}, {});
  message.U8(is_v4 ? 0x22 : 143).U8(0).U16(0).U16(0).U16(static_cast<uint16_t>(records.size()));
  for (const RecordOf& record : records) {
    message.U8(static_cast<uint8_t>(record.type))
        .U8(0)
        .U16(static_cast<uint16_t>(record.sources.size()))
        .Bytes(OnWire(record.group));
    for (const IpAddress source : record.sources) message.Bytes(OnWire(source));
  }
  return {.from = is_v4 ? kHostV4 : kHostV6,
          .to = is_v4 ? V4(0xE0000016) : V6(0xFF02000000000000, 0x16),
          .message = Payload(message)};
}

// A query of IGMPv2, or MLDv1; general without a group.
inline GroupPacketFrame QueryFrom(IpAddress querier, IpAddress group = {}, uint8_t tenths = 100) {
  const bool is_v4 = querier.is_v4();
  FrameBuilder message({}, {});
  if (is_v4) {
    message.U8(0x11).U8(tenths).U16(0).Bytes(OnWire(group == IpAddress() ? V4(0) : group));
  } else {
    message.U8(130).U8(0).U16(0).U16(static_cast<uint16_t>(tenths * 100)).U16(0);
    message.Bytes(OnWire(group));
  }
  const IpAddress all = is_v4 ? V4(0xE0000001) : V6(0xFF02000000000000, 1);
  return {.from = querier, .to = group == IpAddress() ? all : group, .message = Payload(message)};
}

inline WireBytes PimHello(IpAddress router) {
  FrameBuilder message({}, {});
  message.U8(0x20).U8(0).U16(0);
  return GroupPacketFrame{
      .from = router, .to = V4(0xE000000D), .message = Payload(message), .protocol = 103}
      .Build();
}

// A frame to a group, with a right checksum of its header.
inline WireBytes DataTo(IpAddress group, IpAddress source,
                        MacAddress station = MacAddress::FromNumber(0x0200000000AA)) {
  FrameBuilder frame(MacOfGroup(group), station);
  if (group.is_v4()) {
    frame.Type(EtherType::kIpv4).U8(0x45).U8(0).U16(56).U32(0).U8(8).U8(17).U16(0);
  } else {
    frame.Type(EtherType::kIpv6).U32(0x60000000).U16(16).U8(17).U8(64);
  }
  WireBytes bytes = frame.Bytes(OnWire(source)).Bytes(OnWire(group)).Pad(70).Build();
  if (group.is_v4()) {
    ChecksumSum sum;
    sum.Add(std::span(bytes).subspan(14, 20));
    StoreBe16(bytes.data() + 24, sum.Checksum());
  }
  return bytes;
}

}  // namespace tapswitch
