// IP addresses as texts.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// Returns an address of IPv4 or IPv6; InvalidArgument names the mistake.
[[nodiscard]] absl::StatusOr<IpAddress> ParseIpAddress(std::string_view name,
                                                       std::string_view text);
[[nodiscard]] std::string IpAddressText(IpAddress address);

}  // namespace tapswitch
