// A bridge, whose known conversations are handed to the kernel: to its real programs and maps,
// which get the frames that a test makes. The clock is the test's.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "switch/forwarding/bridge.h"
#include "switch/forwarding/egress/egress_lists.h"
#include "switch/workers/offload/flow_offload.h"
#include "tests/support/kernel_receive.h"
#include "tests/support/offload_port.h"
#include "tests/support/test_frames.h"

namespace tapswitch {

class FlowRig {
 public:
  static constexpr uint16_t kMostPorts = 8;

  // An error says why the kernel's part cannot be had here.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FlowRig>> Make(
      const MacTable::Options& table) {
    auto kernel = KernelForwarding::Load();
    if (!kernel.ok()) return kernel.status();
    auto programs = KernelReceive::Load(**kernel);
    if (!programs.ok()) return programs.status();
    return std::unique_ptr<FlowRig>(new FlowRig(*std::move(kernel), *std::move(programs), table));
  }

  [[nodiscard]] Bridge& bridge() { return bridge_; }
  [[nodiscard]] FlowOffload& flows() { return flows_; }
  [[nodiscard]] KernelForwarding& kernel() { return *kernel_; }
  [[nodiscard]] Tick now() const {
    return Tick{static_cast<uint64_t>(time_ / std::chrono::milliseconds(10))};
  }

  // A port comes, with a socket that has the filter; SetPort is to follow.
  OffloadPort& AddPort(PortId id, int ifindex) {
    PortStatus status{.link_up = true, .ifindex = ifindex, .netns = kernel_->netns()};
    auto port = std::make_unique<OffloadPort>(id, std::move(status),
                                              KernelPath{.is_interface = true, .seat = nullptr});
    OffloadPort& added = *port;
    ports_.at(id.value) = std::move(port);
    egress_.AddPort(id);
    Sit(added);
    return added;
  }
  [[nodiscard]] OffloadPort& port(PortId id) {
    return dynamic_cast<OffloadPort&>(*ports_.at(id.value));
  }
  // The port gets new sockets, on the interface that it has now: see KernelAttachment.
  void Sit(OffloadPort& port) {
    kernel_->End(port.identity().id);
    auto seat = kernel_->NewSeat();
    EXPECT_TRUE(kernel_->SetSeat(port.status().ifindex, *seat).ok());
    seat->SetDropped(port.status().ifindex, 0);
    seat->set_in_use(true);
    port.set_seat(std::move(seat));
  }

  // A frame comes in. What the kernel does not carry, the switch gets.
  KernelReceipt Receive(PortId ingress, std::span<const std::byte> frame, uint32_t gso_size = 0) {
    const auto ifindex = static_cast<uint32_t>(port(ingress).status().ifindex);
    KernelReceipt receipt = port(ingress).kernel_path().is_own
                                ? programs_.Send(ifindex, frame, gso_size)
                                : programs_.Receive(ifindex, frame, gso_size);
    if (receipt.way == KernelReceipt::Way::kToSwitch) {
      ReceiveBySwitch(ingress, frame);
      if (finishes_) port(ingress).kernel_path().seat->Done(1);
    }
    return receipt;
  }
  // Whether what the switch has received has been sent at once, so that nothing is on its way.
  void set_finishes(bool finishes) { finishes_ = finishes; }

  // The switch gets a frame, which its socket has not counted.
  void ReceiveBySwitch(PortId ingress, std::span<const std::byte> bytes) {
    TestFrames storage;
    const Frame frame = storage.Plain(ingress, bytes);
    egress_.Clear();
    bridge_.Process({&frame, 1}, now(), egress_);
    bridge_.port_guards().alarms().Clear();
    flows_.OnBatch({&frame, 1}, PortSet::Of(ingress), ports_, samples_, now());
  }
  // A turn without frames: those of the last one are judged.
  void Turn() { flows_.OnBatch({}, {}, ports_, samples_, now()); }

  // Time passes, and the primary worker wakes when it is to.
  void Pass(std::chrono::nanoseconds time) {
    const std::chrono::nanoseconds end = time_ + time;
    for (int wakings = 0; wakings < 100'000; ++wakings) {
      flows_.Work(now());
      const auto patience = flows_.patience(now());
      if (!patience || time_ + *patience > end) break;
      time_ += *patience;
    }
    time_ = end;
    flows_.Work(now());
  }
  void Pass(Ticks ticks) {
    Pass(std::chrono::milliseconds(10 * static_cast<int64_t>(ticks.centiseconds)));
  }

 private:
  FlowRig(std::unique_ptr<KernelForwarding> kernel, KernelReceive programs,
          const MacTable::Options& table)
      : kernel_(std::move(kernel)),
        programs_(std::move(programs)),
        bridge_(table),
        flows_(bridge_, *kernel_, [this] { return time_; }),
        ports_(kMostPorts) {}

  std::unique_ptr<KernelForwarding> kernel_;
  KernelReceive programs_;
  std::chrono::nanoseconds time_ = std::chrono::seconds(100);
  Bridge bridge_;
  FlowOffload flows_;
  std::vector<std::unique_ptr<Port>> ports_;
  EgressLists egress_;
  FlowSamples samples_;
  bool finishes_ = true;
};

}  // namespace tapswitch
