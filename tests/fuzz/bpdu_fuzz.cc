// Input: BPDUs, each behind a byte for its port and its delay, and one for its length.
//
// Whatever is heard, at most one port leads to the root, a disabled port is silent, only root and
// designated ports pass frames, and BPDUs that are sent have their size.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "switch/protocol/stp/tree.h"

namespace tapswitch {
namespace {

void RequireSound(bool condition) {
  if (!condition) std::abort();
}

constexpr uint16_t kPorts = 4;

class BpduFuzzer final : public stp::TreeEffects {
 public:
  BpduFuzzer() {
    tree_.Configure({.is_on = true}, MacAddress::FromNumber(0x020000000005), now_);
    for (uint16_t id = 0; id < kPorts; ++id) {
      tree_.SetPort({id}, {.root_block = id == 3, .loop_guard = id == 2}, now_);
      tree_.SetEnabled({id}, id != 1, now_);
    }
  }

  void Take(uint8_t first, std::span<const std::byte> payload) {
    now_ = now_ + Ticks{uint64_t{first} / kPorts};
    tree_.Run(now_, *this);
    const PortId port{static_cast<uint16_t>(first % kPorts)};
    tree_.Receive(port, payload, payload.size(), now_, *this);
    Check();
  }

  void SetState(PortId /*port*/, PortState /*state*/) override {}
  void Flush(PortId /*port*/) override {}
  bool Send(PortId port, std::span<const std::byte> frame) override {
    RequireSound(port != PortId{1});
    const auto payload = frame.subspan(kEthernetHeaderSize);
    RequireSound(frame.size() == stp::kBpduFrameSize);
    static_cast<void>(stp::ReadBpdu(payload, LoadBe16(frame.data() + kTypeOffset)));
    return true;
  }
  void Tell(const stp::Event& /*event*/) override {}

 private:
  void Check() const {
    int roots = 0;
    for (uint16_t id = 0; id < kPorts; ++id) {
      const stp::TreePort& port = tree_.port({id});
      roots += port.role == stp::Role::kRoot ? 1 : 0;
      const bool may_pass = port.role == stp::Role::kRoot || port.role == stp::Role::kDesignated;
      RequireSound(may_pass || (!port.learning && !port.forwarding));
      RequireSound(!port.forwarding || port.learning);
    }
    RequireSound(roots <= 1);
    RequireSound(tree_.port({3}).role != stp::Role::kRoot);
  }

  stp::Tree tree_;
  Tick now_{1000};
};

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tapswitch::BpduFuzzer fuzzer;
  std::span input = std::as_bytes(std::span(data, size));
  while (input.size() >= 2) {
    const size_t length = std::min(input.size() - 2, static_cast<size_t>(input[1]));
    fuzzer.Take(static_cast<uint8_t>(input[0]), input.subspan(2, length));
    input = input.subspan(2 + length);
  }
  return 0;
}
