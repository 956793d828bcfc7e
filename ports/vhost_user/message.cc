#include "ports/vhost_user/message.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr uint32_t kVersion = 1;
constexpr uint32_t kVersionMask = 3;
constexpr uint32_t kIsReply = 4;
constexpr uint32_t kNeedsReply = 8;

// The part of the number in SET_VRING_KICK, _CALL and _ERR that is the ring.
constexpr uint64_t kRingMask = 0xFF;
constexpr uint64_t kNoDescriptor = 0x100;

constexpr size_t kNumberSize = 8;
constexpr size_t kRegionSize = 32;
constexpr size_t kTableHeader = 8;
constexpr size_t kAddressSize = 40;

// How the payload of a request is laid out.
enum class Form : uint8_t { kNone, kNumber, kRingState, kRingAddress, kRingFile, kTable, kRegion };

struct Shape {
  VhostRequest request;
  std::string_view name;
  Form form;
};

constexpr std::array kShapes{
    Shape{VhostRequest::kGetFeatures, "GET_FEATURES", Form::kNone},
    Shape{VhostRequest::kSetFeatures, "SET_FEATURES", Form::kNumber},
    Shape{VhostRequest::kSetOwner, "SET_OWNER", Form::kNone},
    Shape{VhostRequest::kResetOwner, "RESET_OWNER", Form::kNone},
    Shape{VhostRequest::kSetMemTable, "SET_MEM_TABLE", Form::kTable},
    Shape{VhostRequest::kSetVringNum, "SET_VRING_NUM", Form::kRingState},
    Shape{VhostRequest::kSetVringAddr, "SET_VRING_ADDR", Form::kRingAddress},
    Shape{VhostRequest::kSetVringBase, "SET_VRING_BASE", Form::kRingState},
    Shape{VhostRequest::kGetVringBase, "GET_VRING_BASE", Form::kRingState},
    Shape{VhostRequest::kSetVringKick, "SET_VRING_KICK", Form::kRingFile},
    Shape{VhostRequest::kSetVringCall, "SET_VRING_CALL", Form::kRingFile},
    Shape{VhostRequest::kSetVringErr, "SET_VRING_ERR", Form::kRingFile},
    Shape{VhostRequest::kGetProtocolFeatures, "GET_PROTOCOL_FEATURES", Form::kNone},
    Shape{VhostRequest::kSetProtocolFeatures, "SET_PROTOCOL_FEATURES", Form::kNumber},
    Shape{VhostRequest::kGetQueueNum, "GET_QUEUE_NUM", Form::kNone},
    Shape{VhostRequest::kSetVringEnable, "SET_VRING_ENABLE", Form::kRingState},
    Shape{VhostRequest::kSendRarp, "SEND_RARP", Form::kNumber},
    Shape{VhostRequest::kNetSetMtu, "NET_SET_MTU", Form::kNumber},
    Shape{VhostRequest::kResetDevice, "RESET_DEVICE", Form::kNone},
    Shape{VhostRequest::kGetMaxMemSlots, "GET_MAX_MEM_SLOTS", Form::kNone},
    Shape{VhostRequest::kAddMemReg, "ADD_MEM_REG", Form::kRegion},
    Shape{VhostRequest::kRemMemReg, "REM_MEM_REG", Form::kRegion},
    Shape{VhostRequest::kSetStatus, "SET_STATUS", Form::kNumber},
    Shape{VhostRequest::kGetStatus, "GET_STATUS", Form::kNone},
};

const Shape* ShapeOf(VhostRequest request) {
  const auto* const found = std::find_if(kShapes.begin(), kShapes.end(),
                                         [&](const Shape& one) { return one.request == request; });
  return found == kShapes.end() ? nullptr : found;
}

// The machine is little endian, as are all that the switch supports.
template <typename Number>
Number Load(std::span<const std::byte> bytes, size_t at) {
  Number number{};
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

absl::Status Bad(const VhostMessage& message, const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", NameOf(message.request), what));
}

absl::Status CheckSize(const VhostMessage& message, size_t size, size_t expected) {
  if (size == expected) return absl::OkStatus();
  return Bad(message, fmt::format("it has {} bytes instead of {}", size, expected));
}

absl::Status CheckDescriptors(const VhostMessage& message, size_t received, size_t expected) {
  if (received == expected) return absl::OkStatus();
  return Bad(message, fmt::format("it has {} file descriptors instead of {}", received, expected));
}

absl::Status SetRing(VhostMessage& message, uint64_t ring) {
  if (ring >= kMaxVhostRings) return Bad(message, fmt::format("there is no ring {}", ring));
  message.ring = static_cast<uint32_t>(ring);
  return absl::OkStatus();
}

VhostRegion LoadRegion(std::span<const std::byte> bytes, size_t at) {
  return {.guest_address = Load<uint64_t>(bytes, at),
          .size = Load<uint64_t>(bytes, at + 8),
          .user_address = Load<uint64_t>(bytes, at + 16),
          .file_offset = Load<uint64_t>(bytes, at + 24)};
}

absl::Status ReadRingAddress(std::span<const std::byte> payload, VhostMessage& message) {
  message.descriptors = Load<uint64_t>(payload, 8);
  message.used = Load<uint64_t>(payload, 16);
  message.available = Load<uint64_t>(payload, 24);
  return SetRing(message, Load<uint32_t>(payload, 0));
}

absl::Status ReadTable(std::span<const std::byte> payload, size_t descriptors,
                       VhostMessage& message) {
  if (payload.size() < kTableHeader) return CheckSize(message, payload.size(), kTableHeader);
  const auto count = Load<uint32_t>(payload, 0);
  if (count == 0 || count > kMaxTableRegions) {
    return Bad(message,
               fmt::format("it has {} regions: 1 to {} are possible", count, kMaxTableRegions));
  }
  // Some front ends always send the whole table.
  const size_t needed = kTableHeader + count * kRegionSize;
  const size_t whole = kTableHeader + kMaxTableRegions * kRegionSize;
  if (payload.size() != whole) {
    if (absl::Status size = CheckSize(message, payload.size(), needed); !size.ok()) return size;
  }
  for (size_t i = 0; i < count; ++i) {
    message.regions.push_back(LoadRegion(payload, kTableHeader + i * kRegionSize));
  }
  return CheckDescriptors(message, descriptors, count);
}

absl::Status ReadRegion(std::span<const std::byte> payload, size_t descriptors,
                        VhostMessage& message) {
  if (absl::Status size = CheckSize(message, payload.size(), 8 + kRegionSize); !size.ok()) {
    return size;
  }
  message.regions.push_back(LoadRegion(payload, 8));
  // QEMU sends the descriptor again when it removes a region.
  if (message.request == VhostRequest::kRemMemReg && descriptors <= 1) return absl::OkStatus();
  return CheckDescriptors(message, descriptors, 1);
}

absl::Status ReadRingFile(std::span<const std::byte> payload, size_t descriptors,
                          VhostMessage& message) {
  const auto number = Load<uint64_t>(payload, 0);
  if ((number & ~(kRingMask | kNoDescriptor)) != 0) {
    return Bad(message, fmt::format("{:#x} has bits that mean nothing", number));
  }
  message.has_descriptor = (number & kNoDescriptor) == 0;
  if (absl::Status ring = SetRing(message, number & kRingMask); !ring.ok()) return ring;
  return CheckDescriptors(message, descriptors, message.has_descriptor ? 1 : 0);
}

size_t FixedSize(Form form) {
  switch (form) {
    case Form::kNone:
      return 0;
    case Form::kNumber:
    case Form::kRingState:
    case Form::kRingFile:
      return kNumberSize;
    case Form::kRingAddress:
      return kAddressSize;
    case Form::kTable:
    case Form::kRegion:
      break;
  }
  return 0;
}

absl::Status ReadFixed(Form form, std::span<const std::byte> payload, size_t descriptors,
                       VhostMessage& message) {
  absl::Status size = CheckSize(message, payload.size(), FixedSize(form));
  if (!size.ok()) return size;
  if (form == Form::kRingFile) return ReadRingFile(payload, descriptors, message);
  absl::Status none = CheckDescriptors(message, descriptors, 0);
  if (!none.ok() || form == Form::kNone) return none;
  if (form == Form::kRingAddress) return ReadRingAddress(payload, message);
  if (form == Form::kNumber) {
    message.value = Load<uint64_t>(payload, 0);
    return absl::OkStatus();
  }
  message.value = Load<uint32_t>(payload, 4);
  return SetRing(message, Load<uint32_t>(payload, 0));
}

VhostNumberReply MakeReply(VhostRequest request) {
  VhostNumberReply reply{};
  const auto number = static_cast<uint32_t>(request);
  constexpr uint32_t kFlags = kVersion | kIsReply;
  constexpr uint32_t kSize = kNumberSize;
  std::memcpy(reply.data(), &number, sizeof(number));
  std::memcpy(reply.data() + 4, &kFlags, sizeof(kFlags));
  std::memcpy(reply.data() + 8, &kSize, sizeof(kSize));
  return reply;
}

}  // namespace

std::string NameOf(VhostRequest request) {
  const Shape* const shape = ShapeOf(request);
  if (shape != nullptr) return std::string(shape->name);
  return fmt::format("request {}", static_cast<uint32_t>(request));
}

absl::StatusOr<VhostHeader> ParseVhostHeader(std::span<const std::byte, kVhostHeaderSize> bytes) {
  const VhostHeader header{.request = static_cast<VhostRequest>(Load<uint32_t>(bytes, 0)),
                           .needs_reply = (Load<uint32_t>(bytes, 4) & kNeedsReply) != 0,
                           .size = Load<uint32_t>(bytes, 8)};
  const auto flags = Load<uint32_t>(bytes, 4);
  if ((flags & kVersionMask) != kVersion || (flags & kIsReply) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}: flags {:#x}: it is no request of version 1 of vhost-user",
                    NameOf(header.request), flags));
  }
  if (header.size > kMaxVhostPayload) {
    return absl::InvalidArgumentError(fmt::format("{}: it announces {} bytes, but {} are the most",
                                                  NameOf(header.request), header.size,
                                                  kMaxVhostPayload));
  }
  return header;
}

absl::StatusOr<VhostMessage> ParseVhostMessage(const VhostHeader& header,
                                               std::span<const std::byte> payload,
                                               size_t descriptors) {
  VhostMessage message{.request = header.request, .needs_reply = header.needs_reply};
  const Shape* const shape = ShapeOf(header.request);
  if (shape == nullptr) {
    return absl::UnimplementedError(
        fmt::format("{}: the switch does not serve it", NameOf(header.request)));
  }
  absl::Status read;
  if (shape->form == Form::kTable) {
    read = ReadTable(payload, descriptors, message);
  } else if (shape->form == Form::kRegion) {
    read = ReadRegion(payload, descriptors, message);
  } else {
    read = ReadFixed(shape->form, payload, descriptors, message);
  }
  if (!read.ok()) return read;
  return message;
}

VhostNumberReply MakeNumberReply(VhostRequest request, uint64_t value) {
  VhostNumberReply reply = MakeReply(request);
  std::memcpy(reply.data() + kVhostHeaderSize, &value, sizeof(value));
  return reply;
}

VhostNumberReply MakeRingReply(VhostRequest request, uint32_t ring, uint32_t value) {
  VhostNumberReply reply = MakeReply(request);
  std::memcpy(reply.data() + kVhostHeaderSize, &ring, sizeof(ring));
  std::memcpy(reply.data() + kVhostHeaderSize + sizeof(ring), &value, sizeof(value));
  return reply;
}

}  // namespace tapswitch
