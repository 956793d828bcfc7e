// The wanted mirrors of a bridge, by the names of ports.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/forwarding/vlan_set.h"

namespace tapswitch {

// The maximum of mirrors of a bridge, more than anybody reads.
inline constexpr size_t kMaxMirrors = 64;

struct MirrorConfig {
  std::string name;
  std::vector<std::string> ports;  // sources
  VlanSet vlans;                   // sources
  bool ingress = true;             // at least one of these two is set
  bool egress = true;
  std::string destination;

  bool operator==(const MirrorConfig&) const = default;
};

// Checks whether `mirror` can be added to `mirrors`: its name is free, it has sources, and no port
// is source and destination at once, so that no copy is ever copied. It does not check that its
// ports exist.
[[nodiscard]] absl::Status CheckMirror(const std::vector<MirrorConfig>& mirrors,
                                       const MirrorConfig& mirror);

// Removes a port that has gone from the sources. A mirror without sources, or without its
// destination, is removed.
void ForgetPort(std::string_view port, std::vector<MirrorConfig>& mirrors);

// Returns "ingress", "egress" or "both".
[[nodiscard]] std::string_view DirectionOf(const MirrorConfig& mirror);

// Returns the words behind `mirror add`.
[[nodiscard]] std::string MirrorWords(const MirrorConfig& mirror);

}  // namespace tapswitch
