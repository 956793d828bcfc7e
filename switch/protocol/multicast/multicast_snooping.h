// Multicast snooping: IGMP and MLD are read, so that frames to a group go only where somebody wants
// them, and to multicast routers (RFC 4541); and the bridge itself may ask who wants what.
//
// It fails safe: nothing is withheld in a VLAN whose hosts nobody asks, neighbour discovery only
// from ports all of whose stations answer MLD, nothing at all from a port whose memberships found
// no room. group_decision.h has the rules of the data path. A port that comes up, or into a VLAN,
// is asked at once where the bridge is who asks, and flooded to until its hosts have had the time
// to answer.
//
// Reports go to routers alone, once the bridge itself or somebody else asks: hosts must not hear
// those of others, and be silent for it. Queries and malformed messages are forwarded as any frame.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/protocol.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/protocol/multicast/memberships.h"
#include "switch/protocol/multicast/mld_witnesses.h"
#include "switch/protocol/multicast/multicast_settings.h"
#include "switch/protocol/multicast/snooped_context.h"
#include "switch/protocol/multicast/snooping_memory.h"

namespace tapswitch {

// The state of one VLAN and family, for people.
struct SnoopedStatus {
  VlanId vlan;
  bool is_v4 = true;
  bool is_active = false;
  bool asks = false;
  uint8_t version = 0;  // that the bridge speaks
  IpAddress own;        // the source of the bridge's queries
  HeardQuerier other;
  HeardQuerier rival;
  PortSet routers;
  std::vector<RouterPorts::Heard> heard_routers;
};

class MulticastSnooping final : public Protocol {
 public:
  using Counters = SnoopingCounters;

  // `table` outlives this.
  explicit MulticastSnooping(MulticastTable& table) : table_(table), memberships_(table) {}

  // The source of the bridge's queries; to be called before the first one.
  void SetAddress(MacAddress address) { address_ = address; }

  // Takes effect at once. The ports have to be told again (Bridge::TellProtocols).
  void Configure(const MulticastSettings& settings, Tick now);
  [[nodiscard]] const MulticastSettings& settings() const { return settings_; }

  // Hosts may have moved, as the topology has changed: asks again, and floods until they have
  // answered.
  void AskAgain(Tick now);

  [[nodiscard]] ProtocolInterests interests() const override;
  ProtocolVerdict See(const ParsedFrame& frame, ProtocolContext& context) override;
  void OnTick(ProtocolContext& context) override;
  [[nodiscard]] std::optional<Tick> next_deadline() const override;
  void OnPorts(const ForwardingView& view) override;

  // By VLAN, IPv4 first.
  [[nodiscard]] std::vector<SnoopedStatus> Status(Tick now) const;
  // Ports with stations that have answered no query of MLD, which neighbour discovery is flooded
  // to.
  [[nodiscard]] const PortSet& deaf() const { return deaf_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const Memberships::Counters& memberships() const { return memberships_.counters(); }

  // Returns all that another process goes on with, besides the groups, which are the table's.
  [[nodiscard]] SnoopingMemory Remember() const;
  // Precondition: it has been configured and told of its ports, which are closed.
  void Restore(const SnoopingMemory& memory, Tick now);

 private:
  struct Key {
    VlanId vlan;
    bool is_v4 = true;

    // IPv4 comes first.
    bool operator<(const Key& other) const {
      return vlan == other.vlan ? is_v4 && !other.is_v4 : vlan < other.vlan;
    }
  };
  struct VlanPorts {
    PortSet members;
    PortSet routers;  // set by hand
    PortSet never;    // that are no routers, whatever is heard
    PortSet fast_leave;
  };

  void Count(const GroupMessage& message);
  void OnQuery(const GroupMessage& message, const ParsedFrame& frame, SnoopedContext& found,
               Tick now);
  ProtocolVerdict OnReport(const GroupMessage& message, const ParsedFrame& frame,
                           SnoopedContext& found, ProtocolContext& context);
  [[nodiscard]] static FilterTimers TimersOf(const SnoopedContext& found, Tick now);
  [[nodiscard]] SnoopedContext* Find(VlanId vlan, bool is_v4);

  [[nodiscard]] bool SnoopIn(VlanId vlan, const ForwardingView& view);
  [[nodiscard]] bool StopIn(VlanId vlan);
  [[nodiscard]] SnoopingMemory::Port RememberPort(PortId id) const;
  void RestorePort(const SnoopingMemory::Port& port, Tick now);
  void RestoreContext(const SnoopingMemory::Context& context, Tick now);
  void ForgetPorts(const PortSet& ports);
  void ForgetStrangers();
  void UpdateRouters(VlanId vlan);
  void UpdateActive(const Key& key, const SnoopedContext& found, Tick now);
  [[nodiscard]] IpAddress OwnSource(bool is_v4) const;

  void AskFresh(ProtocolContext& context);
  void EndFlooding(Tick now);
  void DriveMemberships(ProtocolContext& context);
  void DriveContexts(ProtocolContext& context);
  void Drive(const Key& key, SnoopedContext& found, ProtocolContext& context);
  [[nodiscard]] bool SendQuery(const Key& key, const SnoopedContext& found, const PortSet& ports,
                               IpAddress group, std::span<const IpAddress> sources,
                               ProtocolContext& context);
  void SendAsks(const GroupKey& key, PortId port, const DueAsks& asks, ProtocolContext& context);
  void ProvePorts(ProtocolContext& context);
  void CheckAnswers(VlanId vlan, Ticks response, ProtocolContext& context);
  void Reschedule(Tick now);

  MulticastTable& table_;
  Memberships memberships_;
  MldWitnesses witnesses_;
  MacAddress address_{};
  MulticastSettings settings_;
  std::map<Key, SnoopedContext> contexts_;
  std::map<VlanId, VlanPorts> vlan_ports_;
  PortSet forwarding_;  // as OnPorts was told last
  PortSet fresh_;       // ports that have come up, or into a VLAN, and are to be asked
  PortSet unasked_;     // those that were asked: flooded to until unasked_until_
  std::vector<Tick> unasked_until_ = std::vector<Tick>(kMaxPorts);  // by port
  PortSet deaf_;
  // Queries that a port has not answered, and when the last of them was counted.
  struct Unanswered {
    uint8_t queries = 0;
    Tick counted;
  };
  std::vector<Unanswered> unanswered_ = std::vector<Unanswered>(kMaxPorts);  // by port
  Counters counters_;
  std::optional<Tick> next_;  // of contexts_
  Tick next_proof_;
};

}  // namespace tapswitch
