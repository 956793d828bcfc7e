#include "ports/vhost_user/vhost_options.h"

#include <array>
#include <string_view>

#include "ports/file_options.h"
#include "ports/option_keys.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr uint32_t kMostVhostMtu = 65535;

absl::StatusOr<VhostOptions::Mode> ReadVhostMode(const PortOption& option) {
  const std::string text = option.value.value_or("");
  if (text == "server") return VhostOptions::Mode::kServer;
  if (text == "client") return VhostOptions::Mode::kClient;
  return absl::InvalidArgumentError(fmt::format(
      "mode={}: it is server, where the switch listens, or client, where it connects", text));
}

using VhostKey = OptionKey<VhostOptions>;

constexpr std::array kVhostKeys{
    VhostKey{"path", [](const PortOption& o,
                        VhostOptions& v) { return StoreOption(ReadSocketPath(o), v.path); }},
    VhostKey{"mode", [](const PortOption& o,
                        VhostOptions& v) { return StoreOption(ReadVhostMode(o), v.mode); }},
    VhostKey{"queues",
             [](const PortOption& o, VhostOptions& v) {
               return StoreOption(ReadNumber(o, 1, VhostOptions::kMostQueues), v.queues);
             }},
    VhostKey{"mtu",
             [](const PortOption& o, VhostOptions& v) {
               return StoreOption(ReadNumber(o, kLeastMtu, kMostVhostMtu), v.mtu);
             }},
    VhostKey{"perm", [](const PortOption& o,
                        VhostOptions& v) { return StoreOption(ReadPermissions(o), v.mode_bits); }},
    VhostKey{"user",
             [](const PortOption& o, VhostOptions& v) { return StoreOption(ReadUser(o), v.user); }},
    VhostKey{"group", [](const PortOption& o,
                         VhostOptions& v) { return StoreOption(ReadGroup(o), v.group); }},
};

absl::Status CheckTogether(const PortSpec& spec, const VhostOptions& options) {
  const auto bad = [&](std::string_view what) {
    return absl::InvalidArgumentError(fmt::format("port '{}': {}", spec.name, what));
  };
  if (options.path.empty()) return bad("it needs path=/WHERE/ITS/SOCKET/IS");
  const VhostOptions standard;
  const bool has_rights = options.user || options.group || options.mode_bits != standard.mode_bits;
  if (options.mode == VhostOptions::Mode::kClient && has_rights) {
    return bad(
        "perm=, user= and group= are of a socket that the switch makes: leave them out with "
        "mode=client");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VhostOptions> ParseVhostOptions(const PortSpec& spec) {
  auto options = ReadOptions(spec, kVhostKeys, VhostOptions{.name = spec.name});
  if (!options.ok()) return options;
  if (absl::Status together = CheckTogether(spec, *options); !together.ok()) return together;
  return options;
}

}  // namespace tapswitch
