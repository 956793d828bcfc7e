// A guest of a vhost port whose network stack is a namespace's: a thread carries frames between the
// guest's rings and a TAP there, with their offloads.

#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "ports/interface/tap/tap_device.h"
#include "ports/interface/tap/tap_options.h"
#include "ports/os/wake_event.h"
#include "tests/support/vhost_front_end.h"

namespace tapswitch {

class GuestRelay {
 public:
  // Makes the TAP, connects to the switch's socket `path`, and starts the rings. The guest acks the
  // offloads that the TAP has. Throws on failure.
  GuestRelay(const TapOptions& tap, const std::string& path);
  ~GuestRelay();
  GuestRelay(const GuestRelay&) = delete;
  GuestRelay& operator=(const GuestRelay&) = delete;

  // Waits until the namespace has all frames that the switch has put into the guest's ring.
  void Settle() const;

 private:
  // Until the switch hangs up, or the relay is destroyed.
  void Run();
  void FromTapToSwitch();
  void FromSwitchToTap();

  TapDevice tap_;
  VhostFrontEnd guest_;
  WakeEvent stop_;
  VhostFrontEnd::Bytes frame_;
  std::atomic<uint16_t> delivered_ = 0;  // the index of the ring up to which the TAP has them
  std::thread thread_;
};

}  // namespace tapswitch
