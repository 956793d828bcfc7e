#include "tests/support/round_trips.h"

#include <algorithm>
#include <stop_token>

#include "tests/support/frame_exchange.h"

namespace tapswitch {
namespace {

// Nobody else's, so that whatever the hosts are flooded with stays out of the sockets.
constexpr EtherType kTripType{0x88B8};

// As of somebody who types, or asks a database.
constexpr std::chrono::microseconds kPause(500);

}  // namespace

RoundTrips::RoundTrips(const TestHost& from, const TestHost& to)
    : near_(from.OpenPacketSocket(static_cast<uint16_t>(kTripType))),
      far_(to.OpenPacketSocket(static_cast<uint16_t>(kTripType))),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void RoundTrips::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto start = std::chrono::steady_clock::now();
    if (!Pass(near_, far_, 1) || !Pass(far_, near_, 2)) return;
    times_.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - start));
    std::this_thread::sleep_for(kPause);
  }
}

bool RoundTrips::Pass(const PacketSocket& from, const PacketSocket& to, int sender) {
  const std::string text = "trip " + std::to_string(++number_);
  const auto frame =
      FrameBuilder(Station(3 - sender), Station(sender)).Type(kTripType).Text(text).Pad(60).Build();
  from.Send(frame);
  const auto received = to.Receive();
  if (received == frame) return true;
  fault_ =
      received.empty()
          ? text + " was lost"
          : "instead of " + text + " came " +
                std::string(reinterpret_cast<const char*>(received.data()) + kEthernetHeaderSize,
                            received.size() - kEthernetHeaderSize);
  return false;
}

RoundTrips::Summary RoundTrips::Finish() {
  thread_.request_stop();
  thread_.join();
  Summary summary{.count = times_.size(), .fault = fault_};
  if (times_.empty()) return summary;
  std::sort(times_.begin(), times_.end());
  summary.median = times_[times_.size() / 2];
  summary.p99 = times_[times_.size() * 99 / 100];
  summary.longest = times_.back();
  return summary;
}

}  // namespace tapswitch
