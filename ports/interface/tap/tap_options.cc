#include "ports/interface/tap/tap_options.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "ports/os/user_accounts.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// What the kernel allows a TAP: ETH_MIN_MTU, and MAX_MTU less an Ethernet header
// (drivers/net/tun.c, tun_net_initialize).
constexpr uint32_t kLeastMtu = 68;
constexpr uint32_t kMostMtu = 65521;

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

// Stores a value that was read, or hands on the error.
template <typename Value, typename Target>
absl::Status Store(absl::StatusOr<Value> value, Target& target) {
  if (!value.ok()) return value.status();
  target = *std::move(value);
  return absl::OkStatus();
}

struct Key {
  std::string_view name;
  absl::Status (*apply)(const PortOption& option, TapOptions& options);
};

constexpr std::array kKeys{
    Key{"netns", [](const PortOption& o, TapOptions& t) { return Store(ReadText(o), t.netns); }},
    Key{"mtu", [](const PortOption& o,
                  TapOptions& t) { return Store(ReadNumber(o, kLeastMtu, kMostMtu), t.mtu); }},
    Key{"user", [](const PortOption& o,
                   TapOptions& t) { return Store(ReadId(o, "user", FindUserId), t.user); }},
    Key{"group", [](const PortOption& o,
                    TapOptions& t) { return Store(ReadId(o, "group", FindGroup), t.group); }},
    Key{"persist",
        [](const PortOption& o, TapOptions& t) { return Store(ReadOnOff(o), t.persist); }},
    Key{"queues", [](const PortOption& o,
                     TapOptions& t) { return Store(ReadNumber(o, 1, kMostTapQueues), t.queues); }},
    // The kernel makes a ring of this many pointers; beyond a million it mostly costs memory.
    Key{"txqueuelen",
        [](const PortOption& o, TapOptions& t) {
          return Store(ReadNumber(o, 1, 1'000'000), t.txqueuelen);
        }},
    Key{"offload",
        [](const PortOption& o, TapOptions& t) { return Store(ReadOnOff(o), t.offload); }},
    Key{"up", [](const PortOption& o, TapOptions& t) { return Store(ReadOnOff(o), t.up); }},
};

constexpr auto kKeyNames = [] {
  std::array<std::string_view, kKeys.size()> names{};
  std::transform(kKeys.begin(), kKeys.end(), names.begin(),
                 [](const Key& key) { return key.name; });
  return names;
}();

}  // namespace

absl::StatusOr<TapOptions> ParseTapOptions(const PortSpec& spec) {
  if (absl::Status known = CheckKeys(spec, kKeyNames); !known.ok()) return known;
  TapOptions options{.name = spec.name};
  for (const PortOption& option : spec.options) {
    const auto* const key = std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& candidate) {
      return candidate.name == option.key;
    });
    const absl::Status applied = key->apply(option, options);
    if (!applied.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("port '{}': {}", spec.name, std::string(applied.message())));
    }
  }
  return options;
}

}  // namespace tapswitch
