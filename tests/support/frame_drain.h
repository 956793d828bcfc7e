// Collects the frames that came to the hosts of a network whose hosts cannot all reach each other.
// A final frame, which would show that no other is on its way, would not reach all of them.

#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/packet_socket.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

class FrameDrain {
 public:
  using Frame = std::vector<std::byte>;
  using Received = std::map<int, std::vector<Frame>>;  // by host; hosts with nothing are not there

  // Best used on a network without IPv6, whose hosts send nothing by themselves.
  FrameDrain(const TestNetwork& network, ControlClient& client)
      : network_(network), client_(client) {
    for (int host = 1; host <= network.size(); ++host) {
      sockets_.push_back(network.host(host).OpenPacketSocket());
    }
  }

  // Sends a frame on a host's eth0. Returns all frames that came to the hosts once the switch is
  // done with it.
  Received Pass(int host, std::span<const std::byte> frame) {
    const uint64_t before = ReceivedFrom(host);
    sockets_.at(static_cast<size_t>(host) - 1).Send(frame);
    EXPECT_TRUE(WaitUntil([&] { return ReceivedFrom(host) > before; }));
    // The worker answers between two turns. So when its second answer comes, the frames sent before
    // the first are out, and a TAP has them at once.
    client_.Call("bridge.list");
    network_.Settle();
    return Drain();
  }

  Received Drain() {
    Received received;
    for (size_t i = 0; i < sockets_.size(); ++i) {
      for (;;) {
        Frame frame = sockets_[i].Receive(std::chrono::milliseconds(0));
        if (frame.empty()) break;
        received[static_cast<int>(i) + 1].push_back(std::move(frame));
      }
    }
    return received;
  }

 private:
  uint64_t ReceivedFrom(int host) {
    const auto ports = client_.Call("port.list");
    return ports.at(static_cast<size_t>(host) - 1)["stats64"]["rx"]["packets"].get<uint64_t>();
  }

  const TestNetwork& network_;
  ControlClient& client_;
  std::deque<PacketSocket> sockets_;
};

}  // namespace tapswitch
