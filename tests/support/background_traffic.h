// Traffic that goes on, on a thread of its own, while a test does something else to the switch.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "switch/forwarding/wire/ethernet.h"
#include "tests/support/packet_socket.h"
#include "tests/support/test_network.h"

namespace tapswitch {

// Puts the same frame on a host's eth0 over and over, as fast as the kernel takes it and whether or
// not it does, until it is destroyed.
class FrameFlood {
 public:
  FrameFlood(const TestHost& from, MacAddress source, MacAddress destination);

 private:
  std::jthread thread_;
};

// Sends numbered frames from one host to another, a window of them at once, the next when all have
// arrived, in order and once.
class SteadyStream {
 public:
  // As many as keep a switch busy and fit in the queue of a TAP, which has room for 500.
  static constexpr int kFullRate = 128;

  // The hosts are Station(1) and Station(2) in it.
  SteadyStream(const TestHost& from, const TestHost& to, int window = 1);

  // Waits for that many frames to arrive from now on; false when one is lost.
  [[nodiscard]] bool DeliversMore(uint64_t frames) const;

  struct Summary {
    uint64_t lost = 0;  // not the frame that was to arrive next; the stream ends with the first
    std::chrono::milliseconds longest_wait{};
  };
  // Ends it.
  [[nodiscard]] Summary Finish();

 private:
  void Run(const std::stop_token& stop);
  [[nodiscard]] bool DeliverWindow();

  int window_;
  PacketSocket sender_;
  PacketSocket receiver_;
  std::atomic<uint64_t> delivered_ = 0;
  std::atomic<bool> ended_ = false;
  Summary summary_;  // of the thread, until it has been joined
  std::jthread thread_;
};

}  // namespace tapswitch
