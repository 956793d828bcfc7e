// Numbered frames that go to and fro between two hosts, on a thread of their own, and how long each took.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/packet_socket.h"
#include "tests/support/test_network.h"

namespace tapswitch {

class RoundTrips {
 public:
  // The hosts are Station(1) and Station(2) in it.
  RoundTrips(const TestHost& from, const TestHost& to);

  struct Summary {
    size_t count = 0;
    // What was wrong with the frame that came instead of the next, or that none came: the trips end with
    // it. Empty when nothing was lost, repeated or changed.
    std::string fault;
    std::chrono::microseconds median{};
    std::chrono::microseconds p99{};
    std::chrono::microseconds longest{};
  };
  // Ends them.
  [[nodiscard]] Summary Finish();

 private:
  void Run(const std::stop_token& stop);
  [[nodiscard]] bool Pass(const PacketSocket& from, const PacketSocket& to, int sender);

  PacketSocket near_;
  PacketSocket far_;
  uint64_t number_ = 0;
  std::vector<std::chrono::microseconds> times_;  // of the thread, until it has been joined
  std::string fault_;                             // likewise
  std::jthread thread_;
};

}  // namespace tapswitch
