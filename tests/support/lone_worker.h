// A primary worker by itself: what Workers and the control thread do for it in a switch is done on the
// spot.

#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "switch/protocol/bridge_protocols.h"
#include "switch/workers/primary_worker.h"
#include "switch/workers/view_builder.h"

namespace tapswitch {

class LoneWorker : public PrimaryWorker {
 public:
  LoneWorker(Ring& ring, const Clock& clock, SharedBridge& shared)
      : PrimaryWorker(ring, clock, shared), shared_(shared), protocols_(shared.bridge()) {}

  [[nodiscard]] absl::Status AddPort(std::unique_ptr<Port>& port,
                                     const PortForwarding& forwarding) {
    views_.Set(forwarding);
    PreparedView view = views_.Build(shared_.bridge());
    absl::Status added = PrimaryWorker::AddPort(port, view);
    if (!added.ok()) views_.Remove(forwarding.id);
    return added;
  }

  void SetForwarding(const PortForwarding& forwarding) {
    views_.Set(forwarding);
    UpdateView();
  }

  void SetForwarding(const BridgeForwarding& forwarding) {
    views_.Set(forwarding);
    UpdateView();
  }

  void SetLoopDetection(const LoopDetection& settings) {
    protocols_.SetLoopDetection(settings, lane().now());
  }
  [[nodiscard]] LoopDetector& loop_detector() { return protocols_.loop_detector(); }
  [[nodiscard]] ProtocolSnapshot protocols() { return protocols_.Snapshot(lane().now()); }

 private:
  void UpdateView() {
    PreparedView view = views_.Build(shared_.bridge());
    SetView(view);
  }

  SharedBridge& shared_;
  BridgeProtocols protocols_;
  ViewBuilder views_;
};

}  // namespace tapswitch
