// The place at which QEMU takes commands about the network card of a guest.

#pragma once

#include <compare>
#include <string>

#include "absl/status/status.h"

namespace tapswitch {

struct GuestPlace {
  std::string socket;  // path of its QMP socket
  std::string id;      // of the card (-device), or of its back end (-netdev)

  auto operator<=>(const GuestPlace&) const = default;
};

// InvalidArgument names the part that is wrong, and the cure.
[[nodiscard]] absl::Status CheckGuestPlace(const GuestPlace& place);

}  // namespace tapswitch
