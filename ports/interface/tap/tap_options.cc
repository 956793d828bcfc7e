#include "ports/interface/tap/tap_options.h"

#include <array>
#include <string_view>

#include "ports/option_keys.h"

namespace tapswitch {
namespace {

using Key = OptionKey<TapOptions>;

constexpr std::array kKeys{
    Key{"netns",
        [](const PortOption& o, TapOptions& t) { return StoreOption(ReadText(o), t.netns); }},
    Key{"mtu",
        [](const PortOption& o, TapOptions& t) {
          return StoreOption(ReadNumber(o, kLeastMtu, kMostMtu), t.mtu);
        }},
    Key{"user",
        [](const PortOption& o, TapOptions& t) { return StoreOption(ReadUser(o), t.user); }},
    Key{"group",
        [](const PortOption& o, TapOptions& t) { return StoreOption(ReadGroup(o), t.group); }},
    Key{"persist",
        [](const PortOption& o, TapOptions& t) { return StoreOption(ReadOnOff(o), t.persist); }},
    Key{"queues",
        [](const PortOption& o, TapOptions& t) {
          return StoreOption(ReadNumber(o, 1, kMostTapQueues), t.queues);
        }},
    // The kernel makes a ring of this many pointers; beyond a million it mostly costs memory.
    Key{"txqueuelen",
        [](const PortOption& o, TapOptions& t) {
          return StoreOption(ReadNumber(o, 1, 1'000'000), t.txqueuelen);
        }},
    Key{"offload",
        [](const PortOption& o, TapOptions& t) { return StoreOption(ReadOnOff(o), t.offload); }},
    Key{"up", [](const PortOption& o, TapOptions& t) { return StoreOption(ReadOnOff(o), t.up); }},
};

}  // namespace

absl::StatusOr<TapOptions> ParseTapOptions(const PortSpec& spec) {
  return ReadOptions(spec, kKeys, TapOptions{.name = spec.name});
}

}  // namespace tapswitch
