// Messages of the vhost-user protocol (docs/interop/vhost-user.rst of QEMU), from the front end to
// the switch. Parsing is pure: bytes and the number of descriptors in, a checked value or an error
// out. Nothing here has effects.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

enum class VhostRequest : uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kResetOwner = 4,
  kSetMemTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
  kSendRarp = 19,
  kNetSetMtu = 20,
  kResetDevice = 34,
  kGetMaxMemSlots = 36,
  kAddMemReg = 37,
  kRemMemReg = 38,
  kSetStatus = 39,
  kGetStatus = 40,
};

// "SET_FEATURES", ...; "request 99" for one that the switch does not know.
[[nodiscard]] std::string NameOf(VhostRequest request);

inline constexpr size_t kVhostHeaderSize = 12;
// A message has at most this many bytes behind its header, and this many descriptors.
inline constexpr size_t kMaxVhostPayload = 1024;
inline constexpr size_t kMaxVhostDescriptors = 8;
// The memory regions that SET_MEM_TABLE can name.
inline constexpr size_t kMaxTableRegions = 8;
// The largest ring (virtio 1.2, 2.7).
inline constexpr uint32_t kMaxVringSize = 32768;

// A region of the guest's memory, as the front end describes it.
struct VhostRegion {
  uint64_t guest_address = 0;
  uint64_t size = 0;
  uint64_t user_address = 0;  // where the front end itself has it: rings are named by these
  uint64_t file_offset = 0;

  bool operator==(const VhostRegion&) const = default;
};

struct VhostHeader {
  VhostRequest request{};
  bool needs_reply = false;
  uint32_t size = 0;  // bytes that follow; at most kMaxVhostPayload
};

// The fields that a request has not are zero.
struct VhostMessage {
  VhostRequest request{};
  bool needs_reply = false;
  uint64_t value = 0;           // features, status, MTU, a base, the size of a ring, a MAC address
  uint32_t ring = 0;            // less than kMaxVhostRings
  bool has_descriptor = false;  // of SET_VRING_KICK, _CALL and _ERR
  uint64_t descriptors = 0;     // of SET_VRING_ADDR, as the two below: addresses of the front end
  uint64_t available = 0;
  uint64_t used = 0;
  std::vector<VhostRegion> regions{};  // each with a descriptor, but for REM_MEM_REG
};

inline constexpr uint32_t kMaxVhostRings = 256;

// InvalidArgument says what is wrong.
[[nodiscard]] absl::StatusOr<VhostHeader> ParseVhostHeader(
    std::span<const std::byte, kVhostHeaderSize> bytes);

// Returns the message of a header, with the payload of header.size bytes and so many descriptors.
// InvalidArgument says what is wrong; Unimplemented names a request that the switch does not serve.
[[nodiscard]] absl::StatusOr<VhostMessage> ParseVhostMessage(const VhostHeader& header,
                                                             std::span<const std::byte> payload,
                                                             size_t descriptors);

// The bytes of replies: of one number, and of the state of a ring.
using VhostNumberReply = std::array<std::byte, kVhostHeaderSize + sizeof(uint64_t)>;
[[nodiscard]] VhostNumberReply MakeNumberReply(VhostRequest request, uint64_t value);
[[nodiscard]] VhostNumberReply MakeRingReply(VhostRequest request, uint32_t ring, uint32_t value);

}  // namespace tapswitch
