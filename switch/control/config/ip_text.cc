#include "switch/control/config/ip_text.h"

#include <arpa/inet.h>

#include <array>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"
#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {

absl::StatusOr<IpAddress> ParseIpAddress(std::string_view name, std::string_view text) {
  const std::string copy(text);
  std::array<std::byte, IpAddress::kV6Size> bytes{};
  if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) {
    return IpAddress::FromV4(LoadBe32(bytes.data()));
  }
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return IpAddress::FromV6(bytes);
  return absl::InvalidArgumentError(
      fmt::format("{} '{:.100}': expected an address of IPv4 or IPv6", name, text));
}

std::string IpAddressText(IpAddress address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto bytes = address.bytes();
  const size_t skipped = address.is_v4() ? IpAddress::kV6Size - IpAddress::kV4Size : 0;
  inet_ntop(address.is_v4() ? AF_INET : AF_INET6, bytes.data() + skipped, text.data(), text.size());
  return text.data();
}

}  // namespace tapswitch
