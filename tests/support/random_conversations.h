// Random frames that come in again and again, with tags of all kinds, among stations most of which
// stay behind their port.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/support/random_traffic.h"

namespace tapswitch {

// A frame that comes in again and again.
struct Conversation {
  PortId ingress;
  std::vector<std::byte> bytes;
  uint32_t gso_size = 0;
};

class RandomConversations {
 public:
  explicit RandomConversations(RandomTraffic& random) : random_(random) {}

  Conversation New() {
    const MacAddress source = random_.OneIn(20) ? random_.Address() : random_.StationAddress();
    const bool roams = random_.OneIn(20);
    const PortId ingress =
        roams ? random_.Port() : PortId{static_cast<uint16_t>(source.number() % kPorts)};
    Conversation made{.ingress = ingress, .bytes = {}};
    while (!CanBeReceived(made.bytes)) {
      made.bytes = random_.OneIn(4) ? random_.FrameBytes() : Frame(source);
    }
    if (random_.OneIn(8)) made.gso_size = static_cast<uint32_t>(50 + random_.Below(200));
    return made;
  }

  // So that the other station is known.
  [[nodiscard]] static Conversation Answer(const Conversation& to) {
    Conversation answer = to;
    for (size_t i = 0; i < kMacAddressSize; ++i) {
      std::swap(answer.bytes[i], answer.bytes[i + kMacAddressSize]);
    }
    const auto header = ParseHeader(answer.bytes);
    answer.ingress = {static_cast<uint16_t>(header->source.number() % kPorts)};
    return answer;
  }

 private:
  static constexpr uint16_t kPorts = RandomTraffic::kPorts;

  // The kernel drops a frame whose header is cut short before anybody sees it, and runs no program
  // for tests on an IPv4 packet without an IPv4 header.
  static bool CanBeReceived(const std::vector<std::byte>& frame) {
    constexpr size_t kIpv4HeaderSize = 20;
    const auto header = ParseHeader(frame);
    if (!header) return false;
    return header->type_or_length != static_cast<uint16_t>(EtherType::kIpv4) ||
           frame.size() >= header->payload_offset + kIpv4HeaderSize;
  }

  std::vector<std::byte> Frame(MacAddress source) {
    FrameBuilder frame(random_.OneIn(20) ? random_.Address() : random_.StationAddress(), source);
    for (uint64_t tags = random_.Below(3); tags > 0; --tags) {
      frame.Tag(random_.OneIn(4) ? EtherType::kServiceVlan : EtherType::kVlan,
                static_cast<uint16_t>(random_.Below(16) << 12U | random_.Vid()));
    }
    if (random_.OneIn(8)) {
      frame.Length(40);
    } else {
      frame.Type(random_.OneIn(4) ? EtherType::kArp : EtherType::kIpv4);
    }
    return frame.Pad(14 + random_.Below(random_.OneIn(4) ? 230 : 80)).Build();
  }

  RandomTraffic& random_;
};

}  // namespace tapswitch
