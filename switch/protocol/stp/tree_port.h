// The variables of one port (IEEE 802.1D-2004, 17.17, 17.19), by the standard's names.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "switch/forwarding/gate_masks.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/view/spanning_tree_port.h"
#include "switch/protocol/stp/bpdu.h"
#include "switch/protocol/stp/priority_vector.h"

namespace tapswitch::stp {

enum class Role : uint8_t { kDisabled, kRoot, kDesignated, kAlternate, kBackup };

inline constexpr std::array<std::string_view, 5> kRoleNames{"disabled", "root", "designated",
                                                            "alternate", "backup"};
[[nodiscard]] constexpr std::string_view NameOf(Role role) {
  return kRoleNames[static_cast<size_t>(role)];
}

// 17.19.10
enum class InfoIs : uint8_t { kDisabled, kAged, kMine, kReceived };

// 17.21.8
enum class ReceivedInfo : uint8_t {
  kSuperiorDesignated,
  kRepeatedDesignated,
  kInferiorDesignated,
  kNotDesignated,
  kOther,
};

// Why a designated port does not forward although it could.
enum class Hold : uint8_t {
  kNone,
  kLoopGuard,   // its neighbour has fallen silent
  kLoopedBack,  // it hears itself
};

struct PortCounts {
  uint64_t received_config = 0;
  uint64_t received_rst = 0;
  uint64_t received_tcn = 0;
  uint64_t sent_config = 0;
  uint64_t sent_rst = 0;
  uint64_t sent_tcn = 0;
  uint64_t invalid = 0;
  uint64_t filtered = 0;    // both ways
  uint64_t excessive = 0;   // received beyond the rate that is looked at
  uint64_t guard_hits = 0;  // times that a guard stepped in
  uint64_t to_forwarding = 0;
  uint64_t to_discarding = 0;
  uint64_t topology_changes = 0;  // detected or heard here

  bool operator==(const PortCounts&) const = default;
};

struct TreePort {
  enum class Migration : uint8_t { kCheckingRstp, kSelectingStp, kSensing };  // 17.24
  enum class TopologyState : uint8_t { kInactive, kLearning, kActive };  // 17.31, those that last

  SpanningTreePort admin;
  PortId id;
  PortIdentifier port_id = 0;
  bool is_there = false;
  bool enabled = false;  // portEnabled

  Role role = Role::kDisabled;
  Role selected_role = Role::kDisabled;
  InfoIs info_is = InfoIs::kDisabled;
  Migration migration = Migration::kCheckingRstp;
  TopologyState topology = TopologyState::kInactive;
  Hold hold = Hold::kNone;

  PriorityVector designated_priority;
  PriorityVector port_priority;
  Times designated_times;
  Times port_times;
  Bpdu message;  // of which msgPriority and msgTimes are

  bool agree = false;
  bool agreed = false;
  bool disputed = false;
  bool forward = false;
  bool forwarding = false;
  bool learn = false;
  bool learning = false;
  bool mcheck = false;
  bool new_info = false;
  bool oper_edge = false;
  bool proposed = false;
  bool proposing = false;
  bool received_message = false;  // rcvdMsg
  bool received_rstp = false;
  bool received_stp = false;
  bool received_tc = false;
  bool received_tc_ack = false;
  bool received_tcn = false;
  bool re_root = false;
  bool selected = false;
  bool send_rstp = false;
  bool sync = false;
  bool synced = false;
  bool tc_ack = false;
  bool tc_prop = false;
  bool update_info = false;  // updtInfo

  // 17.17. When they run out; those that have run out are in the past.
  Tick edge_delay_while;
  Tick fd_while;
  Tick hello_when;
  Tick mdelay_while;
  Tick rb_while;
  Tick rcvd_info_while;
  Tick rr_while;
  Tick tc_while;
  Tick hold_while;  // while it hears itself

  // txCount goes down by one a second.
  uint16_t tx_count = 0;
  Tick tx_second;

  // Beyond the standard.
  Tick restless_until;          // what it says has changed several times in a short while
  Tick said_since;              // it says what it says
  bool proposes_again = false;  // when that has been heard
  bool has_newcomer = false;    // the neighbour is not the one that port_priority is from
  bool has_heard = false;       // a BPDU since it was enabled
  Tick rate_second;             // when the second began, in which
  uint32_t rate = 0;            // so many BPDUs were received
  PortState shown = PortState::kBlocking;  // as it was told last
  Role told_role = Role::kDisabled;
  PortCounts counts;

  bool operator==(const TreePort&) const = default;
};

}  // namespace tapswitch::stp
