// What a worker has in place of a queue of its own of a port that has none for it: what it sends
// leaves by the queue of the primary worker. Nothing is received by it.

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
  // What there is no room for is counted here as kQueueFull; the rest counts who sends it.
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override {}
  void OnLinkChange(const LinkEvent& /*link*/) override {}
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
