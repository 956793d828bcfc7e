// Sends numbered frames to and fro between two hosts, on a thread of its own, and measures how long
// each of them was under way: from just before it was sent until it came in on the other host's
// interface, both ways together. So what counts is what the switch takes, and not how long the
// thread waits for a processor once its frame is there, which is the scheduler's business.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/packet_socket.h"
#include "tests/support/test_network.h"

namespace tapswitch {

class RoundTrips {
 public:
  // The hosts are Station(1) and Station(2) of the network.
  RoundTrips(const TestHost& from, const TestHost& to);

  struct Summary {
    size_t count = 0;
    // Describes the first fault: a frame that differs from the expected one, or that did not come.
    // The round trips end with it. Empty if no frame was lost, repeated or changed.
    std::string fault;
    std::chrono::microseconds median{};
    std::chrono::microseconds p99{};
    std::chrono::microseconds longest{};
  };
  // Ends the round trips.
  [[nodiscard]] Summary Finish();

 private:
  void Run(const std::stop_token& stop);
  // Returns how long a frame was under way, or nothing and sets fault_.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> Pass(const PacketSocket& from,
                                                             const PacketSocket& to, int sender);

  PacketSocket near_;
  PacketSocket far_;
  uint64_t number_ = 0;
  std::vector<std::chrono::microseconds> times_;  // written by the thread until it has been joined
  std::string fault_;                             // likewise
  std::jthread thread_;
};

}  // namespace tapswitch
