// Which interface the open file of a TAP leads to: `ip link set` moves and renames it under way.

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ports/os/netns.h"

namespace tapswitch {

// The identity of an interface, as far as the file alone tells it.
struct TapIdentity {
  std::string name;
  bool persistent = false;
};

// NotFound when the device has been deleted.
[[nodiscard]] absl::StatusOr<TapIdentity> IdentifyTap(int fd);

// The location of the TAP behind an open file at the time of the call.
struct TapLocation {
  NetworkNamespace netns;
  std::string name;
};

// NotFound when the device has been deleted. Without CAP_NET_ADMIN the kernel tells the name only
// (TUNGETDEVNETNS), and the namespace of the calling thread is assumed.
[[nodiscard]] absl::StatusOr<TapLocation> LocateTap(int fd);

}  // namespace tapswitch
