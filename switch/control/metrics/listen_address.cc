#include "switch/control/metrics/listen_address.h"

#include <arpa/inet.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

namespace tapswitch {
namespace {

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return port;
}

std::optional<std::string> ParseHost(std::string_view text) {
  if (text.empty()) return "0.0.0.0";
  std::string host(text);
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return {};
  return host;
}

absl::Status Bad(std::string_view text, std::string_view cure) {
  return absl::InvalidArgumentError(fmt::format("--metrics_listen={}: {}", text, cure));
}

const sockaddr* AsSockaddr(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

sockaddr_in ListenAddress::ToSockaddr() const {
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  if (text.starts_with('[')) {
    return Bad(text, "metrics are served over IPv4 only: give an address such as 127.0.0.1:9100");
  }
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    const auto host = ParseHost(text.substr(0, colon));
    const auto port = ParsePort(text.substr(colon + 1));
    if (host && port) return ListenAddress{.host = *host, .port = *port};
  }
  return Bad(text,
             "give a numeric IPv4 address and a port, such as 127.0.0.1:9100, or :9100 for all "
             "addresses");
}

absl::StatusOr<FileDescriptor> ListenOn(const ListenAddress& address) {
  constexpr int kBacklog = 64;
  const sockaddr_in socket_address = address.ToSockaddr();
  FileDescriptor listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (listening.valid() &&
      setsockopt(listening.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
      bind(listening.get(), AsSockaddr(socket_address), sizeof(socket_address)) == 0 &&
      listen(listening.get(), kBacklog) == 0) {
    return listening;
  }
  return absl::UnavailableError(std::strerror(errno));
}

uint16_t PortOf(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.sin_port);
}

}  // namespace tapswitch
