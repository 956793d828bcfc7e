// An interface that exists as a port.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/interface/exclusion/switchover.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/interface/interface_port.h"
#include "ports/interface/link_answer.h"
#include "ports/interface/netdev/far_end.h"
#include "ports/interface/netdev/lost_bpdus.h"
#include "ports/interface/netdev/netdev_options.h"

namespace tapswitch {

class NetdevPort final : public InterfacePort {
 public:
  // One of the port's packet sockets, set up as NetdevDevice does it.
  struct Queue {
    QueueRole role = QueueRole::kFirst;
    FileDescriptor socket;
    LinkQuery query;
    std::function<void()> refresh{};                       // see LinkSource
    std::function<void(std::shared_ptr<void>)> discard{};  // see InterfacePort::Medium
    // Tells how many frames the kernel has lost at a socket since it was asked last.
    std::function<uint32_t(int socket)> missed;
    bool shared_with_host = false;
    bool was_taken_over = false;
    std::function<FileDescriptor()> new_socket{};          // see InterfacePort::Medium::new_file
    OffloadSet accepted = OffloadSet::All();               // of what may be sent to it
    std::shared_ptr<std::atomic_flag> told_unsupported{};  // see InterfacePort::Medium
    // Returns the seat of the socket that the queue has been given last; null without one.
    std::function<std::shared_ptr<KernelSeat>()> seat{};
    HandOverInterface hand_over{};  // see PortLife
    Framing framing = Framing::kEthernet;
    CarrierSwitch carrier{};  // see PortLife
    // Returns the socket for BPDUs, if there is a new one (NetdevDevice::TakeBpduSocket). Null:
    // there is never one.
    std::function<FileDescriptor()> new_bpdus{};
  };

  NetdevPort(PortIdentity identity, Queue queue);
  ~NetdevPort() override { Detach(); }
  NetdevPort(const NetdevPort&) = delete;
  NetdevPort& operator=(const NetdevPort&) = delete;

  // Frames that found the socket's queue full were received, too, and dropped.
  void RefreshCounters() override;

  // A flood fills the socket's queue, and BPDUs that find no room wait in one of their own. What
  // further queues of the port lose is not noticed.
  [[nodiscard]] bool ReceiveLostBpdus(FrameBatch& received) override;

  void OnSent() override;
  [[nodiscard]] bool HandOver(size_t /*queue*/, PortHandover& /*to*/) const override {
    return hand_over_ != nullptr;
  }
  [[nodiscard]] HandOverInterface hand_over_interface() const override { return hand_over_; }
  [[nodiscard]] CarrierSwitch carrier_switch() const override { return carrier_; }
  [[nodiscard]] KernelPath kernel_path() const override;

 private:
  void OnFileSwitched() override;
  void ListenForBpdus();
  void CloseBpdus();
  [[nodiscard]] bool HasLost();

  std::function<uint32_t(int socket)> missed_;
  std::function<std::shared_ptr<KernelSeat>()> new_seat_;
  HandOverInterface hand_over_;
  CarrierSwitch carrier_;
  std::function<FileDescriptor()> new_bpdus_;
  std::function<void()> refresh_;                       // see LinkSource
  std::function<void(std::shared_ptr<void>)> discard_;  // see InterfacePort::Medium
  LostBpdus bpdus_;
  bool has_asked_ = false;            // for the socket of bpdus_
  uint64_t lost_ = 0;                 // frames, by the last look
  bool was_taken_over_;               // see NetdevDevice
  std::shared_ptr<KernelSeat> seat_;  // of the socket in use
  uint64_t done_ = 0;                 // of the frames that were taken, in the seat
};

// The notes for users about an interface that has become a port.
struct AttachNotes {
  std::vector<std::string> warnings;  // lines, about who else uses it (interface_usage.h)
  MacAddress address{};               // its own, when it was opened; zero: it has none of six bytes
};

// Attaches the interface with a socket for each of `identities`, and makes a port of each; see
// MakePortQueues. `notes` is filled in. `kernel`, which outlives them, may carry their frames.
// `monitor` outlives them, is asked by the thread that `share` chooses, and its events reach
// OnLinkChange. See NetdevDevice for `switchover`. `far_end` is null where the switch has not made
// the interface; it is destroyed with the last of the ports. `inherited` takes the place of an
// interface that is attached.
[[nodiscard]] absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenNetdevPort(
    std::span<const PortIdentity> identities, const NetdevOptions& options, LinkMonitor& monitor,
    const LinkSharing& share, AttachNotes& notes, MissingInterface missing,
    const std::shared_ptr<Switchover>& switchover = nullptr, KernelForwarding* kernel = nullptr,
    std::shared_ptr<FarEnd> far_end = nullptr, PortHandover* inherited = nullptr);

}  // namespace tapswitch
