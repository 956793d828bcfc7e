// The keys of one type of port, as a table, and reading the options of a port by it.

#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/port_spec.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

// The range that the kernel allows a TAP and a veth: ETH_MIN_MTU, and of a TAP MAX_MTU less an
// Ethernet header (drivers/net/tun.c, tun_net_initialize).
inline constexpr uint32_t kLeastMtu = 68;
inline constexpr uint32_t kMostMtu = 65521;

template <typename Options>
struct OptionKey {
  std::string_view name;
  absl::Status (*apply)(const PortOption& option, Options& options);
};

// Stores a value that was read, or hands on the error.
template <typename Value, typename Target>
absl::Status StoreOption(absl::StatusOr<Value> value, Target& target) {
  if (!value.ok()) return value.status();
  target = *std::move(value);
  return absl::OkStatus();
}

// Reads the options of a port into `options`. InvalidArgument names the port and the bad key or
// value, and says what would be right.
template <typename Options, size_t kCount>
[[nodiscard]] absl::StatusOr<Options> ReadOptions(
    const PortSpec& spec, const std::array<OptionKey<Options>, kCount>& keys, Options options) {
  std::array<std::string_view, kCount> names{};
  std::transform(keys.begin(), keys.end(), names.begin(), [](const auto& key) { return key.name; });
  if (absl::Status known = CheckKeys(spec, names); !known.ok()) return known;
  for (const PortOption& option : spec.options) {
    const auto* const key = std::find_if(keys.begin(), keys.end(), [&](const auto& candidate) {
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
