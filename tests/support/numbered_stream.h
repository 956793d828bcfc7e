// Numbered frames from one station to another, on threads of their own, for as long as this lives:
// what becomes of them while something is done to what is between the two.

#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ports/os/netns.h"
#include "switch/forwarding/wire/bytes.h"
#include "tests/support/frame_builder.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/packet_socket.h"

namespace tapswitch {

class NumberedStream {
 public:
  struct Summary {
    uint32_t sent = 0;
    uint32_t lost = 0;
    uint32_t repeated = 0;  // or overtaken
    std::chrono::milliseconds longest_gap{};
    std::string missing;  // the numbers of those that were lost, as "7-9 12 "
  };

  // From eth0 of one namespace to eth0 of another. Station(`from_station`) sends.
  NumberedStream(const std::string& from, const std::string& to, int from_station, int to_station,
                 EtherType type = kTestType)
      : type_(type),
        sender_(SocketIn(from, 0)),
        receiver_(SocketIn(to, static_cast<uint16_t>(type))),
        source_(Station(from_station)),
        destination_(Station(to_station)),
        receiving_([this](const std::stop_token& stop) { Receive(stop); }),
        sending_([this](const std::stop_token& stop) { Send(stop); }) {}

  [[nodiscard]] uint32_t received() const { return received_; }

  // Ends the traffic, and waits for what is under way.
  [[nodiscard]] Summary Finish() {
    sending_.request_stop();
    sending_.join();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    receiving_.request_stop();
    receiving_.join();
    summary_.sent = next_;
    summary_.lost = next_ - received_;
    NoteMissing(next_);
    return summary_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  static PacketSocket SocketIn(const std::string& netns, uint16_t protocol) {
    const NetworkNamespace target = NetworkNamespace::Open(netns).value();
    const NetnsScope scope = NetnsScope::Enter(target).value();
    return PacketSocket("eth0", protocol);
  }

  void Send(const std::stop_token& stop) {
    constexpr std::chrono::microseconds kPause(250);
    while (!stop.stop_requested()) {
      const auto frame = FrameBuilder(destination_, source_).Type(type_).U32(next_).Pad(64);
      sender_.Send(frame.Build());
      ++next_;
      std::this_thread::sleep_for(kPause);
    }
  }

  void Receive(const std::stop_token& stop) {
    auto last = Clock::now();
    while (!stop.stop_requested()) {
      const auto frame = receiver_.Receive(std::chrono::milliseconds(20));
      const bool is_ours = frame.size() > kEthernetHeaderSize + sizeof(uint32_t) &&
                           ParseHeader(frame)->source == source_;
      if (!is_ours) continue;
      const uint32_t number = LoadBe32(frame.data() + kEthernetHeaderSize);
      const auto now = Clock::now();
      summary_.longest_gap = std::max(
          summary_.longest_gap, std::chrono::duration_cast<std::chrono::milliseconds>(now - last));
      last = now;
      if (number < expected_) {
        ++summary_.repeated;
        continue;
      }
      NoteMissing(number);
      expected_ = number + 1;
      ++received_;
    }
  }

  // Frame `number` has come, and those from expected_ on have not.
  void NoteMissing(uint32_t number) {
    constexpr size_t kEnough = 200;
    if (number == expected_ || summary_.missing.size() > kEnough) return;
    summary_.missing += std::to_string(expected_);
    if (number > expected_ + 1) summary_.missing += "-" + std::to_string(number - 1);
    summary_.missing += " ";
  }

  EtherType type_;
  PacketSocket sender_;
  PacketSocket receiver_;
  MacAddress source_;
  MacAddress destination_;
  std::atomic<uint32_t> received_ = 0;
  uint32_t next_ = 0;      // written by the sending thread until it has been joined
  Summary summary_;        // written by the receiving thread until it has been joined
  uint32_t expected_ = 0;  // likewise
  std::jthread receiving_;
  std::jthread sending_;
};

}  // namespace tapswitch
