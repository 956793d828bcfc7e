// Profiles of ports: one word for all that a port of a kind wants. What a profile sets is data in
// one table (port_profile.cc), and so is the reason for each setting.
//
// A profile sets every setting of the table, also to what a new port has, so that nothing is left
// of another profile. A setting that is changed afterwards stays as it is until a profile is named
// again. VLANs are not part of any.

#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace tapswitch {

struct PortSettings;

enum class PortProfile : uint8_t {
  kNone,
  kVm,      // a guest or a container: a station, which is not trusted
  kUplink,  // to a network that others run
  kTrunk,   // to another bridge of one's own
};

inline constexpr std::array<std::string_view, 4> kPortProfileNames{"none", "vm", "uplink", "trunk"};

// The word by which a profile is named. It is set before all others of a request.
inline constexpr std::string_view kProfileWord = "profile";

[[nodiscard]] constexpr std::string_view NameOf(PortProfile profile) {
  return kPortProfileNames[static_cast<size_t>(profile)];
}

// Sets what the profile sets, and notes it. Nothing else changes.
void ApplyProfile(PortProfile profile, PortSettings& settings);

// ApplyProfile by name. InvalidArgument if there is no profile of that name.
[[nodiscard]] absl::Status SetProfile(const nlohmann::json& value, PortSettings& settings);

// Returns `from`, to which the profile of `settings` has been applied unless it is that of `from`.
[[nodiscard]] PortSettings WithProfileOf(const PortSettings& settings, const PortSettings& from);

// One setting of a profile, as a port has it.
struct ProfileSetting {
  std::string_view name;
  std::string value;       // of the port
  std::string of_profile;  // the profile's value
  std::string_view why;
};

// All settings that profiles set, in the order of the table.
[[nodiscard]] std::vector<ProfileSetting> ExplainProfile(const PortSettings& settings);

}  // namespace tapswitch
