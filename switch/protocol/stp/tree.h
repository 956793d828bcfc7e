// The spanning tree of one bridge: the state machines of IEEE 802.1D-2004, clause 17, which agree
// with the neighbours on who forwards. Each machine is a small function in a file that names its
// clause. Time and messages come in, states, flushes and messages go out; there is no clock and no
// socket.
//
//   file                  machines
//   receive               Port Receive (17.23), and the checks before it
//   migration             Port Protocol Migration (17.24), Bridge Detection (17.25)
//   transmit              Port Transmit (17.26)
//   information           Port Information (17.27)
//   role_selection        Port Role Selection (17.28)
//   role_transition       Port Role Transitions (17.29)
//   topology              Port State Transition (17.30), Topology Change (17.31)
//
// An event runs all machines until none has anything to do; only then are messages sent, so what
// they say is already so.
//
// Beyond the standard: guards (SpanningTreePort), a port that hears itself discards, and after a
// stall of the process what neighbours have said is not older than before.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "switch/forwarding/gate_masks.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/view/spanning_tree_port.h"
#include "switch/protocol/stp/bpdu.h"
#include "switch/protocol/stp/priority_vector.h"
#include "switch/protocol/stp/settings.h"
#include "switch/protocol/stp/tree_port.h"

namespace tapswitch::stp {

// The event that has set the machines going.
struct Cause {
  enum class Kind : uint8_t {
    kConfigured,  // somebody has changed a setting
    kLinkUp,
    kLinkDown,
    kHeard,  // a BPDU that says `priority`
    kAged,   // nothing was heard for too long
    kTimer,
  };

  Kind kind = Kind::kConfigured;
  PortId port;
  PriorityVector priority;

  bool operator==(const Cause&) const = default;
};

struct Event {
  enum class Kind : uint8_t {
    kPort,            // role or state have changed
    kTopologyChange,  // detected or heard on the port
    kBpduGuard,       // a BPDU was heard where none may be
    kRootGuard,       // a superior root was heard where none may be
    kLoopGuard,       // the neighbour has fallen silent
    kLoopedBack,      // it hears itself
    kDispute,         // its neighbour does not hear it
  };

  Kind kind = Kind::kPort;
  PortId port;
  Role from_role = Role::kDisabled;
  Role role = Role::kDisabled;
  PortState from_state = PortState::kBlocking;
  PortState state = PortState::kBlocking;
  Cause cause;

  bool operator==(const Event&) const = default;
};

// The receiver of the effects of a tree. They take place at once.
class TreeEffects {
 public:
  virtual ~TreeEffects() = default;

  virtual void SetState(PortId port, PortState state) = 0;
  // Addresses that were learned behind the port are to be forgotten.
  virtual void Flush(PortId port) = 0;
  // False: there is no room, and it has to be sent later.
  [[nodiscard]] virtual bool Send(PortId port, std::span<const std::byte> frame) = 0;
  virtual void Tell(const Event& event) = 0;
};

class Tree {
 public:
  // BPDUs of a port that are looked at in a second; a bridge sends ten at most.
  static constexpr uint32_t kMostPerSecond = 100;

  Tree() : ports_(kMaxPorts) {}

  // ---- Settings. They take effect with the next call of Run.

  void Configure(const SpanningTreeSettings& settings, MacAddress address, Tick now);
  // Adds the port or changes its settings.
  void SetPort(PortId id, const SpanningTreePort& settings, Tick now);
  void RemovePort(PortId id, Tick now);
  // Whether frames pass the port's link at all. One that becomes disabled or enabled is new, and
  // discards; the receiver of effects is not told of that.
  void SetEnabled(PortId id, bool enabled, Tick now);
  // Asks the neighbour anew whether it speaks RSTP (17.19.13). Without effect on a port that is not
  // there.
  void CheckMigration(PortId id, Tick now);

  // ---- Events.

  // `payload` is what follows the length field of a frame to kBridgeGroup, which says `length`.
  // False: nothing came of it.
  bool Receive(PortId id, std::span<const std::byte> payload, size_t length, Tick now,
               TreeEffects& effects);
  // Runs what is due by now.
  void Run(Tick now, TreeEffects& effects);
  // Whether Run has something to do, or when.
  [[nodiscard]] std::optional<Tick> next_deadline() const;

  // ---- What it shows.

  [[nodiscard]] Tick now() const { return now_; }  // the last that it was told
  [[nodiscard]] const TreePort& port(PortId id) const { return ports_[id.value]; }
  [[nodiscard]] const PortSet& ports() const { return there_; }
  [[nodiscard]] const BridgeIdentifier& identifier() const { return identifier_; }
  // 17.18.6, with the cost from here.
  [[nodiscard]] const PriorityVector& root_priority() const { return root_priority_; }
  [[nodiscard]] const Times& root_times() const { return root_times_; }
  [[nodiscard]] std::optional<PortId> root_port() const { return root_port_; }
  [[nodiscard]] const SpanningTreeSettings& settings() const { return settings_; }
  [[nodiscard]] uint32_t path_cost(PortId id) const;

  struct TopologyChanges {
    uint64_t count = 0;
    Tick last;
    std::array<std::optional<PortId>, 2> ports;  // that caused it, the last first

    bool operator==(const TopologyChanges&) const = default;
  };
  [[nodiscard]] const TopologyChanges& topology_changes() const { return topology_changes_; }
  // Returns the state that the receiver of effects was told last, or will be by Run.
  [[nodiscard]] PortState state(PortId id) const;

  // ---- Going on in another process.

  struct Memory {
    Tick now;
    TopologyChanges changes;
    std::vector<TreePort> ports;

    bool operator==(const Memory&) const = default;
  };
  [[nodiscard]] Memory Remember() const;
  // Goes on where another tree was, on those of its ports that are there. Settings, identifiers and
  // what follows from them stay those of this one. The receiver of effects is told nothing: the
  // ports are in the states that `state` tells.
  void Restore(const Memory& memory);

 private:
  TreePort& at(PortId id) { return ports_[id.value]; }
  [[nodiscard]] bool runs(Tick timer) const { return timer > now_; }
  void Touch(PortId id) { dirty_.insert(id); }
  void TouchAll() { dirty_ |= there_; }
  void Reset(TreePort& port) const;
  void Reselect(TreePort& port);

  // Each makes one step and returns true, or has none to make.
  [[nodiscard]] bool StepMigration(TreePort& port);
  [[nodiscard]] bool StepBridgeDetection(TreePort& port);
  [[nodiscard]] bool StepInformation(TreePort& port);
  [[nodiscard]] bool StepRoleTransition(TreePort& port);
  [[nodiscard]] bool StepStateTransition(TreePort& port);
  [[nodiscard]] bool StepTopologyChange(TreePort& port);

  // receive
  void Hear(TreePort& port, const Bpdu& bpdu);
  [[nodiscard]] bool Admit(TreePort& port);
  static void CountReceived(TreePort& port, Bpdu::Kind kind);
  void HearOfOwn(const Bpdu& bpdu);
  void TakeMessage(TreePort& port, const Bpdu& bpdu);

  // information
  void DisableInformation(TreePort& port);
  void UpdateInformation(TreePort& port);
  void NoteNews(TreePort& port);
  void AgeInformation(TreePort& port);
  void ReceiveInformation(TreePort& port);
  void RecordSuperior(TreePort& port);
  static void RecordProposal(TreePort& port);
  void RecordAgreement(TreePort& port);
  void RecordDispute(TreePort& port);
  static void AnswerInferior(TreePort& port);
  static void SetTcFlags(TreePort& port);
  void UpdateReceivedInfoWhile(TreePort& port);

  // role selection
  void SelectRoles();
  void SelectRoot();
  void SelectRole(TreePort& port);

  // role transition
  [[nodiscard]] bool StepDisabledRole(TreePort& port);
  [[nodiscard]] bool StepRootRole(TreePort& port);
  [[nodiscard]] bool StepRootAgreement(TreePort& port);
  [[nodiscard]] bool StepRootState(TreePort& port);
  [[nodiscard]] bool StepDesignatedRole(TreePort& port);
  [[nodiscard]] bool StepProposal(TreePort& port);
  [[nodiscard]] bool StepDesignatedSync(TreePort& port);
  [[nodiscard]] bool StepDesignatedState(TreePort& port);
  [[nodiscard]] bool StepBlockedRole(TreePort& port);
  [[nodiscard]] bool EnterRole(TreePort& port);
  void Release(TreePort& port);
  [[nodiscard]] bool AllSynced() const;
  [[nodiscard]] bool ReRooted(const TreePort& port) const;
  void SetSyncTree();
  [[nodiscard]] bool AskToSync(const TreePort& port);
  void SetReRootTree();
  [[nodiscard]] static Ticks ForwardDelayOf(const TreePort& port);

  // topology
  [[nodiscard]] bool StepActiveTopology(TreePort& port);
  void StartTcWhile(TreePort& port);
  void SetTcPropTree(const TreePort& port);
  void NoteTopologyChange(TreePort& port);

  // transmit
  void Transmit(TreePort& port);
  [[nodiscard]] std::optional<Bpdu> NextMessage(TreePort& port) const;
  static void CountSent(TreePort& port, Bpdu::Kind kind);

  void RunMachines();
  void RunPort(PortId id);
  void TellChanges(TreePort& port);
  void Tell(Event::Kind kind, PortId port);
  void ForgiveStall();
  [[nodiscard]] std::optional<Tick> DeadlineOf(const TreePort& port) const;
  void ExpectDeadlineOf(const TreePort& port);

  SpanningTreeSettings settings_;
  BridgeIdentifier identifier_;
  Times bridge_times_;
  PriorityVector root_priority_;
  Times root_times_;
  std::optional<PortId> root_port_;
  TopologyChanges topology_changes_;

  std::vector<TreePort> ports_;  // by id
  PortSet there_;
  PortSet dirty_;  // those whose machines may have a step to make
  bool reselect_ = false;
  Cause cause_;
  Tick now_;
  std::optional<Tick> next_;        // when a timer runs out, at the earliest
  TreeEffects* effects_ = nullptr;  // of the call under way
};

}  // namespace tapswitch::stp
