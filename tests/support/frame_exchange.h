// Exchanges the test's own frames between the hosts of a network, and records who got which.
//
// It does not have to wait to know that a frame did not arrive, or not twice. A switch keeps the
// order of the frames of a flow between two ports. So once later frames of each sender have
// arrived, in as many flows as use every queue of a port, no earlier frame is still to come.

#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "switch/forwarding/wire/ethernet.h"
#include "tests/support/frame_builder.h"
#include "tests/support/packet_socket.h"
#include "tests/support/test_network.h"

namespace tapswitch {

// A station that is simulated behind a host: not the address of any eth0.
[[nodiscard]] constexpr MacAddress Station(int number) {
  return MacAddress::FromNumber(0x02AA00000000 + static_cast<uint64_t>(number));
}

// For experiments (IEEE 802, 9.2.3): no protocol of any host answers.
inline constexpr EtherType kTestType{0x88B5};

[[nodiscard]] inline std::vector<std::byte> TestFrame(MacAddress destination, MacAddress source,
                                                      std::string_view text) {
  return FrameBuilder(destination, source).Type(kTestType).Text(text).Pad(60).Build();
}

class FrameExchange {
 public:
  using Frame = std::vector<std::byte>;

  // The frames that came to each host.
  class Received {
   public:
    explicit Received(int hosts) : frames_(static_cast<size_t>(hosts)) {}
    // The frames of a host, given by its number from 1, in the order of their arrival.
    [[nodiscard]] std::vector<Frame>& at(int host) {
      return frames_.at(static_cast<size_t>(host) - 1);
    }

   private:
    std::vector<std::vector<Frame>> frames_;
  };

  // Listens on every host. Best used on a network without IPv6, whose hosts send nothing by
  // themselves.
  explicit FrameExchange(const TestNetwork& network);

  // Sends a frame on a host's eth0.
  void Send(int host, std::span<const std::byte> frame) const;

  // Returns all frames since the last call, including those still on their way. The switch learns
  // one address behind each host by this, which is not a Station().
  [[nodiscard]] Received Collect();

 private:
  [[nodiscard]] int size() const { return static_cast<int>(sockets_.size()); }
  [[nodiscard]] const PacketSocket& socket(int host) const {
    return sockets_.at(static_cast<size_t>(host) - 1);
  }
  [[nodiscard]] bool IsFence(std::span<const std::byte> frame) const;

  std::deque<PacketSocket> sockets_;
  uint32_t round_ = 0;
};

}  // namespace tapswitch
