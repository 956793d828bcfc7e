// Appends blocks of a pcapng file (draft-ietf-opsawg-pcapng) to a text. The section header declares
// little-endian byte order.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tapswitch::pcapng {

inline constexpr uint32_t kSectionHeaderBlock = 0x0A0D0D0A;
inline constexpr uint32_t kInterfaceBlock = 1;
inline constexpr uint32_t kStatisticsBlock = 5;
inline constexpr uint32_t kPacketBlock = 6;

// Appends the first block of every file.
void AppendSectionHeader(std::string_view application, std::string& out);

// Appends an Ethernet interface, whose time stamps are in nanoseconds. Interfaces are numbered from
// 0 in the order in which they are appended.
void AppendInterface(std::string_view name, uint32_t snap_length, std::string& out);

struct Packet {
  uint32_t interface = 0;
  uint64_t time = 0;  // nanoseconds since 1970
  bool outbound = false;
  uint32_t length = 0;  // on the wire
  uint64_t lost = 0;    // packets of this interface lost directly before this one
  std::string_view comment{};
  std::span<const std::byte> bytes;
};
void AppendPacket(const Packet& packet, std::string& out);

struct Statistics {
  uint32_t interface = 0;
  uint64_t start = 0;  // start of the capture, as Packet::time
  uint64_t time = 0;   // time of these numbers
  uint64_t lost = 0;
  std::optional<uint64_t> received{};
  std::optional<uint64_t> filtered{};  // those received that the filter accepted
};
void AppendStatistics(const Statistics& statistics, std::string& out);

}  // namespace tapswitch::pcapng
