// A keeper: a process that holds open files of a switch, and outlives it. It knows nothing of
// frames. What keeps the host out of an interface is held by leases (ports/interface/host_lease.h).

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ports/interface/host_lease.h"
#include "ports/os/unix/descriptor_channel.h"
#include "switch/keeper/keeper_message.h"

namespace tapswitch {

class Keeper {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Event : uint8_t {
    kServed,  // a call
    kReady,   // the switch is
    kEnd,     // the switch ends because it was told to; nothing is kept any more
    kGone,    // no switch has the other end open any more, or what it sends makes no sense
  };

  // Reads the next call, which has begun to arrive, and answers it.
  [[nodiscard]] Event Serve(const DescriptorChannel& channel);

  // The switch has died.
  void OnDeath();

  // Closes all parts; the leases stay.
  void GiveUpParts() { parts_.clear(); }
  // Closes the shadow ports of VNIs, if no switch has them.
  void GiveUpOverlay();
  // Closes everything, and gives all interfaces back to the host.
  void GiveBack();
  // Ends leases of interfaces that have gone, and of those that another switch has: the one of
  // `ifindex`, of which it has told that it keeps the host out by itself (0: it has not told), and
  // others after a moment.
  void EndNeedlessLeases(int ifindex);
  [[nodiscard]] bool has_leases() const { return !leases_.empty(); }

 private:
  struct Leased {
    HostLease lease;
    std::optional<Clock::time_point> taken_since{};
  };

  void Keep(KeeperCall call);
  void Forget(const std::string& part);
  void ForgetUnclaimed();

  KeptParts parts_;
  std::set<std::string, std::less<>> unclaimed_;  // of an earlier switch, and not kept again
  std::map<std::string, Leased, std::less<>> leases_;
  std::chrono::nanoseconds died_at_{};
};

}  // namespace tapswitch
