// Changes the address table on a user's request, by the rules of bridge(8) and of the kernel's
// bridge (net/bridge/br_fdb.c: fdb_add_entry, br_fdb_external_learn_add).

#pragma once

#include "absl/status/status.h"
#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

enum class FdbVerb {
  kAdd,      // refuses an existing entry, learned or not
  kAppend,   // adds a port to a static entry; otherwise like kReplace
  kReplace,  // adds or changes
};

struct FdbRequest {
  VlanId vlan;
  MacAddress address;
  PortId port;
  MacEntryState state = MacEntryState::kPermanent;  // kLearned: `dynamic`
  bool sticky = false;
  bool extern_learn = false;  // for any state: another program has learned it
  bool use = false;           // for any state: as if a frame had come from there
};

// Adds or changes an entry. `port_state` is the port's effective state. Errors: AlreadyExists;
// InvalidArgument (an address or a combination that no entry can have); FailedPrecondition (the
// port's state does not allow learning a dynamic entry); ResourceExhausted.
[[nodiscard]] absl::Status AddFdbEntry(MacTable& table, FdbVerb verb, const FdbRequest& request,
                                       PortState port_state, Tick now);

// Removes an entry. NotFound if there is none, or none on that port.
[[nodiscard]] absl::Status DeleteFdbEntry(MacTable& table, VlanId vlan, MacAddress address,
                                          PortId port, Tick now);

}  // namespace tapswitch
