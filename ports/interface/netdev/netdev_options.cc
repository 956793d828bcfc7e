#include "ports/interface/netdev/netdev_options.h"

#include <array>

#include "ports/option_keys.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using NetdevKey = OptionKey<NetdevOptions>;

absl::StatusOr<bool> ReadShared(const PortOption& option) {
  const auto text = ReadText(option);
  if (!text.ok()) return text.status();
  if (*text == "shared" || *text == "excluded") return *text == "shared";
  return absl::InvalidArgumentError(fmt::format(
      "host={}: shared (the host's network stack goes on receiving) or excluded (default)", *text));
}

absl::StatusOr<bool> ReadBare(const PortOption& option) {
  if (!option.value) return true;
  return absl::InvalidArgumentError(fmt::format("{} takes no value: leave '=' out", option.key));
}

constexpr std::array kNetdevKeys{
    NetdevKey{"host",
              [](const PortOption& o, NetdevOptions& n) {
                return StoreOption(ReadShared(o), n.shared_with_host);
              }},
    NetdevKey{"netns", [](const PortOption& o,
                          NetdevOptions& n) { return StoreOption(ReadText(o), n.netns); }},
    NetdevKey{"wait", [](const PortOption& o,
                         NetdevOptions& n) { return StoreOption(ReadBare(o), n.waits); }},
};

}  // namespace

absl::StatusOr<NetdevOptions> ParseNetdevOptions(const PortSpec& spec) {
  return ReadOptions(spec, kNetdevKeys, NetdevOptions{.name = spec.name});
}

}  // namespace tapswitch
