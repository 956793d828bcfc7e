// Fuzzes Bridge::Process: the input is a configuration and a sequence of frames; the invariants of
// the core must hold whatever it says.
//
// Format: 4 bytes for each port (state, flags, limit of learned entries, an entry on it), then
// frames: ingress, length (2 bytes, big endian, capped by what is left), ticks to pass before it,
// the frame's bytes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "switch/forwarding/advice/trace.h"
#include "switch/forwarding/bridge.h"
#include "switch/forwarding/wire/bytes.h"
#include "tests/support/test_frames.h"

namespace tapswitch {
namespace {

constexpr uint16_t kPorts = 4;
constexpr size_t kPortConfigSize = 4;
constexpr size_t kFrameHeaderSize = 4;

void Require(bool condition) {
  if (!condition) std::abort();
}

std::vector<PortForwarding> PortsFrom(std::span<const std::byte> input) {
  std::vector<PortForwarding> ports;
  for (uint16_t id = 0; id < kPorts; ++id) {
    const uint8_t state = LoadByte(&input[id * kPortConfigSize]);
    const uint8_t flags = LoadByte(&input[id * kPortConfigSize + 1]);
    ports.push_back({
        .id = {id},
        .state = state < 5 ? static_cast<PortState>(state) : PortState::kForwarding,
        .learning = (flags & 1U) == 0,
        .flood = (flags & 2U) == 0,
        .mcast_flood = (flags & 4U) == 0,
        .bcast_flood = (flags & 8U) == 0,
        .isolated = (flags & 16U) != 0,
        .hairpin = (flags & 32U) != 0,
        .locked = (flags & 64U) != 0,
    });
  }
  return ports;
}

class Scenario {
 public:
  explicit Scenario(std::vector<PortForwarding> ports)
      : ports_(std::move(ports)), bridge_({.capacity = 8, .ageing = {50}, .salt = 3}) {
    for (uint16_t id = 0; id < kPorts; ++id) egress_.AddPort({id});
    bridge_.SetView(ForwardingView(ports_));
    bridge_.journal().set_lists_flushed(true);
  }

  void Limit(PortId port, uint8_t max) { bridge_.table().set_max_learned(port, max); }

  // Of a few stations; the kind is in the upper bits.
  void SetEntry(PortId port, uint8_t what) {
    const unsigned kind = what >> 4U;
    if (kind == 0) return;
    const MacEntry entry{
        .vlan = kNoVlan,
        .address = MacAddress::FromNumber(0x020000000000 + (what & 3U)),
        .port = port,
        .state = kind % 4 < 3 ? static_cast<MacEntryState>(kind % 4) : MacEntryState::kLearned,
        .sticky = kind % 4 == 3,
        .by_user = (what & 4U) != 0,
        .extern_learn = (what & 8U) != 0,
    };
    Require(kind < 8 ? bridge_.table().Set(entry, now_)
                     : bridge_.table().Append(entry, now_) ||
                           bridge_.table().Lookup(kNoVlan, entry.address, now_)->is_local);
  }

  void Show(PortId ingress, std::span<const std::byte> bytes, Ticks pause) {
    now_ = now_ + pause;
    TestFrames storage;
    const Frame frame = storage.Plain(ingress, bytes);
    const uint64_t before = Accounted(ingress);
    egress_.Clear();
    const auto header = ParseHeader(bytes);
    Trace trace;
    if (header) trace = Foresee(ingress, *header);
    bridge_.Process({&frame, 1}, now_, egress_);
    if (header) Require(PortsOf(trace.decision) == egress_.used());
    Require(Accounted(ingress) == before + 1);
    Require(bridge_.table().size() <= bridge_.table().capacity());
    egress_.used().ForEach([&](PortId port) { CheckCopy(ingress, port); });
  }

 private:
  Trace Foresee(PortId ingress, const EthernetHeader& header) const {
    return TraceFrame(bridge_.view(), bridge_.table(), bridge_.protocols(), ingress, header, now_,
                      [](PortId port) { return std::to_string(port.value); });
  }

  static PortSet PortsOf(const Decision& decision) {
    PortSet ports = decision.flood;
    if (decision.action == Decision::Action::kForward) ports.insert(decision.egress);
    return ports;
  }

  uint64_t Accounted(PortId port) {
    const PortCounters& counters = bridge_.counters(port);
    uint64_t sum = counters.forwarded;
    for (const uint64_t count : counters.drops) sum += count;
    return sum;
  }

  void CheckCopy(PortId ingress, PortId port) {
    const PortForwarding& from = ports_[ingress.value];
    const PortForwarding& to = ports_[port.value];
    Require(egress_.of(port).size() == 1);
    Require(from.state == PortState::kForwarding && to.state == PortState::kForwarding);
    Require(port != ingress || to.hairpin);
    Require(!(from.isolated && to.isolated));
  }

  std::vector<PortForwarding> ports_;
  Bridge bridge_;
  EgressLists egress_;
  Tick now_;
};

void Run(std::span<const std::byte> input) {
  if (input.size() < kPorts * kPortConfigSize) return;
  Scenario scenario(PortsFrom(input));
  for (uint16_t id = 0; id < kPorts; ++id) {
    scenario.Limit({id}, LoadByte(&input[id * kPortConfigSize + 2]));
    scenario.SetEntry({id}, LoadByte(&input[id * kPortConfigSize + 3]));
  }
  input = input.subspan(kPorts * kPortConfigSize);
  while (input.size() >= kFrameHeaderSize) {
    const PortId ingress{static_cast<uint16_t>(LoadByte(input.data()) % kPorts)};
    const size_t length = std::min<size_t>(LoadBe16(&input[1]), input.size() - kFrameHeaderSize);
    const Ticks pause{LoadByte(&input[3])};
    scenario.Show(ingress, input.subspan(kFrameHeaderSize, length), pause);
    input = input.subspan(kFrameHeaderSize + length);
  }
}

}  // namespace
}  // namespace tapswitch

// The name and the C linkage are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tapswitch::Run(std::as_bytes(std::span(data, size)));
  return 0;
}
