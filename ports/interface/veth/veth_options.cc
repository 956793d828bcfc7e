#include "ports/interface/veth/veth_options.h"

#include <array>

#include "ports/option_keys.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using VethKey = OptionKey<VethOptions>;

constexpr uint32_t kMostQueueLength = 1'000'000;  // as of a TAP

constexpr std::array kVethKeys{
    VethKey{"netns",
            [](const PortOption& o, VethOptions& v) { return StoreOption(ReadText(o), v.netns); }},
    VethKey{"mtu",
            [](const PortOption& o, VethOptions& v) {
              return StoreOption(ReadNumber(o, kLeastMtu, kMostMtu), v.mtu);
            }},
    VethKey{"txqueuelen",
            [](const PortOption& o, VethOptions& v) {
              return StoreOption(ReadNumber(o, 1, kMostQueueLength), v.txqueuelen);
            }},
    VethKey{"persist", [](const PortOption& o,
                          VethOptions& v) { return StoreOption(ReadOnOff(o), v.persist); }},
    VethKey{"up",
            [](const PortOption& o, VethOptions& v) { return StoreOption(ReadOnOff(o), v.up); }},
};

}  // namespace

absl::StatusOr<VethOptions> ParseVethOptions(const PortSpec& spec) {
  auto options = ReadOptions(spec, kVethKeys, VethOptions{.name = spec.name});
  if (options.ok() && options->netns.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "port '{0}': it needs netns=NAME, where the station's end is to be: for the host itself "
        "use tap:{0}",
        spec.name));
  }
  return options;
}

}  // namespace tapswitch
