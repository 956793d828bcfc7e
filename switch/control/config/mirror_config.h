// The mirrors of a bridge as they are wanted: by the names of ports.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/forwarding/vlan_set.h"

namespace tapswitch {

// Mirrors of a bridge at most: more than anybody reads.
inline constexpr size_t kMaxMirrors = 64;

struct MirrorConfig {
  std::string name;
  std::vector<std::string> ports;  // sources
  VlanSet vlans;                   // sources
  bool ingress = true;             // of the two one at least
  bool egress = true;
  std::string destination;

  bool operator==(const MirrorConfig&) const = default;
};

// Whether `mirror` can be added to `mirrors`: its name is free, it has sources, and no port is source
// and destination at once, so that no copy is ever copied. That its ports are there is not looked at.
[[nodiscard]] absl::Status CheckMirror(const std::vector<MirrorConfig>& mirrors,
                                       const MirrorConfig& mirror);

// The port has gone: it is no source any more. A mirror without sources, or without its destination,
// goes too.
void ForgetPort(std::string_view port, std::vector<MirrorConfig>& mirrors);

// "ingress", "egress" or "both".
[[nodiscard]] std::string_view DirectionOf(const MirrorConfig& mirror);

// What follows `mirror add`.
[[nodiscard]] std::string MirrorWords(const MirrorConfig& mirror);

}  // namespace tapswitch
