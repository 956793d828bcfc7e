// The bridge: the stages a frame goes through, in order, and the tables they use.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "switch/forwarding/egress/egress_lists.h"
#include "switch/forwarding/egress/originated_frames.h"
#include "switch/forwarding/egress/repeated_decision.h"
#include "switch/forwarding/fdb/change_journal.h"
#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/guards/port_guards.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/protocol.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/view/vlan_counters.h"

namespace tapswitch {

// A PreparedView holds a view and the changes that come with it.
struct PreparedView {
  ForwardingView view;
  VlanCounterChange counters;
};

// The generations that a known unicast decision depends on besides time: that of the view, and
// those of the two ports. A port's generation covers its gate and the stations behind it. If two
// DecisionGenerations are equal, none of it has changed in between.
//
// Contract: a decision of (ingress, VLAN, source, destination) that was Cacheable (cacheable.h)
// when these were read is Decide's, and stays Cacheable, as long as these stand and the time that
// Cacheable gave has not come. It is about frames whose type no protocol may want
// (Protocols::may_want). A change of a third port, and of stations behind one, leaves these alone.
struct DecisionGenerations {
  uint64_t view = 0;
  uint64_t ingress = 0;
  uint64_t egress = 0;

  bool operator==(const DecisionGenerations&) const = default;
};

class Bridge final : private ProtocolEffects {
 public:
  explicit Bridge(const MacTable::Options& table);
  ~Bridge() override = default;
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // Prepares a view for SwapView. Another thread than the one that forwards may call this, as long
  // as no view is swapped meanwhile.
  [[nodiscard]] PreparedView Prepare(ForwardingView view) const;

  // Puts the view that was prepared last in place, and hands out the one before; the gates stay as
  // they are. To be called between batches. The time is that of what differs in memberships; memory
  // is neither allocated nor freed.
  void SwapView(PreparedView& prepared);

  // Does both at once, and TellProtocols, and sets the gates to the states that are wanted of the
  // ports.
  void SetView(ForwardingView view);

  // Changes the gate of one port; to be called between batches. Protocols may narrow it.
  void SetGate(PortId port, PortGate gate);
  // Puts all ports into the state, as protocols do, and each that was closed or is new.
  void SetInitialState(PortState state);
  // Puts a port into the state that a protocol of another process had it in.
  void RestoreState(PortId port, PortState state) { SetState(port, state); }
  // In effect.
  [[nodiscard]] PortState state(PortId port) const {
    return Narrower(own_gates_[port.value].state, protocol_states_[port.value]);
  }
  // Whether protocols have changed a gate or asked for a turn, until the primary has seen to it.
  [[nodiscard]] bool wants_turn() const { return wants_turn_ || protocol_gates_changed_; }
  // Whether protocols have changed a gate since the last call.
  [[nodiscard]] bool TakeProtocolGates() {
    wants_turn_ = false;
    return std::exchange(protocol_gates_changed_, false);
  }

  // Grows whenever a view takes the place of another, and whenever protocols want to see other
  // frames. A gate that changes counts on its port alone, so that one whose link flaps makes nobody
  // decide anew who has nothing to do with it; but that of a mirror's destination is everybody's
  // business.
  [[nodiscard]] uint64_t view_generation() const { return view_generation_; }
  // Grows with each change of the port's gate, and with each change that the table counts on it.
  [[nodiscard]] uint64_t generation(PortId port) const {
    return gate_generations_[port.value] + table_.generation(port);
  }
  [[nodiscard]] DecisionGenerations GenerationsOf(PortId ingress, PortId egress) const {
    return {view_generation_, generation(ingress), generation(egress)};
  }

  // Decides each frame in arrival order and appends the copies to `egress`. The outcome does not
  // depend on where a batch begins or ends. Ports of the frames and of the view have been added to
  // `egress`. `frames` has at most FrameBatch::kCapacity elements.
  //
  // Counts `forwarded`, the ingress drops and what was learned, in `counters` (by port, kMaxPorts
  // of them); who receives and who sends counts the rest.
  void Process(std::span<const Frame> frames, Tick now, EgressLists& egress,
               std::span<PortCounters> counters);

  // Processes frames for a caller that is alone with the bridge, and counts in counters().
  void Process(std::span<const Frame> frames, Tick now, EgressLists& egress) {
    Process(frames, now, egress, counters_);
  }

  [[nodiscard]] MacTable& table() { return table_; }
  [[nodiscard]] const MacTable& table() const { return table_; }
  // The table of multicast groups. It is off until a protocol snoops.
  [[nodiscard]] MulticastTable& groups() { return groups_; }
  [[nodiscard]] const MulticastTable& groups() const { return groups_; }
  // The journal of changes of the table, of gates and of the view. It is always written, so that
  // readers may come and go.
  [[nodiscard]] ChangeJournal& journal() { return journal_; }
  [[nodiscard]] const ChangeJournal& journal() const { return journal_; }
  // The guards of ports. The driver of the bridge carries out what it finds there after each batch.
  [[nodiscard]] PortGuards& port_guards() { return port_guards_; }
  [[nodiscard]] const ForwardingView& view() const { return view_; }

  // The protocols that it takes part in. What is registered is told of ports from TellProtocols on.
  [[nodiscard]] Protocols& protocols() { return protocols_; }
  [[nodiscard]] const Protocols& protocols() const { return protocols_; }
  // Tells protocols of the view and its gates, when these have changed, and hears what they want to
  // see.
  void TellProtocols();
  // Has protocols do what is due. What they originate goes to `originated`.
  void TickProtocols(Tick now, OriginatedFrames& originated);

  [[nodiscard]] PortCounters& counters(PortId port) { return counters_[port.value]; }

  // Counted while VLANs are filtered.
  [[nodiscard]] const VlanCounterTable& vlan_counters() const { return vlan_counters_; }
  [[nodiscard]] VlanCounterTable& vlan_counters() { return vlan_counters_; }

 private:
  void SetState(PortId port, PortState state) override;
  void Flush(PortId port) override { table_.FlushPort(port); }
  void Wake() override { wants_turn_ = true; }
  void ApplyGate(PortId port);
  std::optional<DropReason> ProcessFrame(const Frame& frame, uint16_t index, Tick now,
                                         PortCounters& counters, EgressLists& egress,
                                         RepeatedDecision* repeated);
  void Repeat(const RepeatedDecision& decision, const Frame& frame, uint16_t index,
              EgressLists& egress);
  void SendBy(PortId port, const Frame& frame, uint16_t index, VlanId vlan, const TagEdits& edits,
              EgressLists& egress);
  [[gnu::noinline]] std::optional<DropReason> Flood(const Frame& frame, EthernetHeader header,
                                                    uint16_t index, Classification as,
                                                    PortSet ports, Tick now, PortCounters& counters,
                                                    EgressLists& egress);
  // The functions for few frames are out of line, and get a copy of the header. So nobody takes the
  // address of the header that forwarding holds in registers.
  [[gnu::noinline]] DropReason Refuse(const Frame& frame, EthernetHeader header, DropReason reason,
                                      Tick now);
  [[gnu::noinline]] std::optional<DropReason> Screen(const Frame& frame, EthernetHeader header,
                                                     Classification as, Tick now,
                                                     PortCounters& counters);
  [[gnu::noinline]] std::optional<DropReason> OnLearned(const Frame& frame, EthernetHeader header,
                                                        Classification as, LearnResult result,
                                                        Tick now, PortCounters& counters);
  [[gnu::noinline]] std::optional<DropReason> CheckFlood(const Frame& frame, EthernetHeader header,
                                                         Classification as, Tick now,
                                                         PortCounters& counters);
  [[gnu::noinline]] std::optional<DropReason> ShowReserved(const Frame& frame,
                                                           EthernetHeader header, Tick now);
  // Sends each host of a group a copy of its own, behind those of `ports` that want it so. Returns
  // these ports.
  [[gnu::noinline]] PortSet SendToHosts(const Frame& frame, EthernetHeader header, uint16_t index,
                                        Classification as, const PortSet& ports, Tick now,
                                        EgressLists& egress);
  bool SendToHostsOf(const GroupMember& member, const Frame& frame, EthernetHeader header,
                     EgressFrame copy, VlanId vlan, Tick now, EgressLists& egress);
  [[gnu::noinline]] void NoteUnwanted(const Frame& frame, EthernetHeader header, Classification as,
                                      Tick now);
  bool Show(Protocols::Bits who, const ParsedFrame& frame, Tick now);
  void Prefetch(const Frame& frame) const;

  ChangeJournal journal_;
  MacTable table_;
  MulticastTable groups_;
  ForwardingView view_;
  uint64_t view_generation_ = 0;
  std::vector<uint64_t> gate_generations_;  // by port
  std::vector<PortGate> own_gates_;         // by port, without what protocols say
  std::vector<PortState> protocol_states_;  // by port
  PortState initial_state_ = PortState::kForwarding;
  bool protocol_gates_changed_ = false;
  bool wants_turn_ = false;
  PortGuards port_guards_;
  Protocols protocols_;
  ProtocolVerdict verdict_;                 // of the frame at hand, if it was screened
  OriginatedFrames* originated_ = nullptr;  // of the batch at hand
  std::vector<PortCounters> counters_;      // by port
  VlanCounterTable vlan_counters_;
};

}  // namespace tapswitch
