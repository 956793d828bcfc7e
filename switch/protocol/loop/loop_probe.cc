#include "switch/protocol/loop/loop_probe.h"

#include <algorithm>
#include <string_view>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

constexpr std::string_view kMagic = "TSLP";
constexpr size_t kVersionAt = 4;
constexpr uint16_t kVersionAndSubtype = 0x0101;
constexpr size_t kBridgeAt = 6;
constexpr size_t kPortAt = 12;
constexpr size_t kSequenceAt = 16;
constexpr size_t kHashAt = 20;
constexpr size_t kEnd = 28;

using Signed = std::array<std::byte, kHashAt>;

// What the hash is made of.
Signed SignedPart(const ProbeSender& sender, const LoopProbe& probe) {
  Signed bytes{};
  std::ranges::copy(std::as_bytes(std::span(kMagic)), bytes.begin());
  StoreBe16(bytes.data() + kVersionAt, kVersionAndSubtype);
  StoreBe48(bytes.data() + kBridgeAt, sender.bridge.number());
  StoreBe16(bytes.data() + kPortAt, probe.port.value);
  StoreBe32(bytes.data() + kSequenceAt, probe.sequence);
  return bytes;
}

}  // namespace

std::array<std::byte, kLoopProbeSize> MakeLoopProbe(const ProbeSender& sender,
                                                    const LoopProbe& probe) {
  std::array<std::byte, kLoopProbeSize> frame{};
  StoreBe48(frame.data(), kBroadcastAddress.number());
  StoreBe48(frame.data() + kMacAddressSize, sender.bridge.number());
  StoreBe16(frame.data() + kTypeOffset, kLoopProbeType);
  std::byte* const payload = frame.data() + kEthernetHeaderSize;
  const Signed part = SignedPart(sender, probe);
  std::ranges::copy(part, payload);
  const uint64_t hash = SipHash(sender.key, part);
  StoreBe32(payload + kHashAt, static_cast<uint32_t>(hash >> 32U));
  StoreBe32(payload + kHashAt + 4, static_cast<uint32_t>(hash));
  return frame;
}

std::optional<LoopProbe> ReadLoopProbe(const ProbeSender& sender,
                                       std::span<const std::byte> payload) {
  if (payload.size() < kEnd) return std::nullopt;
  const LoopProbe probe{.port = {LoadBe16(payload.data() + kPortAt)},
                        .sequence = LoadBe32(payload.data() + kSequenceAt)};
  const Signed part = SignedPart(sender, probe);
  if (probe.port.value >= kMaxPorts || !std::ranges::equal(part, payload.first(kHashAt))) {
    return std::nullopt;
  }
  const uint64_t hash =
      uint64_t{LoadBe32(payload.data() + kHashAt)} << 32U | LoadBe32(payload.data() + kHashAt + 4);
  if (hash != SipHash(sender.key, part)) return std::nullopt;
  return probe;
}

}  // namespace tapswitch
