// A RelayPort stands in for a worker's own queue of a port that has none for it. What the worker
// sends leaves by the queue of the primary worker. Nothing is received by a RelayPort.

#pragma once

#include <span>
#include <utility>

#include "absl/status/status.h"
#include "ports/port.h"
#include "switch/workers/channels/frame_relay.h"

namespace tapswitch {

class RelayPort final : public Port {
 public:
  // `relay`, which outlives the port, leads to the worker that has the port of the same id.
  RelayPort(PortIdentity identity, FrameRelay& relay);

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] absl::Status Start(Ring& /*ring*/) override { return absl::OkStatus(); }
  void OnCompletions(std::span<const Completion> /*completions*/,
                     FrameBatch& /*received*/) override {}
  // Counts the frames that there is no room for as kQueueFull. Their sender counts the rest.
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override {}
  void OnLinkChange(const LinkEvent& /*link*/) override {}
  // It has nothing of its own.
  [[nodiscard]] bool HandOver(size_t /*queue*/, PortHandover& /*to*/) const override {
    return true;
  }
  void OnFirstQueueStatus(const PortStatus& status) override { status_ = status; }
  void BeginClose() override { closing_ = true; }
  [[nodiscard]] bool closed() const override { return closing_; }
  void Detach() override {}

 private:
  PortIdentity identity_;
  PortStatus status_;
  FrameRelay& relay_;
  bool closing_ = false;
};

}  // namespace tapswitch
