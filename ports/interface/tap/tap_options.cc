#include "ports/interface/tap/tap_options.h"

#include <array>
#include <string_view>

#include "ports/option_keys.h"
#include "ports/os/user_accounts.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The all-ones id means "nobody" to the kernel, which would lift the restriction.
constexpr uint32_t kMostId = std::numeric_limits<uint32_t>::max() - 1;

absl::StatusOr<uint32_t> ReadId(const PortOption& option, std::string_view what,
                                std::optional<uint32_t> (*find)(const std::string& name)) {
  const auto name = ReadText(option);
  if (!name.ok()) return name.status();
  if (const auto number = ReadNumber(option, 0, kMostId); number.ok()) return *number;
  if (const auto id = find(*name)) return *id;
  return absl::InvalidArgumentError(fmt::format(
      "{}={}: there is no such {}: give a name or a number that exists", option.key, *name, what));
}

std::optional<uint32_t> FindUserId(const std::string& name) {
  const auto account = FindUser(name);
  return account ? std::optional(account->uid) : std::nullopt;
}

using Key = OptionKey<TapOptions>;

constexpr std::array kKeys{
    Key{"netns",
        [](const PortOption& o, TapOptions& t) { return StoreOption(ReadText(o), t.netns); }},
    Key{"mtu",
        [](const PortOption& o, TapOptions& t) {
          return StoreOption(ReadNumber(o, kLeastMtu, kMostMtu), t.mtu);
        }},
    Key{"user", [](const PortOption& o,
                   TapOptions& t) { return StoreOption(ReadId(o, "user", FindUserId), t.user); }},
    Key{"group", [](const PortOption& o,
                    TapOptions& t) { return StoreOption(ReadId(o, "group", FindGroup), t.group); }},
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
