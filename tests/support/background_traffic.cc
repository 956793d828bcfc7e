#include "tests/support/background_traffic.h"

#include <algorithm>
#include <stop_token>
#include <string>

#include "tests/support/frame_exchange.h"
#include "tests/support/wait_until.h"

namespace tapswitch {
namespace {

// Not that of the steady stream: the load must not fill its receiver's socket.
constexpr EtherType kLoadType{0x88B7};

}  // namespace

FrameFlood::FrameFlood(const TestHost& from, MacAddress source, MacAddress destination)
    : thread_([socket = from.OpenPacketSocket(0),
               frame = FrameBuilder(destination, source).Type(kLoadType).Pad(60).Build()](
                  const std::stop_token& stop) {
        while (!stop.stop_requested()) static_cast<void>(socket.TrySend(frame));
      }) {}

SteadyStream::SteadyStream(const TestHost& from, const TestHost& to, int window, int first_station,
                           std::chrono::microseconds period)
    : window_(window),
      period_(period),
      first_station_(first_station),
      sender_(from.OpenPacketSocket(0)),
      receiver_(to.OpenPacketSocket(static_cast<uint16_t>(kTestType))),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void SteadyStream::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto start = std::chrono::steady_clock::now();
    if (!DeliverWindow()) break;
    summary_.longest_wait =
        std::max(summary_.longest_wait, std::chrono::duration_cast<std::chrono::milliseconds>(
                                            std::chrono::steady_clock::now() - start));
    std::this_thread::sleep_until(start + period_);
  }
  ended_ = true;
}

bool SteadyStream::DeliverWindow() {
  for (int i = 0; i < window_; ++i) {
    sender_.Send(NumberedFrame(delivered_ + static_cast<uint64_t>(i)));
  }
  for (int i = 0; i < window_; ++i, ++delivered_) {
    const std::vector<std::byte> received = receiver_.Receive();
    if (received == NumberedFrame(delivered_)) continue;
    summary_.fault = Describe(received);
    return false;
  }
  return true;
}

std::vector<std::byte> SteadyStream::NumberedFrame(uint64_t number) const {
  return TestFrame(Station(first_station_ + 1), Station(first_station_),
                   "frame " + std::to_string(number));
}

std::string SteadyStream::Describe(const std::vector<std::byte>& received) const {
  constexpr std::chrono::milliseconds kPatience(500);
  const auto text = [](const std::vector<std::byte>& frame) {
    if (frame.size() <= kEthernetHeaderSize) return std::string("nothing");
    // The text of a test's frame ends before its padding.
    return std::string(reinterpret_cast<const char*>(frame.data()) + kEthernetHeaderSize);
  };
  std::string fault =
      "instead of frame " + std::to_string(delivered_) + " came " + text(received) + ", then";
  for (int i = 0; i < window_; ++i) {
    const std::vector<std::byte> next = receiver_.Receive(kPatience);
    if (next.empty()) break;
    if (next == NumberedFrame(delivered_))
      return fault + " " + std::to_string(i) + " others and it";
  }
  return fault + " not it";
}

bool SteadyStream::DeliversMore(uint64_t frames) const {
  const uint64_t target = delivered_ + frames;
  return WaitUntil([&] { return delivered_ >= target || ended_; }) && delivered_ >= target;
}

SteadyStream::Summary SteadyStream::Finish() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  return summary_;
}

}  // namespace tapswitch
