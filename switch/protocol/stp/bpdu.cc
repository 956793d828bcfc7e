#include "switch/protocol/stp/bpdu.h"

#include <algorithm>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch::stp {
namespace {

// Offsets from the first byte behind the length field (IEEE 802.2: DSAP, SSAP, control; 9.3).
struct Wire {
  static constexpr uint32_t kLlc = 0x424203;
  static constexpr size_t kProtocol = 3;
  static constexpr size_t kVersion = 5;
  static constexpr size_t kType = 6;
  static constexpr size_t kFlags = 7;
  static constexpr size_t kRoot = 8;
  static constexpr size_t kCost = 16;
  static constexpr size_t kBridge = 20;
  static constexpr size_t kPort = 28;
  static constexpr size_t kMessageAge = 30;
  static constexpr size_t kMaxAge = 32;
  static constexpr size_t kHello = 34;
  static constexpr size_t kForwardDelay = 36;
  static constexpr size_t kVersion1Length = 38;

  static constexpr size_t kTcnSize = 7;
  static constexpr size_t kConfigSize = 38;
  static constexpr size_t kRstSize = 39;

  static constexpr uint8_t kConfigType = 0x00;
  static constexpr uint8_t kRstType = 0x02;
  static constexpr uint8_t kTcnType = 0x80;
  static constexpr uint8_t kRstVersion = 2;
};

// 9.3.3: bits of the flags.
struct Flag {
  static constexpr unsigned kTopologyChange = 0x01;
  static constexpr unsigned kProposal = 0x02;
  static constexpr unsigned kRoleShift = 2;
  static constexpr unsigned kRoleMask = 0x03;
  static constexpr unsigned kLearning = 0x10;
  static constexpr unsigned kForwarding = 0x20;
  static constexpr unsigned kAgreement = 0x40;
  static constexpr unsigned kTopologyChangeAck = 0x80;
};

BridgeIdentifier LoadBridge(const std::byte* at) {
  return {.priority = LoadBe16(at), .address = MacAddress::FromNumber(LoadBe48(at + 2))};
}

void StoreBridge(std::byte* at, const BridgeIdentifier& bridge) {
  StoreBe16(at, bridge.priority);
  StoreBe48(at + 2, bridge.address.number());
}

Times LoadTimes(const std::byte* at) {
  using L = TimeLimits;
  return {.message_age = LoadBe16(at + Wire::kMessageAge),
          .max_age = std::clamp(LoadBe16(at + Wire::kMaxAge), L::kLeastMaxAge, L::kMostMaxAge),
          .forward_delay = std::clamp(LoadBe16(at + Wire::kForwardDelay), L::kLeastForwardDelay,
                                      L::kMostForwardDelay),
          .hello_time = std::clamp(LoadBe16(at + Wire::kHello), L::kLeastHello, L::kMostHello)};
}

void LoadFlags(unsigned flags, Bpdu& bpdu) {
  bpdu.topology_change = (flags & Flag::kTopologyChange) != 0;
  if (bpdu.kind == Bpdu::Kind::kConfig) {
    bpdu.topology_change_ack = (flags & Flag::kTopologyChangeAck) != 0;
    return;
  }
  bpdu.role = static_cast<BpduRole>((flags >> Flag::kRoleShift) & Flag::kRoleMask);
  bpdu.proposal = (flags & Flag::kProposal) != 0;
  bpdu.learning = (flags & Flag::kLearning) != 0;
  bpdu.forwarding = (flags & Flag::kForwarding) != 0;
  bpdu.agreement = (flags & Flag::kAgreement) != 0;
  if (bpdu.role != BpduRole::kUnknown) return;
  bpdu = {.kind = Bpdu::Kind::kConfig, .topology_change = bpdu.topology_change};
}

unsigned FlagsOf(const Bpdu& bpdu) {
  unsigned flags = bpdu.topology_change ? Flag::kTopologyChange : 0U;
  if (bpdu.kind == Bpdu::Kind::kConfig) {
    return flags | (bpdu.topology_change_ack ? Flag::kTopologyChangeAck : 0U);
  }
  flags |= static_cast<unsigned>(bpdu.role) << Flag::kRoleShift;
  if (bpdu.proposal) flags |= Flag::kProposal;
  if (bpdu.learning) flags |= Flag::kLearning;
  if (bpdu.forwarding) flags |= Flag::kForwarding;
  if (bpdu.agreement) flags |= Flag::kAgreement;
  return flags;
}

// The kind that type and version name, where there are that many bytes.
std::optional<Bpdu::Kind> KindOf(const std::byte* at, size_t size) {
  const uint8_t type = LoadByte(at + Wire::kType);
  if (type == Wire::kTcnType) return Bpdu::Kind::kTcn;
  if (type == Wire::kConfigType && size >= Wire::kConfigSize) return Bpdu::Kind::kConfig;
  const bool is_rst = type == Wire::kRstType && LoadByte(at + Wire::kVersion) >= Wire::kRstVersion;
  if (is_rst && size >= Wire::kRstSize) return Bpdu::Kind::kRst;
  return std::nullopt;
}

}  // namespace

std::optional<Bpdu> ReadBpdu(std::span<const std::byte> payload, size_t length) {
  if (length > payload.size() || length < Wire::kTcnSize) return std::nullopt;
  const std::byte* const at = payload.data();
  if ((LoadBe32(at) >> 8U) != Wire::kLlc || LoadBe16(at + Wire::kProtocol) != 0) {
    return std::nullopt;
  }
  const auto kind = KindOf(at, length);
  if (!kind) return std::nullopt;
  Bpdu bpdu{.kind = *kind};
  if (bpdu.kind == Bpdu::Kind::kTcn) return bpdu;
  if (LoadBe16(at + Wire::kMessageAge) >= LoadBe16(at + Wire::kMaxAge)) return std::nullopt;
  LoadFlags(LoadByte(at + Wire::kFlags), bpdu);
  bpdu.priority = {.root = LoadBridge(at + Wire::kRoot),
                   .root_path_cost = LoadBe32(at + Wire::kCost),
                   .bridge = LoadBridge(at + Wire::kBridge),
                   .port = LoadBe16(at + Wire::kPort)};
  bpdu.times = LoadTimes(at);
  return bpdu;
}

std::array<std::byte, kBpduFrameSize> WriteBpdu(const Bpdu& bpdu, MacAddress source) {
  std::array<std::byte, kBpduFrameSize> frame{};
  StoreBe48(frame.data(), kBridgeGroup.number());
  StoreBe48(frame.data() + kMacAddressSize, source.number());
  const bool is_tcn = bpdu.kind == Bpdu::Kind::kTcn;
  const bool is_rst = bpdu.kind == Bpdu::Kind::kRst;
  const size_t size = is_tcn ? Wire::kTcnSize : is_rst ? Wire::kRstSize : Wire::kConfigSize;
  StoreBe16(frame.data() + kTypeOffset, static_cast<uint16_t>(size));
  std::byte* const at = frame.data() + kEthernetHeaderSize;
  StoreBe32(at, Wire::kLlc << 8U);
  at[Wire::kVersion] = std::byte{is_rst ? Wire::kRstVersion : uint8_t{0}};
  at[Wire::kType] = std::byte{is_tcn   ? Wire::kTcnType
                              : is_rst ? Wire::kRstType
                                       : Wire::kConfigType};
  if (is_tcn) return frame;
  at[Wire::kFlags] = static_cast<std::byte>(FlagsOf(bpdu));
  StoreBridge(at + Wire::kRoot, bpdu.priority.root);
  StoreBe32(at + Wire::kCost, bpdu.priority.root_path_cost);
  StoreBridge(at + Wire::kBridge, bpdu.priority.bridge);
  StoreBe16(at + Wire::kPort, bpdu.priority.port);
  StoreBe16(at + Wire::kMessageAge, bpdu.times.message_age);
  StoreBe16(at + Wire::kMaxAge, bpdu.times.max_age);
  StoreBe16(at + Wire::kHello, bpdu.times.hello_time);
  StoreBe16(at + Wire::kForwardDelay, bpdu.times.forward_delay);
  static_assert(Wire::kVersion1Length + 1 == Wire::kRstSize);
  return frame;
}

}  // namespace tapswitch::stp
