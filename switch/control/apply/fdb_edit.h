// Changes of the address table by hand, with the rules of bridge(8) and of the kernel's bridge
// (net/bridge/br_fdb.c: fdb_add_entry, br_fdb_external_learn_add).

#pragma once

#include "absl/status/status.h"
#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

enum class FdbVerb {
  kAdd,      // refuses what exists, learned or not
  kAppend,   // a static entry gets one port more; otherwise like kReplace
  kReplace,  // adds or changes
};

struct FdbRequest {
  VlanId vlan;
  MacAddress address;
  PortId port;
  MacEntryState state = MacEntryState::kPermanent;  // kLearned: `dynamic`
  bool sticky = false;
  bool extern_learn = false;  // whatever the state: learned by somebody else
  bool use = false;           // whatever the state: as if a frame had come from there
};

// `port_state`: of the port, in effect. AlreadyExists, InvalidArgument (an address or a combination
// that no entry can have), FailedPrecondition (the port is in no state to learn a dynamic entry),
// ResourceExhausted.
[[nodiscard]] absl::Status AddFdbEntry(MacTable& table, FdbVerb verb, const FdbRequest& request,
                                       PortState port_state, Tick now);

// NotFound: there is none, or none on that port.
[[nodiscard]] absl::Status DeleteFdbEntry(MacTable& table, VlanId vlan, MacAddress address,
                                          PortId port, Tick now);

}  // namespace tapswitch
