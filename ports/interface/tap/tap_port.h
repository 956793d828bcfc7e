// A TAP as a port.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/interface/interface_port.h"
#include "ports/interface/link_answer.h"
#include "ports/interface/tap/tap_options.h"

namespace tapswitch {

class TapPort final : public InterfacePort {
 public:
  // Makes a port of a copy of the file of another one; null where that is not to be had.
  using MakeShare = std::function<std::unique_ptr<TapPort>(PortIdentity, FileDescriptor)>;

  // Takes a queue of a TAP that is open as OpenTap opens it. `accepted`: the TAP's offloads;
  // `refresh`: see LinkSource; `told_unsupported` and `discard`: see InterfacePort::Medium.
  TapPort(PortIdentity identity, FileDescriptor file, OffloadSet accepted, LinkQuery query,
          QueueRole role = QueueRole::kFirst,
          std::shared_ptr<std::atomic_flag> told_unsupported = nullptr,
          std::function<void()> refresh = {},
          std::function<void(std::shared_ptr<void>)> discard = {},
          Framing framing = Framing::kEthernet);

  void set_carrier_switch(CarrierSwitch carrier) { carrier_ = std::move(carrier); }
  [[nodiscard]] CarrierSwitch carrier_switch() const override { return carrier_; }

  // The TAP's part in forwarding by the kernel: `seat` counts what its queues give. `hand_over`:
  // see PortLife.
  void set_kernel_path(KernelForwarding* kernel, std::shared_ptr<KernelSeat> seat,
                       HandOverInterface hand_over);
  [[nodiscard]] KernelPath kernel_path() const override;
  [[nodiscard]] HandOverInterface hand_over_interface() const override { return hand_over_; }
  void OnSent() override;
  // Has the seat told how many frames the TAP has lost.
  void RefreshCounters() override;

  void set_make_share(MakeShare make) { make_share_ = std::move(make); }
  [[nodiscard]] bool can_be_shared() const override { return make_share_ != nullptr; }
  [[nodiscard]] std::unique_ptr<Port> Share(const PortIdentity& identity) const override;
  [[nodiscard]] bool HandOver(size_t queue, PortHandover& to) const override;

 private:
  CarrierSwitch carrier_;
  MakeShare make_share_;           // null: it has a queue for each thread
  std::function<void()> refresh_;  // see LinkSource
  KernelForwarding* kernel_ = nullptr;
  std::shared_ptr<KernelSeat> seat_;  // null: the kernel carries nothing of it
  bool has_asked_ = false;            // whether the kernel's part can begin
  HandOverInterface hand_over_;
  uint64_t done_ = 0;  // of the frames that were taken, in the seat
};

// Opens the TAP with up to `identities.size()` queues and makes a port of each; see MakePortQueues.
// `monitor` outlives them, is asked by the thread that `share` chooses, and its events reach
// OnLinkChange. `kernel`, which outlives them, may carry frames of the TAP. The queues of
// `inherited` take the place of those of a TAP that is opened.
[[nodiscard]] absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenTapPort(
    std::span<const PortIdentity> identities, const TapOptions& options, LinkMonitor& monitor,
    const LinkSharing& share, KernelForwarding* kernel = nullptr,
    PortHandover* inherited = nullptr);

}  // namespace tapswitch
