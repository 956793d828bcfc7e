// Input: frames, each behind a byte for its port and one for its length. The bridge learns
// neighbours and answers questions from them; what it sends in their name is sound, and it never
// tells more than it was told.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "switch/protocol/neighbours/neighbour_message.h"
#include "switch/protocol/neighbours/neighbour_proxy.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

constexpr uint16_t kPorts = 4;

class Fuzzer {
 public:
  Fuzzer() {
    std::vector<PortForwarding> ports;
    for (uint16_t id = 0; id < kPorts; ++id) {
      ports.push_back({.id = {id}, .neigh_suppress = id % 2 == 1});
      ports.back().vlans.pvid = VlanId{1};
      ports.back().vlans.members.insert(VlanId{1});
      ports.back().vlans.members.insert(VlanId{2});
      if (id > 1) ports.back().vlans.untagged.insert(VlanId{1});
    }
    ForwardingView view(ports, {.vlan_filtering = true});
    VlanCounterChange change = counters_.Plan(view_, view);
    counters_.Apply(change);
    view_ = std::move(view);
    proxy_.OnPorts(view_);
  }

  void Take(PortId ingress, std::span<const std::byte> frame) {
    const auto header = ParseHeader(frame);
    if (!header || header->source.is_multicast() || header->source.is_zero()) return;
    const Classification as = view_.Classify(ingress, *header);
    if (header->tag && as.tag == FrameTag::kNone) return;  // of no interest: its payload is hidden
    const auto claim = ReadNeighbourMessage(*header, frame).claim;
    if (claim) claims_.emplace(as.vlan, claim->address, header->source);
    originated_.Clear();
    Originator originator(view_, counters_, originated_);
    ProtocolContext context{view_, table_, now_, alarms_, originator};
    const auto verdict = proxy_.See({ingress, as, *header, frame}, context);
    const bool is_answered = verdict.reason == DropReason::kNeighbourAnswered;
    Require(is_answered == (originated_.copies().size() == 1));
    for (const OriginatedFrames::Copy& copy : originated_.copies()) Check(copy, ingress, as.vlan);
    static_cast<void>(table_.Learn(as.vlan, header->source, ingress, now_));
    now_ = now_ + Ticks{100};
  }

 private:
  // An answer is one that the switch would believe, of somebody who has said so.
  void Check(const OriginatedFrames::Copy& copy, PortId ingress, VlanId vlan) {
    Require(copy.egress == ingress);
    const std::span answer(copy.wire.data + kVirtioNetHeaderSize,
                           copy.wire.size - kVirtioNetHeaderSize);
    const auto header = ParseHeader(answer);
    Require(header.has_value());
    Require(view_.Classify(ingress, *header).vlan == vlan);
    const auto message = ReadNeighbourMessage(*header, answer);
    Require(message.claim.has_value() && !message.question.has_value());
    Require(claims_.contains({vlan, message.claim->address, header->source}));
  }

  ForwardingView view_;
  MacTable table_{{.capacity = 64, .ageing = {30000}, .salt = 5}};
  NeighbourProxy proxy_;
  AlarmLog alarms_;
  VlanCounterTable counters_;
  OriginatedFrames originated_;
  Tick now_{1000};
  std::set<std::tuple<VlanId, IpAddress, MacAddress>> claims_;
};

void Run(std::span<const std::byte> input) {
  Fuzzer fuzzer;
  while (input.size() >= 2) {
    const PortId ingress{static_cast<uint16_t>(static_cast<uint8_t>(input[0]) % kPorts)};
    const size_t size = std::min(input.size() - 2, static_cast<size_t>(input[1]));
    fuzzer.Take(ingress, input.subspan(2, size));
    input = input.subspan(2 + size);
  }
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tapswitch::Run(std::as_bytes(std::span(data, size)));
  return 0;
}
