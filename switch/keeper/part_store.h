// The place where a switch puts what is to outlive it: its keeper, or the service manager.
//
// The control thread calls it.

#pragma once

#include <string>

#include "absl/status/status.h"
#include "ports/port_handover.h"

namespace tapswitch {

class PartStore {
 public:
  virtual ~PartStore() = default;
  PartStore(const PartStore&) = delete;
  PartStore& operator=(const PartStore&) = delete;

  // Keeps copies of the files of a part, in place of those of a part of that name.
  [[nodiscard]] virtual absl::Status Keep(const std::string& part, PortHandover files) = 0;
  // Closes these copies before it returns.
  [[nodiscard]] virtual absl::Status Forget(const std::string& part) = 0;
  // Whether a part that must not stay for long after a death (kOverlayPart) is closed in time.
  [[nodiscard]] virtual bool closes_in_time() const = 0;
  // The switch forwards and serves clients.
  virtual void Ready() = 0;
  // The switch ends because it was told to: all copies are closed before it returns.
  virtual void End() = 0;

 protected:
  PartStore() = default;
};

}  // namespace tapswitch
