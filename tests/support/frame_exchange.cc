#include "tests/support/frame_exchange.h"

#include <utility>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

// Of protocols that nobody has, one after the other. The kernel chooses the queue of a frame that
// is not IP by its type; that all of these are in one of two queues happens once in 32,768 boots.
constexpr uint16_t kFirstFenceType = 0x9F00;
constexpr int kFences = 16;

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
         LoadBe16(&frame[kType]) - kFirstFenceType < kFences &&
         LoadBe16(&frame[kType]) >= kFirstFenceType &&
         LoadBe32(&frame[kEthernetHeaderSize]) == round_;
}

FrameExchange::Received FrameExchange::Collect() {
  ++round_;
  for (int host = 1; host <= size(); ++host) {
    for (int i = 0; i < kFences; ++i) {
      Send(host, FrameBuilder(kBroadcastAddress, FenceStation(host))
                     .Type(EtherType{static_cast<uint16_t>(kFirstFenceType + i)})
                     .U32(round_)
                     .Pad(60)
                     .Build());
    }
  }
  const int expected = kFences * (size() - 1);
  Received received(size());
  for (int host = 1; host <= size(); ++host) {
    for (int fences = 0; fences < expected;) {
      Frame frame = socket(host).Receive();
      if (frame.empty()) {
        ADD_FAILURE() << "h" << host << " got " << fences << " of " << expected << " fences";
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
