// The addresses of the bridge's ports themselves: that of a port's interface belongs to the bridge,
// in all VLANs, so that frames to it are not flooded.
//
// A station elsewhere that has the same address keeps its frames, for as long as it is known, and
// an alarm tells of it: whoever may set an interface's address takes nothing from others.
//
// One thread calls everything, with the bridge locked.

#pragma once

#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class OwnAddresses {
 public:
  // `bridge` outlives this.
  explicit OwnAddresses(Bridge& bridge) : bridge_(bridge) {}

  // Lists `address` for the port, in place of the one before; zero: none. Several ports may have
  // the same: it is listed for the first of them, and for the next when that goes.
  void Set(PortId id, MacAddress address, Tick now);

 private:
  void List(PortId id, MacAddress address, Tick now);
  void ActOnRivals(PortId id, MacAddress address, Tick now);
  void Unlist(PortId id, MacAddress address, Tick now);

  Bridge& bridge_;
  std::vector<MacAddress> addresses_;  // by port; zero: none
};

}  // namespace tapswitch
