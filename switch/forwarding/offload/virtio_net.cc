#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {
namespace {

// uapi linux/virtio_net.h; virtio 1.2, 5.1.6.
constexpr uint8_t kFlagNeedsChecksum = 1;
constexpr uint8_t kFlagDataValid = 2;
constexpr uint8_t kGsoEcn = 0x80;

// Offsets of the fields.
constexpr size_t kFlags = 0;
constexpr size_t kGsoType = 1;
constexpr size_t kHeaderLength = 2;
constexpr size_t kGsoSize = 4;
constexpr size_t kChecksumStart = 6;
constexpr size_t kChecksumOffset = 8;

uint16_t LoadLe16(const std::byte* at) {
  return static_cast<uint16_t>(static_cast<unsigned>(at[0]) | (static_cast<unsigned>(at[1]) << 8U));
}

void StoreLe16(std::byte* at, uint16_t value) {
  at[0] = static_cast<std::byte>(value);
  at[1] = static_cast<std::byte>(value >> 8U);
}

std::optional<GsoType> ToGsoType(uint8_t value) {
  switch (const auto type = static_cast<GsoType>(value)) {
    case GsoType::kNone:
    case GsoType::kTcpV4:
    case GsoType::kTcpV6:
    case GsoType::kUdpL4:
      return type;
  }
  return std::nullopt;
}

}  // namespace

std::optional<VirtioNetHeader> ParseVirtioNetHeader(
    std::span<const std::byte, kVirtioNetHeaderSize> wire) {
  const auto flags = static_cast<uint8_t>(wire[kFlags]);
  const auto gso_type = static_cast<uint8_t>(wire[kGsoType]);
  if ((flags & ~(kFlagNeedsChecksum | kFlagDataValid)) != 0) return std::nullopt;
  const auto gso = ToGsoType(gso_type & static_cast<uint8_t>(~kGsoEcn));
  if (!gso) return std::nullopt;
  return VirtioNetHeader{
      .needs_checksum = (flags & kFlagNeedsChecksum) != 0,
      .data_valid = (flags & kFlagDataValid) != 0,
      .gso = *gso,
      .ecn = (gso_type & kGsoEcn) != 0,
      .header_length = LoadLe16(&wire[kHeaderLength]),
      .gso_size = LoadLe16(&wire[kGsoSize]),
      .checksum_start = LoadLe16(&wire[kChecksumStart]),
      .checksum_offset = LoadLe16(&wire[kChecksumOffset]),
  };
}

void StoreVirtioNetHeader(const VirtioNetHeader& header,
                          std::span<std::byte, kVirtioNetHeaderSize> wire) {
  const unsigned flags =
      (header.needs_checksum ? kFlagNeedsChecksum : 0U) | (header.data_valid ? kFlagDataValid : 0U);
  const unsigned gso_type = static_cast<unsigned>(header.gso) | (header.ecn ? kGsoEcn : 0U);
  wire[kFlags] = static_cast<std::byte>(flags);
  wire[kGsoType] = static_cast<std::byte>(gso_type);
  StoreLe16(&wire[kHeaderLength], header.header_length);
  StoreLe16(&wire[kGsoSize], header.gso_size);
  StoreLe16(&wire[kChecksumStart], header.checksum_start);
  StoreLe16(&wire[kChecksumOffset], header.checksum_offset);
}

}  // namespace tapswitch
