// Background traffic on a thread of its own, while a test does something else with the switch.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

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
// all frames have arrived, in order and once, and not before `period` has passed.
class SteadyStream {
 public:
  // The window: it keeps a switch busy and fits in the queue of a TAP, which has room for 500.
  static constexpr int kFullRate = 128;

  // The hosts are two stations of the network with numbers that follow each other.
  SteadyStream(const TestHost& from, const TestHost& to, int window = 1, int first_station = 1,
               std::chrono::microseconds period = {});

  [[nodiscard]] uint64_t delivered() const { return delivered_; }

  // Waits until that many more frames have arrived. Returns false if one is lost.
  [[nodiscard]] bool DeliversMore(uint64_t frames) const;

  struct Summary {
    // Describes the first frame that was not the next one, and whether that came afterwards. The
    // stream ends with it. Empty if none was lost, repeated or overtaken.
    std::string fault;
    std::chrono::milliseconds longest_wait{};
  };
  // Ends the traffic.
  [[nodiscard]] Summary Finish();

 private:
  void Run(const std::stop_token& stop);
  [[nodiscard]] bool DeliverWindow();
  // Tells a frame that is lost from one that was overtaken.
  [[nodiscard]] std::string Describe(const std::vector<std::byte>& received) const;
  [[nodiscard]] std::vector<std::byte> NumberedFrame(uint64_t number) const;

  int window_;
  std::chrono::microseconds period_;
  int first_station_;
  PacketSocket sender_;
  PacketSocket receiver_;
  std::atomic<uint64_t> delivered_ = 0;
  std::atomic<bool> ended_ = false;
  Summary summary_;  // written by the thread until it has been joined
  std::jthread thread_;
};

}  // namespace tapswitch
