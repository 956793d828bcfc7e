// Background traffic on a thread of its own, while a test does something else with the switch.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "switch/forwarding/wire/ethernet.h"
#include "tests/support/packet_socket.h"
#include "tests/support/test_network.h"

namespace tapswitch {

// Sends the same frame on a host's eth0 over and over, until it is destroyed. It sends as fast as
// the kernel takes frames, and ignores those that it does not take.
class FrameFlood {
 public:
  FrameFlood(const TestHost& from, MacAddress source, MacAddress destination);

 private:
  std::jthread thread_;
};

// Sends numbered frames from one host to another, a window at once. The next window follows when
// all frames have arrived, in order and once.
class SteadyStream {
 public:
  // The window: it keeps a switch busy and fits in the queue of a TAP, which has room for 500.
  static constexpr int kFullRate = 128;

  // The hosts are two stations of the network with numbers that follow each other.
  SteadyStream(const TestHost& from, const TestHost& to, int window = 1, int first_station = 1);

  // Waits until that many more frames have arrived. Returns false if one is lost.
  [[nodiscard]] bool DeliversMore(uint64_t frames) const;

  struct Summary {
    uint64_t lost = 0;  // not the frame that was to arrive next; the stream ends with the first
    std::chrono::milliseconds longest_wait{};
  };
  // Ends the traffic.
  [[nodiscard]] Summary Finish();

 private:
  void Run(const std::stop_token& stop);
  [[nodiscard]] bool DeliverWindow();

  int window_;
  int first_station_;
  PacketSocket sender_;
  PacketSocket receiver_;
  std::atomic<uint64_t> delivered_ = 0;
  std::atomic<bool> ended_ = false;
  Summary summary_;  // written by the thread until it has been joined
  std::jthread thread_;
};

}  // namespace tapswitch
