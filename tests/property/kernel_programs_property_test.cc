// The programs in the kernel do with a frame what Decide says of it at that moment, whatever has
// changed since the conversation was handed to them: it leaves by the same port with the same tag,
// or the switch gets it. They carry what is handed to them, and drop nothing.
//
// The frames are run through the programs themselves (BPF_PROG_TEST_RUN), with the maps as
// FlowOffload keeps them.

#include <gtest/gtest.h>
#include <net/if.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "switch/forwarding/advice/cacheable.h"
#include "switch/forwarding/decision.h"
#include "tests/support/flow_rig.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_listener.h"
#include "tests/support/random_conversations.h"
#include "tests/support/random_traffic.h"

namespace tapswitch::kernel_programs_property_test {
namespace {

using Bytes = std::vector<std::byte>;

constexpr uint16_t kPorts = RandomTraffic::kPorts;
constexpr uint16_t kInterfaces = kPorts - 1;  // the last port is none
constexpr PortId kOwn{1};                     // a TAP of the switch, by which the host sends
constexpr std::array<uint32_t, 3> kMtus{60, 100, 200};

// Where the kernel may send a frame, and how it leaves then.
struct Carriage {
  PortId egress;
  Bytes bytes;
};

struct Tally {
  uint64_t carried = 0;
  uint64_t pushed = 0;
  uint64_t popped = 0;
  uint64_t tagged = 0;
  uint64_t direct = 0;
  uint64_t by_host = 0;
  uint64_t to_host = 0;
  uint64_t cut = 0;       // later, by whom they leave by
  uint64_t too_long = 0;  // of a conversation that is carried
  uint64_t ended = 0;     // frames of a conversation that was carried before, and is not any more
};

class CarriedTraffic {
 public:
  // Counts what it comes across in `tally`.
  CarriedTraffic(uint64_t seed, std::unique_ptr<FlowRig> rig, const std::vector<int>& ifindexes,
                 Tally& tally)
      : random_(seed), rig_(std::move(rig)), tally_(tally) {
    for (uint16_t id = 0; id < kPorts; ++id) {
      OffloadPort& port = rig_->AddPort({id}, ifindexes.at(id));
      port.status().mtu = kMtus[1];
      port.status().station = StationBehind({id});
      port.set_own(PortId{id} == kOwn);
      if (id < kInterfaces) rig_->flows().SetPort(rig_->port({id}));
    }
    bridge().protocols().Add(listener_);
    Reconfigure();
  }

  void Step() {
    if (random_.OneIn(100)) Reconfigure();
    if (random_.OneIn(5)) Change();
    if (conversations_.size() == kRemembered) {
      conversations_.erase(conversations_.begin() +
                           static_cast<ptrdiff_t>(random_.Below(kRemembered)));
    }
    conversations_.push_back(random_conversations_.New());
    const Conversation conversation = conversations_[random_.Below(conversations_.size())];
    const bool is_answered = random_.OneIn(2);
    for (uint64_t i = 1 + random_.Below(2 * FlowSightings::kEnough + 2); i > 0; --i) {
      Send(conversation);
      if (is_answered) Send(RandomConversations::Answer(conversation));
    }
    if (random_.OneIn(3)) return;
    for (const Conversation& other : conversations_) Send(other);
  }

  void CheckCounters() {
    const auto traffic = rig_->flows().traffic().Read();
    for (uint16_t id = 0; id < kPorts; ++id) {
      const auto found = traffic.find(PortId{id});
      const PortTraffic counted = found == traffic.end() ? PortTraffic{} : found->second;
      EXPECT_EQ(counted.received, received_[PortId{id}]) << "port " << id;
      EXPECT_EQ(counted.sent, sent_[PortId{id}]) << "port " << id;
      EXPECT_EQ(counted.drained + counted.no_memory + counted.egress_drops, 0U) << "port " << id;
    }
  }

 private:
  static constexpr size_t kRemembered = 24;

  [[nodiscard]] Bridge& bridge() { return rig_->bridge(); }

  // ---- Frames

  void Send(const Conversation& frame) {
    const auto header = ParseHeader(frame.bytes);
    const auto may = MayCarry(frame, *header);
    const FlowOffload::Explanation told =
        rig_->flows().Explain(frame.ingress, *header, rig_->now());
    const bool is_known = told.is_carried || told.is_pending;
    SCOPED_TRACE(testing::Message()
                 << "port " << frame.ingress.value << ", " << header->source.ToString() << " > "
                 << header->destination.ToString());
    const KernelReceipt receipt = rig_->Receive(frame.ingress, frame.bytes, frame.gso_size);
    ASSERT_NE(receipt.way, KernelReceipt::Way::kDropped);
    const bool is_carried = receipt.way == KernelReceipt::Way::kCarried;
    EXPECT_EQ(is_carried, is_known && Fits(frame, *header));
    if (is_known && !is_carried) ++tally_.too_long;
    bool& was_carried = was_carried_[{frame.ingress.value, frame.bytes}];
    if (was_carried && !is_known) ++tally_.ended;
    was_carried = is_carried;
    if (!is_carried) return;
    ASSERT_TRUE(may.has_value()) << "it is the switch's";
    Compare(frame, *header, receipt, *may);
  }

  void Compare(const Conversation& frame, const EthernetHeader& header,
               const KernelReceipt& receipt, const Carriage& may) {
    const PortStatus& egress = rig_->port(may.egress).status();
    EXPECT_EQ(receipt.egress_ifindex, static_cast<uint32_t>(egress.ifindex));
    EXPECT_EQ(receipt.bytes, may.bytes);
    const bool by_host = frame.ingress == kOwn;
    const bool to_host = may.egress == kOwn;
    EXPECT_EQ(receipt.is_direct, header.destination == egress.station && !by_host && !to_host);
    EXPECT_EQ(receipt.comes_in, to_host);
    received_[frame.ingress].Add(frame.bytes.size());
    sent_[may.egress].Add(may.bytes.size());
    ++tally_.carried;
    if (may.bytes.size() > frame.bytes.size()) ++tally_.pushed;
    if (may.bytes.size() < frame.bytes.size()) ++tally_.popped;
    if (header.tag && may.bytes == frame.bytes) ++tally_.tagged;
    if (receipt.is_direct) ++tally_.direct;
    if (by_host) ++tally_.by_host;
    if (to_host) ++tally_.to_host;
    if (frame.gso_size != 0) ++tally_.cut;
  }

  // ---- What is right

  // What the bridge would do with the frame now, where the kernel may do it.
  [[nodiscard]] std::optional<Carriage> MayCarry(const Conversation& frame,
                                                 const EthernetHeader& header) {
    const ForwardingView& view = bridge().view();
    const MacTable& table = bridge().table();
    if (Admit(view, frame.ingress, header)) return std::nullopt;
    const Classification as = view.Classify(frame.ingress, header);
    const Decision decision = Decide(view, table, frame.ingress, as, header, rig_->now());
    if (decision.action != Decision::Action::kForward) return std::nullopt;
    if (Cacheable(view, table, bridge().protocols(), frame.ingress, as, header, decision,
                  rig_->now())
            .obstacle) {
      return std::nullopt;
    }
    for (const PortId port : {frame.ingress, decision.egress}) {
      if (!view.kernel_forwarding().contains(port) || !IsUsable(port)) return std::nullopt;
    }
    if (!Fits(frame, rig_->port(decision.egress).status().mtu, header)) return std::nullopt;
    auto bytes =
        Leaving(frame.bytes, header, as, view.masks(as.vlan).untagged.contains(decision.egress));
    if (!bytes) return std::nullopt;
    return Carriage{.egress = decision.egress, .bytes = *std::move(bytes)};
  }

  [[nodiscard]] bool IsUsable(PortId id) {
    const PortStatus& status = rig_->port(id).status();
    return !removed_.contains(id) && id.value < kInterfaces && status.link_up &&
           status.ifindex != 0 && status.netns == rig_->kernel().netns();
  }

  // The bytes of the frame as they leave; nothing for one whose tags the kernel is not to touch.
  [[nodiscard]] std::optional<Bytes> Leaving(Bytes bytes, const EthernetHeader& header,
                                             Classification as, bool untagged) {
    const ForwardingView& view = bridge().view();
    if (!view.filters_vlans()) return bytes;
    const auto tag = bytes.begin() + kTypeOffset;
    if (header.tag) {
      if (header.tag->protocol != view.vlan_protocol() || header.tag->is_priority_tag()) {
        return std::nullopt;
      }
      if (untagged) bytes.erase(tag, tag + kVlanTagSize);
      return bytes;
    }
    if (untagged) return bytes;
    std::array<std::byte, kVlanTagSize> added{};
    StoreBe16(added.data(), static_cast<uint16_t>(view.vlan_protocol()));
    StoreBe16(&added[2], as.vlan.value);
    bytes.insert(tag, added.begin(), added.end());
    return bytes;
  }

  [[nodiscard]] bool Fits(const Conversation& frame, uint32_t mtu, const EthernetHeader& header) {
    if (frame.gso_size != 0) {
      return mtu >= rig_->port(frame.ingress).status().mtu && frame.gso_size <= mtu;
    }
    return frame.bytes.size() <= mtu + kEthernetHeaderSize + (header.tag ? kVlanTagSize : 0);
  }
  // Without effect where no port is known to have the destination.
  [[nodiscard]] bool Fits(const Conversation& frame, const EthernetHeader& header) {
    const ForwardingView& view = bridge().view();
    const Decision decision = Decide(view, bridge().table(), frame.ingress,
                                     view.Classify(frame.ingress, header), header, rig_->now());
    return Fits(frame, rig_->port(decision.egress).status().mtu, header);
  }

  // ---- Changes

  void Reconfigure() {
    auto ports = random_.Ports();
    for (PortForwarding& port : ports) {
      if (!random_.OneIn(3)) port.state = PortState::kForwarding;
      port.learning = !random_.OneIn(12);
      port.isolated = random_.OneIn(8);
      port.locked = random_.OneIn(16);
      port.kernel_forwarding = !random_.OneIn(12);
      port.impaired_ingress = random_.OneIn(16);
      port.impaired_egress = random_.OneIn(16);
      port.vlans.members.insert({1});
      if (!random_.OneIn(3)) port.vlans.pvid = {1};
      if (!random_.OneIn(3)) port.vlans.exceptions.clear();
    }
    ForgetStations();
    Observers observers{.mirrors = {}, .capturing = random_.OneIn(12)};
    if (random_.OneIn(8)) {
      observers.mirrors.push_back({.ports = PortSet::Of(random_.Port()),
                                   .vlans = {},
                                   .egress = random_.OneIn(2),
                                   .destination = {5}});
    }
    BridgeForwarding bridge_settings = random_.Bridge();
    if (!random_.OneIn(3)) bridge_settings.vlan_protocol = EtherType::kVlan;
    bridge().SetView(ForwardingView(ports, bridge_settings, observers));
    rig_->flows().Follow();
  }

  void Change() {
    switch (random_.Below(10)) {
      case 0:
        ChangePort(random_.Port());
        break;
      case 1:
        ExchangeInterfaces();
        break;
      case 2:
        RemoveOrAdd(random_.Port());
        break;
      case 3:
        if (random_.OneIn(4)) HandOver();
        break;
      case 4:
        listener_.wants = !listener_.wants && random_.OneIn(4);
        bridge().TellProtocols();
        break;
      case 5:
        bridge().SetGate(random_.Port(),
                         {.state = random_.OneIn(2) ? PortState::kForwarding
                                                    : static_cast<PortState>(random_.Below(5)),
                          .is_shut_down = random_.OneIn(8)});
        break;
      case 6:
        rig_->Pass(Ticks{random_.Below(random_.OneIn(3) ? 600 : 100)});
        break;
      default:
        ChangeTable();
    }
    rig_->flows().Follow();
  }

  // Those that were set by hand would be more and more.
  void ForgetStations() {
    for (uint64_t i = 0; i < 24; ++i) {
      const MacAddress station = MacAddress::FromNumber(0x020000000000 + i);
      for (const uint16_t vlan : std::array<uint16_t, 6>{0, 1, 2, 3, 4094, kAnyVlan.value}) {
        bridge().table().Erase({vlan}, station);
      }
    }
  }

  void ChangeTable() {
    MacTable& table = bridge().table();
    MacEntry entry = random_.Entry();
    switch (random_.Below(12)) {
      case 0:
        return static_cast<void>(table.Set(entry, rig_->now()));
      case 1:
        entry.state = MacEntryState::kStatic;
        if (entry.port != kBridgePort) static_cast<void>(table.Append(entry, rig_->now()));
        return;
      case 2:
        return static_cast<void>(table.Erase(entry.vlan, entry.address));
      case 3:
        return static_cast<void>(table.Erase(entry.vlan, entry.address, entry.port));
      case 4:
        return table.FlushVlan(entry.vlan);
      case 5:
        return table.FlushPort(random_.Port());
      case 6:
        if (random_.OneIn(4)) table.FlushAll();
        return;
      case 7:
        return table.Hold(entry.vlan, entry.address);
      case 8:
        return static_cast<void>(table.ReleaseHold(entry.vlan, entry.address));
      case 9:
        return table.set_ageing(Ticks{random_.OneIn(3) ? 50U + random_.Below(450) : 500U});
      case 10:
        return static_cast<void>(table.Sweep(1 + random_.Below(table.slots()), rig_->now()));
      default:
        return table.set_max_learned(
            random_.Port(), random_.OneIn(4) ? static_cast<uint32_t>(random_.Below(9)) : 0);
    }
  }

  // Of the status that the kernel tells.
  void ChangePort(PortId id) {
    OffloadPort& port = rig_->port(id);
    switch (random_.Below(5)) {
      case 0:
        port.status().link_up = !random_.OneIn(5);
        break;
      case 1:
        port.status().mtu = kMtus[random_.Below(kMtus.size())];
        break;
      case 2:
        port.status().station = random_.OneIn(3) ? MacAddress{} : StationBehind(id);
        break;
      case 3:
        // The interface is somewhere else for a while.
        port.status().netns = random_.OneIn(5) ? NetnsId{1} : rig_->kernel().netns();
        break;
      default:
        if (id.value < kInterfaces) rig_->Sit(port);
    }
    Offer(id);
  }

  [[nodiscard]] MacAddress StationBehind(PortId id) {
    MacAddress station = random_.StationAddress();
    while (station.number() % kPorts != id.value) station = random_.StationAddress();
    return station;
  }

  void Offer(PortId id) {
    if (removed_.contains(id) || id.value >= kInterfaces) return;
    rig_->flows().SetPort(rig_->port(id));
  }

  void ExchangeInterfaces() {
    const PortId a{static_cast<uint16_t>(random_.Below(kInterfaces))};
    const PortId b{static_cast<uint16_t>(random_.Below(kInterfaces))};
    if (a == b) return;
    std::swap(rig_->port(a).status().ifindex, rig_->port(b).status().ifindex);
    for (const PortId id : {a, b}) {
      rig_->Sit(rig_->port(id));
      Offer(id);
    }
  }

  void RemoveOrAdd(PortId id) {
    if (removed_.contains(id)) {
      removed_.erase(id);
      Offer(id);
    } else if (random_.OneIn(4)) {
      removed_.insert(id);
      rig_->flows().RemovePort(id);
    }
  }

  // To another process, which does not take it.
  void HandOver() {
    rig_->flows().Suspend();
    if (random_.OneIn(2)) {
      while (!rig_->flows().RemoveSome(5)) {
      }
    }
    for (const Conversation& conversation : conversations_) Send(conversation);
    rig_->flows().Resume();
    for (uint16_t id = 0; id < kPorts; ++id) Offer({id});
  }

  RandomTraffic random_;
  RandomConversations random_conversations_{random_};
  std::unique_ptr<FlowRig> rig_;
  PacketListener listener_;
  PortSet removed_;  // ports that the offload does not know
  std::vector<Conversation> conversations_;
  std::map<std::pair<uint16_t, Bytes>, bool> was_carried_;
  std::map<PortId, FrameCounter> received_;
  std::map<PortId, FrameCounter> sent_;
  Tally& tally_;
};

// Returns the ifindexes of both ends of pairs, one for each port.
std::vector<int> MakeInterfaces(const NetnsSandbox& sandbox) {
  std::vector<int> ifindexes;
  for (int pair = 0; pair < kPorts / 2; ++pair) {
    const std::string number = std::to_string(pair);
    sandbox.Run("ip link add a" + number + " type veth peer name b" + number);
    for (const char* end : {"a", "b"}) {
      ifindexes.push_back(static_cast<int>(if_nametoindex((end + number).c_str())));
    }
  }
  return ifindexes;
}

TEST(KernelProgramsPropertyTest, TheKernelDoesWhatTheBridgeDecidesOrNothing) {
  if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
  Tally tally;
  for (const uint64_t seed :
       {uint64_t{std::random_device()()}, uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{4}}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::printf("seed %lu\n", seed);
    const NetnsSandbox sandbox;
    auto rig = FlowRig::Make({.capacity = 40, .ageing = {500}, .salt = seed});
    if (!rig.ok()) GTEST_SKIP() << rig.status().ToString();
    CarriedTraffic traffic(seed, *std::move(rig), MakeInterfaces(sandbox), tally);
    for (int step = 0; step < 3000 && !HasFailure(); ++step) traffic.Step();
    if (HasFailure()) return;
    traffic.CheckCounters();
  }
  std::printf(
      "%lu carried: %lu get a tag, %lu lose theirs, %lu keep it, %lu direct, %lu by and %lu to the "
      "host, %lu to be cut; "
      "%lu too long, %lu ended\n",
      tally.carried, tally.pushed, tally.popped, tally.tagged, tally.direct, tally.by_host,
      tally.to_host, tally.cut, tally.too_long, tally.ended);
  EXPECT_GT(tally.carried, 1200U);
  for (const uint64_t kind : {tally.pushed, tally.popped, tally.tagged, tally.direct, tally.by_host,
                              tally.to_host, tally.cut, tally.too_long, tally.ended}) {
    EXPECT_GT(kind, 10U) << "the traffic should have led to each of them";
  }
}

}  // namespace
}  // namespace tapswitch::kernel_programs_property_test
