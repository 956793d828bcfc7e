#include "ports/socket/udp_options.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "ports/option_keys.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// A datagram of IPv4 has room for so many bytes, of which a frame's header and tag take some.
constexpr uint32_t kMostUdpMtu = 65507 - 18;

absl::Status Invalid(const std::string& message) { return absl::InvalidArgumentError(message); }

std::optional<in_port_t> ParseNumber(std::string_view text) {
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = !text.empty() && error == std::errc() && end == text.data() + text.size();
  if (!is_number || number == 0) return std::nullopt;
  return htons(number);
}

template <typename Sockaddr>
UdpAddress Store(const Sockaddr& address) {
  UdpAddress stored{.storage = {}, .size = sizeof(address)};
  std::memcpy(&stored.storage, &address, sizeof(address));
  return stored;
}

std::optional<UdpAddress> ParseIpv4(const std::string& host, in_port_t port) {
  sockaddr_in address{.sin_family = AF_INET, .sin_port = port, .sin_addr = {}, .sin_zero = {}};
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
  return Store(address);
}

std::optional<UdpAddress> ParseIpv6(const std::string& host, in_port_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = port;
  if (inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) return std::nullopt;
  return Store(address);
}

std::optional<UdpAddress> Parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = ParseNumber(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port) return std::nullopt;
  if (!host.starts_with('[') || !host.ends_with(']')) return ParseIpv4(std::string(host), *port);
  return ParseIpv6(std::string(host.substr(1, host.size() - 2)), *port);
}

absl::StatusOr<UdpAddress> ReadAddress(const PortOption& option) {
  return ParseUdpAddress(option.key, option.value.value_or(""));
}

using UdpKey = OptionKey<UdpOptions>;

constexpr std::array kUdpKeys{
    UdpKey{"local",
           [](const PortOption& o, UdpOptions& u) { return StoreOption(ReadAddress(o), u.local); }},
    UdpKey{"remote", [](const PortOption& o,
                        UdpOptions& u) { return StoreOption(ReadAddress(o), u.remote); }},
    UdpKey{"mtu",
           [](const PortOption& o, UdpOptions& u) {
             return StoreOption(ReadNumber(o, kLeastMtu, kMostUdpMtu), u.mtu);
           }},
};

absl::Status CheckAddresses(const UdpOptions& options) {
  if (options.local.size == 0 || options.remote.size == 0) {
    return Invalid("it needs local=ADDRESS:PORT and remote=ADDRESS:PORT");
  }
  if (options.local.size != options.remote.size) {
    return Invalid("local= and remote= are of IPv4 and of IPv6: give two addresses of one of them");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UdpAddress> ParseUdpAddress(std::string_view key, std::string_view text) {
  const auto address = Parse(text);
  if (address) return *address;
  return Invalid(
      fmt::format("{}={}: expected a numeric address and a port, such as 192.0.2.1:9000 or "
                  "[2001:db8::1]:9000",
                  key, text));
}

absl::StatusOr<UdpOptions> ParseUdpOptions(const PortSpec& spec) {
  auto options = ReadOptions(spec, kUdpKeys, UdpOptions{.name = spec.name});
  if (!options.ok()) return options;
  if (absl::Status checked = CheckAddresses(*options); !checked.ok()) {
    return Invalid(fmt::format("port '{}': {}", spec.name, std::string(checked.message())));
  }
  return options;
}

}  // namespace tapswitch
