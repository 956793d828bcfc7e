// Blocks of a pcapng file (draft-ietf-opsawg-pcapng), appended to a text. Byte order is that of
// little-endian machines, which the section header says.

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

// Of every file the first block.
void AppendSectionHeader(std::string_view application, std::string& out);

// An Ethernet interface with stamps in nanoseconds. Interfaces are numbered from 0 as they come.
void AppendInterface(std::string_view name, uint32_t snap_length, std::string& out);

struct Packet {
  uint32_t interface = 0;
  uint64_t time = 0;  // nanoseconds since 1970
  bool outbound = false;
  uint32_t length = 0;  // on the wire
  uint64_t lost = 0;    // packets of this interface directly before
  std::span<const std::byte> bytes;
};
void AppendPacket(const Packet& packet, std::string& out);

struct Statistics {
  uint32_t interface = 0;
  uint64_t start = 0;  // of the capture, as Packet::time
  uint64_t time = 0;   // of these numbers
  uint64_t lost = 0;
  std::optional<uint64_t> received{};
  std::optional<uint64_t> filtered{};  // of them, those that the filter accepted
};
void AppendStatistics(const Statistics& statistics, std::string& out);

}  // namespace tapswitch::pcapng
