// A switch and a bridge of the kernel with as many ports, to be shown the same frames.

#pragma once

#include <optional>
#include <random>
#include <string>

#include "tests/support/control_client.h"
#include "tests/support/frame_drain.h"
#include "tests/support/peer_hosts.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch {

class BesideKernelBridgeTest : public SwitchTest {
 protected:
  explicit BesideKernelBridgeTest(unsigned seed) : random_(seed) {}

  void StartSwitch(int ports) {
    network_.emplace(SilentHosts(io(), static_cast<size_t>(ports)));
    client_.emplace();
    drain_.emplace(*network_, *client_);
  }

  // Makes the bridge, kbr0, with so many ports. False where the kernel has none with such settings.
  [[nodiscard]] bool MakeKernelBridge(int ports, const std::string& settings) {
    const NetnsSandbox& sandbox = network_->sandbox();
    if (sandbox.TryRun("ip link add name kbr0 type bridge " + settings).status != 0) return false;
    peer_.emplace(sandbox, ports);
    for (int i = 1; i <= ports; ++i) {
      sandbox.Run("ip link set " + PeerHosts::EndOf(i) + " master kbr0");
    }
    sandbox.Run("ip link set kbr0 up");
    return true;
  }

  [[nodiscard]] uint16_t Below(unsigned bound) { return static_cast<uint16_t>(random_() % bound); }

  std::mt19937 random_;
  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
  std::optional<FrameDrain> drain_;
  std::optional<PeerHosts> peer_;
};

}  // namespace tapswitch
