#include "switch/protocol/multicast/query_frame.h"

#include <algorithm>

#include "switch/forwarding/fdb/group_address.h"
#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"
#include "switch/protocol/multicast/group_wire.h"

namespace tapswitch {
namespace {

constexpr size_t kHopByHopSize = 8;
constexpr size_t kIpv4HeaderSize = 24;  // with the router alert
constexpr uint8_t kRobustness = 2;

// A number as mantissa and exponent, rounded down (RFC 3376, 4.1.1; RFC 3810, 5.1.3).
uint32_t Compressed(uint64_t value, unsigned bits) {
  const uint64_t top = uint64_t{1} << (bits - 1);
  if (value < top) return static_cast<uint32_t>(value);
  const unsigned mantissa_bits = bits - 4;
  uint32_t exponent = 0;
  while (exponent < 7 && value >> (exponent + 3) >= uint64_t{2} << mantissa_bits) ++exponent;
  const uint64_t most = (uint64_t{2} << mantissa_bits) - 1;
  const uint64_t mantissa = std::min(value >> (exponent + 3), most);
  return static_cast<uint32_t>(top | exponent << mantissa_bits |
                               (mantissa & ((uint64_t{1} << mantissa_bits) - 1)));
}

IpAddress DestinationOf(const GroupQuery& query) {
  if (query.group != IpAddress()) return query.group;
  if (query.is_v4) return IpAddress::FromV4(0xE0000001);
  return kAllNodes;
}

void StoreAddress(std::byte* at, IpAddress address) {
  const auto bytes = address.bytes();
  const bool is_v4 = address.is_v4();
  std::copy(bytes.begin() + (is_v4 ? IpAddress::kV6Size - IpAddress::kV4Size : 0), bytes.end(), at);
}

bool IsNewest(const GroupQuery& query) { return query.version == (query.is_v4 ? 3 : 2); }

size_t SourceCount(const GroupQuery& query) {
  return IsNewest(query) ? std::min(query.sources.size(), GroupMember::kMostSources) : 0;
}

size_t MessageSize(const GroupQuery& query) {
  if (query.is_v4) {
    return IsNewest(query) ? IgmpWire::kSources + SourceCount(query) * IpAddress::kV4Size
                           : IgmpWire::kSize;
  }
  return IsNewest(query) ? MldWire::kSources + SourceCount(query) * IpAddress::kV6Size
                         : MldWire::kSize;
}

// The part behind the group, of the newest version: flags, interval, sources.
void StoreNewest(const GroupQuery& query, std::byte* at) {
  at[0] = static_cast<std::byte>((query.suppresses ? kSuppressFlag : 0) | kRobustness);
  at[1] = static_cast<std::byte>(Compressed(query.query_interval.centiseconds / 100, 8));
  const size_t count = SourceCount(query);
  StoreBe16(at + 2, static_cast<uint16_t>(count));
  const size_t unit = query.is_v4 ? IpAddress::kV4Size : IpAddress::kV6Size;
  for (size_t i = 0; i < count; ++i) StoreAddress(at + 4 + i * unit, query.sources[i]);
}

}  // namespace

QueryFrame::QueryFrame(const GroupQuery& query) {
  const size_t message_size = MessageSize(query);
  AddEthernet(query);
  if (query.is_v4) {
    AddIpv4(query, message_size);
    AddIgmp(query, message_size);
  } else {
    AddIpv6(query, message_size);
    AddMld(query, message_size);
  }
}

std::byte* QueryFrame::Take(size_t size) {
  std::byte* const at = bytes_.data() + size_;
  size_ += size;
  return at;
}

void QueryFrame::AddEthernet(const GroupQuery& query) {
  std::byte* const at = Take(kEthernetHeaderSize);
  StoreBe48(at, MacOfIpGroup(DestinationOf(query)).number());
  StoreBe48(at + kMacAddressSize, query.bridge.number());
  StoreBe16(at + kTypeOffset,
            static_cast<uint16_t>(query.is_v4 ? EtherType::kIpv4 : EtherType::kIpv6));
}

void QueryFrame::AddIpv4(const GroupQuery& query, size_t message_size) {
  constexpr uint32_t kRouterAlert = 0x94040000;
  constexpr std::byte kInternetworkControl{0xC0};
  std::byte* const at = Take(kIpv4HeaderSize);
  at[0] = static_cast<std::byte>(0x40 | kIpv4HeaderSize / 4);
  at[1] = kInternetworkControl;
  StoreBe16(at + ipv4::kTotalLength, static_cast<uint16_t>(kIpv4HeaderSize + message_size));
  StoreBe16(at + ipv4::kFragment, ipv4::kDontFragment);
  at[ipv4::kTtl] = std::byte{GroupWire::kTtl};
  at[ipv4::kProtocol] = std::byte{GroupWire::kProtocolIgmp};
  StoreAddress(at + ipv4::kAddresses, query.source);
  StoreAddress(at + ipv4::kAddresses + ipv4::kAddressSize, DestinationOf(query));
  StoreBe32(at + ipv4::kMinHeaderSize, kRouterAlert);
  ChecksumSum sum;
  sum.Add({at, kIpv4HeaderSize});
  StoreBe16(at + ipv4::kChecksum, sum.Checksum());
}

void QueryFrame::AddIpv6(const GroupQuery& query, size_t message_size) {
  std::byte* const at = Take(ipv6::kHeaderSize + kHopByHopSize);
  at[0] = std::byte{0x60};
  StoreBe16(at + ipv6::kPayloadLength, static_cast<uint16_t>(kHopByHopSize + message_size));
  at[ipv6::kNextHeader] = std::byte{GroupWire::kProtocolHopByHop};
  at[ipv6::kHopLimit] = std::byte{GroupWire::kTtl};
  StoreAddress(at + ipv6::kAddresses, query.source);
  StoreAddress(at + ipv6::kAddresses + ipv6::kAddressSize, DestinationOf(query));
  std::byte* const options = at + ipv6::kHeaderSize;
  options[0] = std::byte{kProtocolIcmpv6};
  options[2] = std::byte{RouterAlertWire::kOption};
  options[3] = std::byte{RouterAlertWire::kLength};
  options[6] = std::byte{1};  // PadN without content
}

void QueryFrame::AddIgmp(const GroupQuery& query, size_t message_size) {
  std::byte* const at = Take(message_size);
  at[0] = std::byte{IgmpWire::kQuery};
  const uint64_t tenths = query.max_response.centiseconds / 10;
  at[IgmpWire::kMaxResponse] = static_cast<std::byte>(
      IsNewest(query) ? Compressed(tenths, 8)
                      : static_cast<uint32_t>(std::clamp<uint64_t>(tenths, 1, UINT8_MAX)));
  if (query.group != IpAddress()) StoreAddress(at + IgmpWire::kGroup, query.group);
  if (IsNewest(query)) StoreNewest(query, at + IgmpWire::kFlags);
  ChecksumSum sum;
  sum.Add({at, message_size});
  StoreBe16(at + 2, sum.Checksum());
}

void QueryFrame::AddMld(const GroupQuery& query, size_t message_size) {
  std::byte* const at = Take(message_size);
  at[0] = std::byte{MldWire::kQuery};
  const uint64_t milliseconds = query.max_response.centiseconds * 10;
  StoreBe16(at + MldWire::kMaxResponse,
            static_cast<uint16_t>(IsNewest(query) ? Compressed(milliseconds, 16)
                                                  : std::min<uint64_t>(milliseconds, UINT16_MAX)));
  if (query.group != IpAddress()) StoreAddress(at + MldWire::kGroup, query.group);
  if (IsNewest(query)) StoreNewest(query, at + MldWire::kFlags);
  ChecksumSum sum =
      SumOfPseudoHeader(query.source, DestinationOf(query), message_size, kProtocolIcmpv6);
  sum.Add({at, message_size});
  StoreBe16(at + 2, sum.Checksum());
}

IpAddress LinkLocalOf(MacAddress address) {
  constexpr uint64_t kUniversal = 0x0200000000000000;
  const uint64_t number = address.number();
  const uint64_t low =
      ((number >> 24U) << 40U | uint64_t{0xFFFE} << 24U | (number & 0xFFFFFF)) ^ kUniversal;
  return IpAddress::FromV6(uint64_t{0xFE80} << 48U, low);
}

}  // namespace tapswitch
