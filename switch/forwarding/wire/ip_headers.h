// The fields of IP, TCP and UDP headers that somebody here needs, and their places
// (RFC 791, RFC 8200, RFC 9293, RFC 768). Sizes and offsets are in bytes, from the start of the
// header.

#pragma once

#include <cstddef>
#include <cstdint>

namespace tapswitch {

inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIcmpv6 = 58;

namespace ipv4 {
inline constexpr size_t kMinHeaderSize = 20;
inline constexpr size_t kTotalLength = 2;
inline constexpr size_t kIdentification = 4;
inline constexpr size_t kFragment = 6;           // reserved bit, DF, MF, then the offset of 13 bits
inline constexpr uint16_t kIsFragment = 0x3FFF;  // MF or an offset
inline constexpr uint16_t kDontFragment = 0x4000;
inline constexpr size_t kTtl = 8;
inline constexpr size_t kProtocol = 9;
inline constexpr size_t kChecksum = 10;
inline constexpr size_t kAddresses = 12;  // source, destination
inline constexpr size_t kAddressSize = 4;
}  // namespace ipv4

namespace ipv6 {
inline constexpr size_t kHeaderSize = 40;
inline constexpr size_t kPayloadLength = 4;
inline constexpr size_t kNextHeader = 6;
inline constexpr size_t kHopLimit = 7;
inline constexpr size_t kAddresses = 8;  // source, destination
inline constexpr size_t kAddressSize = 16;
}  // namespace ipv6

namespace tcp {
inline constexpr size_t kMinHeaderSize = 20;
inline constexpr size_t kSequence = 4;
inline constexpr size_t kAcknowledgment = 8;
inline constexpr size_t kDataOffsetAndFlags = 12;
inline constexpr uint16_t kFin = 0x01;
inline constexpr uint16_t kSyn = 0x02;
inline constexpr uint16_t kRst = 0x04;
inline constexpr uint16_t kPsh = 0x08;
inline constexpr uint16_t kUrg = 0x20;
inline constexpr uint16_t kCwr = 0x80;
inline constexpr size_t kWindow = 14;
inline constexpr uint16_t kChecksum = 16;
inline constexpr size_t kUrgentPointer = 18;
}  // namespace tcp

namespace udp {
inline constexpr size_t kHeaderSize = 8;
inline constexpr size_t kLength = 4;
inline constexpr uint16_t kChecksum = 6;
}  // namespace udp

namespace gre {
inline constexpr size_t kChecksum = 4;  // when there is one
}  // namespace gre

namespace sctp {
inline constexpr size_t kHeaderSize = 12;
inline constexpr uint16_t kChecksum = 8;  // a CRC32c, of 4 bytes
}  // namespace sctp

}  // namespace tapswitch
