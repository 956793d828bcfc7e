// What --attach says of the interfaces that match a pattern, understood.

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
  PortSettings settings;            // of the ports of such interfaces
  std::vector<PortOption> options;  // of the type netdev

  [[nodiscard]] bool Matches(std::string_view name) const;
};

// Each word is a setting of `tapctl link set` (`isolated`, `learning=off`; `max_macs` is
// `fdb_max_learned`), or else an option of a netdev port. InvalidArgument or FailedPrecondition
// names the word that is neither, or cannot be had.
[[nodiscard]] absl::StatusOr<std::vector<AttachRule>> ReadAttachRules(
    std::span<const AttachText> texts);

// The first rule for interfaces of this name; null when there is none.
[[nodiscard]] const AttachRule* FindAttachRule(std::span<const AttachRule> rules,
                                               std::string_view name);

}  // namespace tapswitch
