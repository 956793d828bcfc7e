// Hosts behind another bridge, to which a test shows the same frames as to the switch. They are
// namespaces p1, p2, ..., whose eth0 is a veth. Its other end, peer1, peer2, ..., is in the
// sandbox.

#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ports/os/netns.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

class PeerHosts {
 public:
  using Frame = std::vector<std::byte>;
  using Received = std::map<int, std::vector<Frame>>;  // by host; hosts with nothing are not there

  PeerHosts(const NetnsSandbox& sandbox, int count) {
    for (int i = 1; i <= count; ++i) {
      const std::string host = "p" + std::to_string(i);
      sandbox.AddNetns(host);
      sandbox.Run("ip link add " + EndOf(i) + " type veth peer name eth0 netns " + host +
                  " && ip link set " + EndOf(i) + " up && ip -n " + host +
                  " link set eth0 up && ip netns exec " + host +
                  " ethtool -K eth0 txvlan off rxvlan off");
      const NetworkNamespace netns = NetworkNamespace::Open(host).value();
      const NetnsScope scope = NetnsScope::Enter(netns).value();
      sockets_.emplace_back("eth0");
    }
  }

  [[nodiscard]] static std::string EndOf(int host) { return "peer" + std::to_string(host); }

  void Send(int host, std::span<const std::byte> frame) const {
    sockets_.at(static_cast<size_t>(host) - 1).Send(frame);
  }

  // Sends a frame on a host's eth0, waits until it has come to host `to`, and forgets it.
  void SendTo(int to, int host, std::span<const std::byte> frame) {
    Send(host, frame);
    Received received;
    EXPECT_TRUE(WaitUntil([&] {
      Take(received);
      return received.contains(to);
    }));
  }

  // Sends a frame on a host's eth0, and returns the frames of the test's stations that come to the
  // others. It returns when these are the `expected` ones, or when they have not come for long;
  // then it waits a moment for unexpected ones.
  Received Pass(int host, std::span<const std::byte> frame, const Received& expected) {
    Send(host, frame);
    Received received;
    EXPECT_TRUE(WaitUntil(
        [&] {
          Take(received);
          return received == expected;
        },
        std::chrono::seconds(5)));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    Take(received);
    return received;
  }

 private:
  // A Station() of frame_exchange.h.
  static bool IsOfTheTest(const Frame& frame) {
    return frame.size() > 12 && frame[6] == std::byte{0x02} && frame[7] == std::byte{0xAA};
  }

  void Take(Received& received) {
    for (size_t i = 0; i < sockets_.size(); ++i) {
      for (;;) {
        Frame one = sockets_[i].Receive(std::chrono::milliseconds(0));
        if (one.empty()) break;
        if (IsOfTheTest(one)) received[static_cast<int>(i) + 1].push_back(std::move(one));
      }
    }
  }

  std::deque<PacketSocket> sockets_;
};

}  // namespace tapswitch
