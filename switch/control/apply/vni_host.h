// Carries out the actions about VNIs: devices of the kernel, and keeping tables in step with it.

#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "ports/os/file_descriptor.h"
#include "ports/port_handover.h"
#include "switch/control/config/evpn_config.h"

namespace tapswitch {

// The name of the shadow port among the files of a port that is handed over.
inline constexpr std::string_view kShadowFile = "shadow";

// All is called on the control thread. See bridge_config.h for the order of the calls.
class VniHost {
 public:
  virtual ~VniHost() = default;
  VniHost(const VniHost&) = delete;
  VniHost& operator=(const VniHost&) = delete;

  // After an error nothing is left behind.
  [[nodiscard]] virtual absl::Status Make(const EvpnConfig& vni) = 0;
  // `shadow` is the shadow port that another process hands over; invalid: it is made.
  [[nodiscard]] virtual absl::Status Join(const EvpnConfig& vni, FileDescriptor shadow) = 0;
  // Has no effect on one that has not joined.
  virtual void Leave(const EvpnConfig& vni) = 0;
  virtual void Free(const EvpnConfig& vni) = 0;

  // Adds the shadow port of the VNI of port `dev`, if there is one, for another process. False when
  // there is no descriptor for it.
  [[nodiscard]] virtual bool HandOver(std::string_view dev, PortHandover& handover) const = 0;

 protected:
  VniHost() = default;
};

}  // namespace tapswitch
