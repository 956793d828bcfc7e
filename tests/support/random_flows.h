// Random frames of a few busy flows, mostly in order, with an anomaly now and then, to test
// joining.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/support/finished_frames.h"
#include "tests/support/random_ip_packet.h"

namespace tapswitch {

class RandomFlows {
 public:
  explicit RandomFlows(uint64_t seed) : random_(seed) {
    for (IpPacket& flow : flows_) flow = FirstPacket();
  }

  [[nodiscard]] RandomIpPackets& random() { return random_; }

  // The next frame of one of the flows, mostly the one of the frame before.
  OffloadedFrame Next() {
    if (random_.Number(0, 5) == 0) flow_ = random_.Number(0, flows_.size() - 1);
    IpPacket& next = flows_[flow_];
    const size_t segments = random_.Number(0, 4) == 0 ? random_.Number(1, 5) : 1;
    const size_t shortage = random_.Number(0, 5) == 0 ? random_.Number(0, segment_size() - 1) : 0;
    next.payload = random_.SomeBytes(segments * segment_size() - shortage);
    next.tcp_flags = 0x010;
    IpPacket sent = next;
    if (random_.Number(0, 7) == 0) Distort(sent);
    next.identification = static_cast<uint16_t>(sent.identification + segments);
    next.sequence = sent.sequence + static_cast<uint32_t>(sent.payload.size());
    return Framed(sent, segments);
  }

  // Payload of full segments, of all flows.
  [[nodiscard]] size_t segment_size() const { return segment_size_; }

 private:
  IpPacket FirstPacket() {
    IpPacket packet;
    packet.is_ipv6 = random_.Chance();
    packet.is_udp = random_.Chance();
    for (size_t i = random_.Number(0, 2) / 2; i > 0; --i) {
      packet.tags.push_back({.protocol = EtherType::kVlan, .control = random_.Number16()});
    }
    packet.source = random_.SomeBytes(16);
    packet.identification = random_.Chance() ? random_.Number16() : uint16_t{0xFFFE};
    packet.fragment = random_.Chance() ? 0x4000 : 0;
    packet.sequence = random_.Chance() ? random_.Number32() : 0xFFFFFF00U;
    packet.tcp_options = random_.SomeBytes(4 * random_.Number(0, 3));
    return packet;
  }

  // Changes a packet so that it cannot join those before it, or those behind cannot join it.
  void Distort(IpPacket& packet) {
    switch (random_.Number(0, 9)) {
      case 0:
        ++packet.identification;
        break;
      case 1:
        ++packet.sequence;
        break;
      case 2:
        ++packet.acknowledgment;
        break;
      case 3:
        packet.tcp_flags = static_cast<uint16_t>(random_.Number(0, 0x1FF));
        break;
      case 4:
        packet.payload = random_.SomeBytes(random_.Number(1, 2 * segment_size()));
        break;
      case 5:
        packet.fragment = random_.Number16();
        break;
      case 6:
        packet.traffic_class = 1;
        break;
      case 7:
        ++packet.source_port;
        break;
      case 8:
        packet.tcp_flags |= 0x008;
        break;
      default:
        packet.window = random_.Number16();
        break;
    }
  }

  OffloadedFrame Framed(const IpPacket& packet, size_t segments) {
    OffloadedFrame frame;
    if (segments > 1) {
      frame = {UnfinishedFrame(packet), GsoHeader(packet, static_cast<uint16_t>(segment_size()))};
    } else if (random_.Chance()) {
      frame = {UnfinishedFrame(packet), ChecksumHeader(packet)};
    } else {
      frame = {FinishedFrame(packet), {.data_valid = random_.Chance()}};
    }
    if (random_.Number(0, 15) == 0) {
      frame.bytes[random_.Number(0, frame.bytes.size() - 1)] ^= std::byte{1};
    }
    if (random_.Number(0, 30) == 0) frame.bytes.resize(frame.bytes.size() + 2);
    return frame;
  }

  RandomIpPackets random_;
  size_t segment_size_ =
      random_.Number(0, 3) == 0 ? random_.Number(300, 1400) : random_.Number(1, 100);
  std::array<IpPacket, 3> flows_;
  size_t flow_ = 0;
};

}  // namespace tapswitch
