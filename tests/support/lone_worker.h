// A primary worker by itself: what Workers and the control thread do for it in a switch is done on
// the spot.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "switch/protocol/bridge_protocols.h"
#include "switch/workers/primary_worker.h"
#include "switch/workers/view_builder.h"

namespace tapswitch {

class LoneWorker : public PrimaryWorker {
 public:
  LoneWorker(Ring& ring, const Clock& clock, Bridge& bridge, SharedBridge& shared)
      : PrimaryWorker(ring, clock, bridge, shared),
        bridge_(bridge),
        shared_(shared),
        protocols_(bridge) {}

  [[nodiscard]] absl::Status AddPort(std::unique_ptr<Port>& port,
                                     const PortForwarding& forwarding) {
    views_.Set(forwarding);
    PreparedView view = views_.Build(bridge_);
    const LockedBridge lock(shared_);
    absl::Status added = PrimaryWorker::AddPort(port, view);
    if (!added.ok()) views_.Remove(forwarding.id);
    return added;
  }
  void RemovePort(PortId id, std::function<void(std::unique_ptr<Port>)> on_removed) {
    const LockedBridge lock(shared_);
    PrimaryWorker::RemovePort(id, std::move(on_removed));
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
  void SetSpanningTree(const SpanningTreeSettings& settings) {
    protocols_.SetSpanningTree(settings, MacAddress::FromNumber(0x020000000001), lane().now());
  }
  [[nodiscard]] LoopDetector& loop_detector() { return protocols_.loop_detector(); }
  [[nodiscard]] ProtocolSnapshot protocols() { return protocols_.Snapshot(lane().now()); }

  void OnLinkChange(const LinkEvent& link) {
    const LockedBridge lock(shared_);
    PrimaryWorker::OnLinkChange(link);
  }
  void OnLinkAnswer(PortId id, uint16_t generation) {
    const LockedBridge lock(shared_);
    PrimaryWorker::OnLinkAnswer(id, generation);
  }
  bool Recover(PortId id) {
    const LockedBridge lock(shared_);
    return PrimaryWorker::Recover(id);
  }
  void SetAgeing(Ticks ageing) {
    const LockedBridge lock(shared_);
    PrimaryWorker::SetAgeing(ageing);
  }
  [[nodiscard]] PortState EffectiveState(PortId id) {
    const LockedBridge lock(shared_);
    return PrimaryWorker::EffectiveState(id);
  }
  [[nodiscard]] SwitchSnapshot Snapshot() {
    const LockedBridge lock(shared_);
    return PrimaryWorker::Snapshot();
  }

 private:
  void UpdateView() {
    PreparedView view = views_.Build(bridge_);
    const LockedBridge lock(shared_);
    SetView(view);
  }

  Bridge& bridge_;
  SharedBridge& shared_;
  BridgeProtocols protocols_;
  ViewBuilder views_;
};

}  // namespace tapswitch
