#include "ports/link/link_options.h"

#include <array>
#include <string_view>

#include "ports/os/unix/unix_listener.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

absl::Status BadTarget(const PortOption& option, std::string_view problem) {
  return absl::InvalidArgumentError(
      fmt::format("to={}: {}: write to=SWITCH:PORT, where SWITCH is the name of a switch or the "
                  "full path of its control socket",
                  option.value.value_or(""), problem));
}

// Without a port the result has an empty one. A path may contain ':' before its last '/'.
absl::StatusOr<LinkTarget> ReadTarget(const PortOption& option) {
  const std::string text = option.value.value_or("");
  const size_t colon = text.rfind(':');
  const size_t slash = text.rfind('/');
  const bool has_port = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  LinkTarget target{.bridge = text.substr(0, has_port ? colon : std::string::npos),
                    .port = has_port ? text.substr(colon + 1) : ""};
  if (has_port && target.port.empty()) return BadTarget(option, "there is no port behind ':'");
  if (target.is_path()) {
    if (!target.bridge.starts_with('/')) return BadTarget(option, "the path is not a full one");
    if (target.bridge.ends_with('/')) return BadTarget(option, "the path is that of a folder");
  } else if (absl::Status named = CheckInterfaceName(target.bridge); !named.ok()) {
    return BadTarget(option, "that is no name of a switch");
  }
  if (has_port && !CheckInterfaceName(target.port).ok()) {
    return BadTarget(option, "that is no name of a port");
  }
  return target;
}

using LinkKey = OptionKey<LinkOptions>;

constexpr std::array kLinkKeys{
    LinkKey{"to",
            [](const PortOption& o, LinkOptions& l) { return StoreOption(ReadTarget(o), l.to); }},
    LinkKey{"mtu",
            [](const PortOption& o, LinkOptions& l) {
              return StoreOption(ReadNumber(o, kLeastMtu, kMostMtu), l.mtu);
            }},
};

}  // namespace

absl::StatusOr<LinkOptions> ParseLinkOptions(const PortSpec& spec) {
  auto options = ReadOptions(spec, kLinkKeys, LinkOptions{.name = spec.name});
  if (!options.ok() || !options->to) return options;
  LinkTarget& target = *options->to;
  if (target.port.empty()) target.port = spec.name;
  if (!target.is_path()) return options;
  const absl::Status fits = UnixListener::CheckPath(fmt::format("port '{}': to=", spec.name),
                                                    LinkSocketPath(target.bridge, target.port));
  return fits.ok() ? options : absl::StatusOr<LinkOptions>(fits);
}

}  // namespace tapswitch
