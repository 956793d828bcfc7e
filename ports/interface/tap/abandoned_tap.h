// TAPs that tapswitch-qemu-helper made, which nobody holds any more.
//
// Such a TAP is to go with the process that it was given to. Its holder can make it persistent,
// which takes no privileges: then the kernel keeps it, without a carrier, and says nothing of it if
// the holder had taken the carrier away before. Nor does it tell whether somebody holds a TAP of
// one queue: but only one can, so who gets hold of it knows.

#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "ports/netlink/link_state.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

// The alias of an interface (ip-link(8)) that the helper made. It takes CAP_NET_ADMIN to set one,
// so no guest can mark others' interfaces.
inline constexpr std::string_view kGuestTapAlias = "tapswitch-qemu-helper";

// The helper made it, and gave it away.
[[nodiscard]] bool IsGuestTap(const LinkState& link);

// Whether it would outlive its holder, or has.
[[nodiscard]] bool IsPersistentGuestTap(const LinkState& link);

class AbandonedTaps {
 public:
  // Opens /dev/net/tun for all that comes, which another user may not be able to later. The calling
  // thread is in the namespace of the interfaces.
  AbandonedTaps();

  // Deletes a persistent TAP unless somebody holds it. True when it is gone. It takes
  // CAP_NET_ADMIN. The calling thread is in the same namespace.
  [[nodiscard]] absl::StatusOr<bool> RemoveIfAbandoned(const LinkState& link);

 private:
  FileDescriptor tun_;  // attached to nothing between two calls
};

}  // namespace tapswitch
