// The forwarding that is wanted of the bridge, and views made of it.
//
// A view of many ports and VLANs takes milliseconds to build. So it is built by a thread that does
// not forward, which hands it over finished (Bridge::SwapView), and takes the one before back to
// free it.

#pragma once

#include <utility>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/view/forwarding_view.h"

namespace tapswitch {

class ViewBuilder {
 public:
  // Adds the port, or replaces what was wanted of it.
  void Set(const PortForwarding& port);
  // Without effect when there is no such port.
  void Remove(PortId id);
  void Set(const BridgeForwarding& bridge) { bridge_ = bridge; }
  void Set(std::vector<MirrorForwarding> mirrors) { observers_.mirrors = std::move(mirrors); }
  void SetCapturing(bool capturing) { observers_.capturing = capturing; }

  [[nodiscard]] bool has(PortId id) const;

  // Precondition: as Bridge::Prepare.
  [[nodiscard]] PreparedView Build(const Bridge& bridge) const {
    return bridge.Prepare(ForwardingView(ports_, bridge_, observers_));
  }

 private:
  std::vector<PortForwarding> ports_;  // by ascending id
  BridgeForwarding bridge_;
  Observers observers_;
};

}  // namespace tapswitch
