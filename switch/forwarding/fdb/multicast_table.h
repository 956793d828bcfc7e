// Which ports want frames of which group in which VLAN, from which source (the MDB of bridge(8)),
// and which lead to multicast routers. Decide (decision.h) asks it for frames to group addresses.
//
// It is bounded: by `most_groups`, which counts groups and sources as Linux does (mcast_hash_max),
// by 16 times as many entries of ports, by the limits of ports, and in fairness: reports of a port
// add entries only while it has fewer than there is room for in the whole table. So a port that
// joins without end leaves half of the room to the others, whoever comes first, and nothing is ever
// evicted. A port that was refused for want of room is flooded to for a while (`SetCrowded`).
//
// Timers are deadlines. Who drives the table visits what is due.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "switch/forwarding/fdb/group_address.h"
#include "switch/forwarding/fdb/multicast_group.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"

namespace tapswitch {

// The data path's view of one family in one VLAN that is snooped.
struct SnoopedFamily {
  // Whether hosts are asked who wants what, and have had the time to answer. Otherwise everything
  // is flooded.
  bool is_active = false;
  PortSet routers;  // that lead to multicast routers
};

struct SnoopedVlan {
  SnoopedFamily v4;
  SnoopedFamily v6;

  [[nodiscard]] SnoopedFamily& family(bool is_v4) { return is_v4 ? v4 : v6; }
  [[nodiscard]] const SnoopedFamily& family(bool is_v4) const { return is_v4 ? v4 : v6; }
};

// An entry that has come or gone, for those who watch.
struct GroupChange {
  bool added = false;
  bool permanent = false;
  GroupKey key;
  PortId port;       // kBridgePort: the bridge itself
  IpAddress source;  // default: the entry of the group itself

  bool operator==(const GroupChange&) const = default;
};

// A sender whose frames nobody wants, as seen last.
struct UnwantedSender {
  GroupKey key;
  IpAddress source;
  PortId port;
  Tick last_seen;
};

class MulticastTable {
 public:
  static constexpr uint32_t kDefaultGroups = 4096;
  static constexpr uint32_t kMostGroups = 65536;  // that most_groups may be
  static constexpr size_t kRowsPerGroup = 16;
  static constexpr size_t kMostChanges = 4096;  // that wait to be taken
  static constexpr size_t kMostUnwanted = 32;   // senders that are kept

  enum class Refusal : uint8_t { kNone, kPortLimit, kVlanLimit, kFull, kUnfair };

  // `salt` is random in production, and fixed in tests.
  explicit MulticastTable(uint64_t salt) : groups_(0, GroupKeyHash{.salt = salt}) {}

  // ---- The data path.

  // Without effect on frames while it is off.
  [[nodiscard]] bool is_on() const { return !vlans_.empty(); }
  // Null: the VLAN is not snooped.
  [[nodiscard]] const SnoopedVlan* vlan(VlanId id) const { return vlans_[id.value].get(); }
  // Null: nothing is known of the group.
  [[nodiscard]] const MulticastGroup* Find(const GroupKey& key) const;
  // Whether groups that nothing is known of are flooded; otherwise they go to routers alone.
  [[nodiscard]] bool floods_unregistered() const { return floods_unregistered_; }
  // Ports that all multicasts are flooded to: those of `crowded`, and those that have come up, and
  // whose hosts have not had the time to answer.
  [[nodiscard]] const PortSet& flooded() const { return flooded_; }
  // Ports whose entries were refused for want of room.
  [[nodiscard]] const PortSet& crowded() const { return crowded_; }
  // Ports all of whose stations were found to answer MLD, while the stations behind it were those
  // of the stamp `proven_at(port)` (StationsStamp, group_decision.h).
  [[nodiscard]] const PortSet& proven() const { return proven_; }
  [[nodiscard]] uint64_t proven_at(PortId port) const { return proven_at_[port.value]; }

  // Ports where each host that has joined a group gets a copy of its own (mcast_to_unicast).
  [[nodiscard]] const PortSet& to_unicast() const { return to_unicast_; }

  // Notes a frame that nobody wanted. Of senders a few are kept, those that were seen last.
  void NoteUnwanted(const UnwantedSender& sender);
  [[nodiscard]] const std::vector<UnwantedSender>& unwanted() const { return unwanted_; }

  // ---- Settings and state, for who drives it.

  // Switching it off forgets all entries but those of users.
  void SetOn(bool is_on);
  // Snoops in a VLAN, or not any more. Precondition: is_on().
  SnoopedVlan& Snoop(VlanId id);
  void Unsnoop(VlanId id) { vlans_[id.value].reset(); }
  void set_floods_unregistered(bool floods) { floods_unregistered_ = floods; }
  void SetProven(PortId port, std::optional<uint64_t> stamp);
  void SetCrowded(PortId port, bool is_crowded);
  void SetUnasked(const PortSet& ports);
  // Ports whose hosts each get a copy of their own.
  void set_to_unicast(const PortSet& ports) { to_unicast_ = ports; }

  // The limits: of groups and sources, of entries of a port, and of a port in a VLAN; 0: none.
  void set_most_groups(uint32_t most) { most_groups_ = most; }
  void SetMostRows(PortId port, uint32_t most) { most_rows_[port.value] = most; }
  void SetMostRows(PortId port, VlanId vlan, uint32_t most);

  // ---- Entries.

  // The number of entries that a change may add.
  class Budget {
   public:
    // False when there is no room for one more.
    [[nodiscard]] bool Take() {
      if (left_ == 0) {
        is_exceeded_ = true;
        return false;
      }
      --left_;
      return true;
    }
    [[nodiscard]] bool is_exceeded() const { return is_exceeded_; }

   private:
    friend class MulticastTable;
    Budget(size_t left, Refusal refusal) : left_(left), refusal_(refusal) {}

    size_t left_;
    Refusal refusal_;
    bool is_exceeded_ = false;
  };

  enum class Author : uint8_t { kReport, kUser };

  // Calls change(GroupMember&, Budget&) on the membership of a port, which is made if there is
  // none, and removed if it has no entries afterwards. Answers why the budget was exceeded, if it
  // was.
  template <typename Change>
  Refusal Edit(const GroupKey& key, PortId port, Author author, Change&& change) {
    Budget budget = BudgetFor(key, port, author);
    if (budget.left_ == 0 && FindMember(key, port) == nullptr) return budget.refusal_;
    const auto before = RowsOf(key, port);
    MulticastGroup& group = groups_.try_emplace(key).first->second;
    sources_ -= group.source_count();
    change(group.Ensure(port), budget);
    Commit(key, group, port, before);
    return budget.is_exceeded_ ? budget.refusal_ : Refusal::kNone;
  }

  [[nodiscard]] const GroupMember* FindMember(const GroupKey& key, PortId port) const;

  // Sets the bridge's own membership. False when there is no room.
  [[nodiscard]] bool SetHost(const GroupKey& key, const HostMembership& host);
  // Until then the group counts as known when it has no members. Without effect when nothing is
  // known of it; and when many groups are in that state, which then are as unknown ones.
  void KeepKnown(const GroupKey& key, Tick until);

  // Removes the memberships that unwanted(const GroupKey&, const GroupMember&) selects; returns how
  // many entries those were.
  template <typename Unwanted>
  size_t EraseIf(Unwanted&& unwanted) {
    std::vector<std::pair<GroupKey, PortId>> gone;
    for (const auto& [key, group] : groups_) {
      for (const GroupMember& member : group.members()) {
        if (unwanted(key, member)) gone.emplace_back(key, member.port);
      }
    }
    size_t rows = 0;
    for (const auto& [key, port] : gone) rows += Erase(key, port);
    return rows;
  }
  // Removes one; returns how many entries it had.
  size_t Erase(const GroupKey& key, PortId port);

  // Makes the group what it was in another process; one of which nothing is left goes.
  void Restore(const GroupMemory& memory);

  // All keys, in no order.
  [[nodiscard]] std::vector<GroupKey> Keys() const;
  // Groups with members, or with the bridge itself as one.
  [[nodiscard]] size_t groups() const { return groups_.size() - known_only_; }
  [[nodiscard]] size_t rows() const { return all_rows_; }
  [[nodiscard]] uint32_t rows(PortId port) const { return rows_[port.value]; }
  [[nodiscard]] uint32_t rows(PortId port, VlanId vlan) const;

  // ---- Time.

  [[nodiscard]] std::optional<Tick> next_deadline() const {
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->when);
  }
  // Calls visit(key, port) for memberships that are due, at most `most`. The visitor edits each, so
  // that it is not due any more. What concerns whole groups is done here.
  template <typename Visit>
  void VisitDue(Tick now, size_t most, Visit&& visit) {
    for (; most > 0 && !due_.empty() && due_.begin()->when <= now; --most) {
      const Due due = *due_.begin();
      if (due.port == kBridgePort) {
        ExpireGroup(due.key, now);
      } else {
        visit(due.key, due.port);
      }
    }
  }

  // ---- Those who watch.

  void set_watched(bool is_watched);
  [[nodiscard]] bool has_changes() const { return !changes_.empty(); }
  // The changes since the last call, and how many more there were.
  [[nodiscard]] std::pair<std::vector<GroupChange>, uint64_t> TakeChanges();

 private:
  struct Due {
    Tick when;
    GroupKey key;
    PortId port;

    auto operator<=>(const Due&) const = default;
  };
  // The entries of a port, for comparison: the first stands for the group itself.
  using Rows = std::vector<std::pair<IpAddress, bool>>;

  [[nodiscard]] Budget BudgetFor(const GroupKey& key, PortId port, Author author) const;
  [[nodiscard]] Rows RowsOf(const GroupKey& key, PortId port) const;
  void Commit(const GroupKey& key, MulticastGroup& group, PortId port, const Rows& before);
  [[nodiscard]] size_t UsedGroups() const { return groups_.size() - known_only_ + sources_; }
  void Settle(const GroupKey& key, MulticastGroup& group);
  void Count(const GroupKey& key, PortId port, size_t before, size_t after);
  void Tell(const GroupKey& key, PortId port, const Rows& before, const Rows& after);
  void Tell(const GroupChange& change);
  void Schedule(const GroupKey& key, PortId port, Tick& scheduled, Tick when);
  void ScheduleGroup(const GroupKey& key, MulticastGroup& group);
  void ExpireGroup(const GroupKey& key, Tick now);

  std::vector<std::unique_ptr<SnoopedVlan>> vlans_;  // by VLAN; empty: off
  std::unordered_map<GroupKey, MulticastGroup, GroupKeyHash> groups_;
  bool floods_unregistered_ = true;
  PortSet flooded_;  // the union of the two
  PortSet crowded_;
  PortSet unasked_;
  PortSet to_unicast_;
  PortSet proven_;
  std::array<uint64_t, kMaxPorts> proven_at_{};
  uint32_t most_groups_ = kDefaultGroups;
  size_t sources_ = 0;     // of all groups
  size_t known_only_ = 0;  // groups
  size_t all_rows_ = 0;
  std::array<uint32_t, kMaxPorts> rows_{};
  std::array<uint32_t, kMaxPorts> most_rows_{};
  std::unordered_map<uint32_t, uint32_t> vlan_rows_;       // by VlanPort
  std::unordered_map<uint32_t, uint32_t> most_vlan_rows_;  // by VlanPort
  std::set<Due> due_;
  std::vector<UnwantedSender> unwanted_;
  bool is_watched_ = false;
  std::vector<GroupChange> changes_;
  uint64_t missed_changes_ = 0;
};

}  // namespace tapswitch
