// A port on an interface, as those see it who hand its conversations to the kernel. It carries
// nothing by itself.

#pragma once

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/port.h"

namespace tapswitch {

class OffloadPort final : public Port {
 public:
  OffloadPort(PortId id, PortStatus status, KernelPath path)
      : identity_{.id = id, .generation = 1, .name = "vnet" + std::to_string(id.value)},
        status_(std::move(status)),
        path_(std::move(path)) {}

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] PortStatus& status() { return status_; }
  [[nodiscard]] KernelPath kernel_path() const override { return path_; }
  // It is a TAP of the switch, by which the host sends.
  void set_own(bool is_own) { path_.is_own = is_own; }
  void set_seat(std::shared_ptr<KernelSeat> seat) { path_.seat = std::move(seat); }

  [[nodiscard]] absl::Status Start(Ring& /*ring*/) override { return absl::OkStatus(); }
  void OnCompletions(std::span<const Completion> /*completions*/,
                     FrameBatch& /*received*/) override {}
  void Send(std::span<const WireFrame> /*frames*/) override {}
  void Recycle() override {}
  void OnLinkChange(const LinkEvent& /*link*/) override {}
  void BeginClose() override {}
  [[nodiscard]] bool closed() const override { return true; }
  void Detach() override {}

 private:
  PortIdentity identity_;
  PortStatus status_;
  KernelPath path_;
};

}  // namespace tapswitch
