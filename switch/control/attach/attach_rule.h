// A parsed rule of --attach for the interfaces that match a pattern.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"
#include "switch/control/config/config.h"
#include "switch/control/config/port_settings.h"

namespace tapswitch {

struct AttachRule {
  std::string glob;
  PortSettings settings;            // settings of the ports of such interfaces
  std::vector<PortOption> options;  // options of the type netdev

  [[nodiscard]] bool Matches(std::string_view name) const;
};

// Parses a rule. Each word is a setting of `tapctl link set` (`isolated`, `learning=off`;
// `max_macs` is `fdb_max_learned`; a `profile` comes before all others), or else an option of a
// netdev port. InvalidArgument or FailedPrecondition names a word that is neither, or that is
// refused.
[[nodiscard]] absl::StatusOr<std::vector<AttachRule>> ReadAttachRules(
    std::span<const AttachText> texts);

// Returns the first rule for interfaces of this name; null if there is none.
[[nodiscard]] const AttachRule* FindAttachRule(std::span<const AttachRule> rules,
                                               std::string_view name);

}  // namespace tapswitch
