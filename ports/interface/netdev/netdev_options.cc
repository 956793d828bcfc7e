#include "ports/interface/netdev/netdev_options.h"

#include <array>
#include <string_view>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr std::array<std::string_view, 3> kNetdevKeys{"host", "netns", "wait"};

absl::Status Apply(const PortOption& option, NetdevOptions& options) {
  if (option.key == "wait") {
    if (option.value) return absl::InvalidArgumentError("wait takes no value: leave '=' out");
    options.waits = true;
    return absl::OkStatus();
  }
  const auto text = ReadText(option);
  if (!text.ok()) return text.status();
  if (option.key == "netns") {
    options.netns = *text;
    return absl::OkStatus();
  }
  if (*text != "shared" && *text != "excluded") {
    return absl::InvalidArgumentError(fmt::format(
        "host={}: shared (the host's network stack goes on receiving) or excluded (default)",
        *text));
  }
  options.shared_with_host = *text == "shared";
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NetdevOptions> ParseNetdevOptions(const PortSpec& spec) {
  if (absl::Status known = CheckKeys(spec, kNetdevKeys); !known.ok()) return known;
  NetdevOptions options{.name = spec.name};
  for (const PortOption& option : spec.options) {
    const absl::Status applied = Apply(option, options);
    if (!applied.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("port '{}': {}", spec.name, std::string(applied.message())));
    }
  }
  return options;
}

}  // namespace tapswitch
