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
  static_cast<void>(near_.last_arrival());
  static_cast<void>(far_.last_arrival());
  while (!stop.stop_requested()) {
    const auto there = Pass(near_, far_, 1);
    const auto back = there ? Pass(far_, near_, 2) : std::nullopt;
    if (!back) return;
    times_.push_back(std::chrono::duration_cast<std::chrono::microseconds>(*there + *back));
    std::this_thread::sleep_for(kPause);
  }
}

std::optional<std::chrono::nanoseconds> RoundTrips::Pass(const PacketSocket& from,
                                                         const PacketSocket& to, int sender) {
  const std::string text = "trip " + std::to_string(++number_);
  const auto frame =
      FrameBuilder(Station(3 - sender), Station(sender)).Type(kTripType).Text(text).Pad(60).Build();
  const std::chrono::nanoseconds sent = std::chrono::system_clock::now().time_since_epoch();
  from.Send(frame);
  const auto received = to.Receive();
  if (received == frame) return to.last_arrival() - sent;
  fault_ =
      received.empty()
          ? text + " was lost"
          : "instead of " + text + " came " +
                std::string(reinterpret_cast<const char*>(received.data()) + kEthernetHeaderSize,
                            received.size() - kEthernetHeaderSize);
  return std::nullopt;
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
