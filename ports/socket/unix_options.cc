#include "ports/socket/unix_options.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "ports/file_options.h"
#include "ports/option_keys.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr uint32_t kMostSocketMtu = 65535;
constexpr uint32_t kMostClients = 256;

absl::Status Bad(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::StatusOr<UnixOptions::Mode> ReadMode(const PortOption& option) {
  const std::string text = option.value.value_or("");
  if (text == "stream") return UnixOptions::Mode::kStream;
  if (text == "dgram") return UnixOptions::Mode::kDgram;
  return Bad(fmt::format("mode={}: it is stream or dgram, as of QEMU's -netdev", text));
}

using UnixKey = OptionKey<UnixOptions>;

constexpr std::array kKeys{
    UnixKey{"path", [](const PortOption& o,
                       UnixOptions& u) { return StoreOption(ReadSocketPath(o), u.path); }},
    UnixKey{"mode",
            [](const PortOption& o, UnixOptions& u) { return StoreOption(ReadMode(o), u.mode); }},
    UnixKey{"clients",
            [](const PortOption& o, UnixOptions& u) {
              return StoreOption(ReadNumber(o, 1, kMostClients), u.clients);
            }},
    UnixKey{"remote", [](const PortOption& o,
                         UnixOptions& u) { return StoreOption(ReadSocketPath(o), u.remote); }},
    // 0 to 2 are what every program starts with.
    UnixKey{"fd",
            [](const PortOption& o, UnixOptions& u) {
              return StoreOption(ReadNumber(o, 3, std::numeric_limits<int>::max()), u.fd);
            }},
    UnixKey{"mtu",
            [](const PortOption& o, UnixOptions& u) {
              return StoreOption(ReadNumber(o, kLeastMtu, kMostSocketMtu), u.mtu);
            }},
    UnixKey{"perm", [](const PortOption& o,
                       UnixOptions& u) { return StoreOption(ReadPermissions(o), u.mode_bits); }},
    UnixKey{"user",
            [](const PortOption& o, UnixOptions& u) { return StoreOption(ReadUser(o), u.user); }},
    UnixKey{"group",
            [](const PortOption& o, UnixOptions& u) { return StoreOption(ReadGroup(o), u.group); }},
};

// Checks which options fit together.
absl::Status Check(const UnixOptions& options) {
  const bool is_dgram = options.mode == UnixOptions::Mode::kDgram;
  if (!is_dgram && (options.fd || !options.remote.empty())) {
    return Bad("remote= and fd= are for mode=dgram: leave them out, or add mode=dgram");
  }
  if (is_dgram && options.clients != 1) {
    return Bad("clients= is for mode=stream: give each datagram peer a port and a path of its own");
  }
  if (options.fd) {
    if (options.path.empty() && options.remote.empty()) return absl::OkStatus();
    return Bad("fd= names a connected socket: leave path= and remote= out");
  }
  if (options.path.empty()) return Bad("it needs path=/WHERE/ITS/SOCKET/IS");
  if (options.path == options.remote)
    return Bad("path= and remote= are the same: it is not its peer");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UnixOptions> ParseUnixOptions(const PortSpec& spec) {
  auto options = ReadOptions(spec, kKeys, UnixOptions{.name = spec.name});
  if (!options.ok()) return options;
  if (absl::Status checked = Check(*options); !checked.ok()) {
    return Bad(fmt::format("port '{}': {}", spec.name, std::string(checked.message())));
  }
  return options;
}

absl::StatusOr<std::vector<PortSpec>> ExpandClients(const PortSpec& spec) {
  const auto is_clients = [](const PortOption& option) { return option.key == "clients"; };
  if (std::none_of(spec.options.begin(), spec.options.end(), is_clients)) return std::vector{spec};
  const auto options = ParseUnixOptions(spec);
  if (!options.ok()) return options.status();
  std::vector<PortSpec> ports;
  for (uint32_t i = 1; i <= options->clients; ++i) {
    PortSpec& port = ports.emplace_back(spec);
    std::erase_if(port.options, is_clients);
    port.name = fmt::format("{}.{}", spec.name, i);
    if (absl::Status named = CheckInterfaceName(port.name); !named.ok()) return named;
  }
  return ports;
}

}  // namespace tapswitch
