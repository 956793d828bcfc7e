#include "tests/support/frame_exchange.h"

#include <utility>

#include "switch/forwarding/bytes.h"

namespace tapswitch {
namespace {

MacAddress FenceStation(int host) {
  return MacAddress::FromNumber(0x02FE00000000 + static_cast<uint64_t>(host));
}

}  // namespace

FrameExchange::FrameExchange(const TestNetwork& network) {
  for (int host = 1; host <= network.size(); ++host) {
    sockets_.push_back(network.host(host).OpenPacketSocket());
  }
}

void FrameExchange::Send(int host, std::span<const std::byte> frame) const {
  socket(host).Send(frame);
}

bool FrameExchange::IsFence(std::span<const std::byte> frame) const {
  constexpr size_t kType = 2 * kMacAddressSize;
  return frame.size() >= kEthernetHeaderSize + sizeof(round_) &&
         EtherType{LoadBe16(&frame[kType])} == kFenceType &&
         LoadBe32(&frame[kEthernetHeaderSize]) == round_;
}

FrameExchange::Received FrameExchange::Collect() {
  ++round_;
  for (int host = 1; host <= size(); ++host) {
    Send(host, FrameBuilder(kBroadcastAddress, FenceStation(host))
                   .Type(kFenceType)
                   .U32(round_)
                   .Pad(60)
                   .Build());
  }
  Received received(size());
  for (int host = 1; host <= size(); ++host) {
    for (int fences = 0; fences < size() - 1;) {
      Frame frame = socket(host).Receive();
      if (frame.empty()) {
        ADD_FAILURE() << "h" << host << " got " << fences << " of " << size() - 1 << " fences";
        return received;
      }
      if (IsFence(frame)) {
        ++fences;
      } else {
        received.at(host).push_back(std::move(frame));
      }
    }
  }
  return received;
}

}  // namespace tapswitch
