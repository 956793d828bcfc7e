// A layer-3 device as a port: packets without Ethernet headers on one side, a station of the switch
// on the other (station.h).
//
// Theory of operation. The port wraps one of the interface's, which reads packets behind a
// virtio-net header and room for an Ethernet header, writes what it is given, follows the link, and
// is handed over (interface/). In between, the station fills in addresses, and answers and asks for
// them. What it sends by itself, and what has waited for an answer, is received like frames of the
// device, in the turn that follows: an eventfd announces it, as a port may only add frames of its
// own to a batch when it is asked for them.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/link_answer.h"
#include "ports/interface/netdev/netdev_port.h"
#include "ports/layer3/station.h"
#include "ports/layer3/tun_options.h"
#include "ports/netlink/link_monitor.h"
#include "ports/os/clock.h"
#include "ports/os/wake_event.h"
#include "ports/port.h"
#include "ports/posted_details.h"
#include "ports/ring/ring.h"

namespace tapswitch {

class TunPort final : public Port {
 public:
  // `addresses`: those of the station, for users.
  TunPort(std::unique_ptr<Port> device, StationConfig station, WakeEvent wake,
          std::string addresses);

  [[nodiscard]] const PortIdentity& identity() const override { return device_->identity(); }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] std::shared_ptr<const PortDetails> details() const override { return details_; }
  [[nodiscard]] absl::Status Start(Ring& ring) override;
  void OnCompletions(std::span<const Completion> completions, FrameBatch& received) override;
  [[nodiscard]] bool Receive(FrameBatch& received) override;
  void LimitReceiving(size_t frames) override { device_->LimitReceiving(frames); }
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override;
  void RefreshCounters() override;
  void ReleaseIdleMemory() override { device_->ReleaseIdleMemory(); }
  [[nodiscard]] bool wants_retry() const override {
    return !is_closing_ && (device_->wants_retry() || station_.is_waiting());
  }
  void Retry() override;
  [[nodiscard]] bool Pause() override { return device_->Pause(); }
  void Resume() override;
  [[nodiscard]] bool paused() const override { return device_->paused(); }
  [[nodiscard]] bool HandOver(size_t queue, PortHandover& to) const override {
    return device_->HandOver(queue, to);
  }
  [[nodiscard]] HandOverInterface hand_over_interface() const override {
    return device_->hand_over_interface();
  }
  void OnLinkChange(const LinkEvent& link) override;
  void OnLinkAnswer() override;
  void BeginClose() override;
  [[nodiscard]] bool closed() const override { return device_->closed(); }
  void Detach() override;

 private:
  // A packet on its way to the device, until the ring has submitted.
  struct Outgoing {
    std::array<std::byte, kVirtioNetHeaderSize> header{};
    std::array<Piece, 18> pieces{};  // the header, and what an EgressBuilder makes at most
  };
  static constexpr size_t kMostOutgoing = 256;

  void TakePackets(FrameBatch& received);
  [[nodiscard]] Layer3Station::Incoming Look(const WireFrame& frame);
  [[nodiscard]] WireFrame Strip(const WireFrame& frame);
  void SendToDevice(std::vector<WireFrame>& packets);
  void CountGivenUp();
  void AnnounceFrames();
  void Follow();
  [[nodiscard]] Tag WakeTag() const;

  SystemClock clock_;
  std::unique_ptr<Port> device_;
  Layer3Station station_;
  WakeEvent wake_;
  PortStatus status_;
  std::string addresses_;
  std::shared_ptr<PostedDetails> details_ = std::make_shared<PostedDetails>();
  Ring* ring_ = nullptr;
  std::unique_ptr<FrameBatch> packets_ = std::make_unique<FrameBatch>();  // of the device
  std::vector<std::vector<std::byte>> own_;  // frames that were received in this turn
  std::vector<Outgoing> outgoing_;           // its capacity is kMostOutgoing
  std::vector<WireFrame> to_device_;         // likewise
  bool is_watched_ = false;
  bool is_closing_ = false;
};

// Opens a tun port with one queue; see MakePortQueues for the rest. `bridge` is the name of the
// switch.
struct TunSurroundings {
  std::string bridge;
  LinkMonitor& monitor;
  const LinkSharing& share_link;
  AttachNotes& notes;
  PortHandover* inherited = nullptr;
};
[[nodiscard]] absl::StatusOr<std::unique_ptr<Port>> OpenTunPort(const PortIdentity& identity,
                                                                const TunOptions& options,
                                                                const TunSurroundings& around);

}  // namespace tapswitch
