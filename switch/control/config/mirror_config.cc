#include "switch/control/config/mirror_config.h"

#include <algorithm>
#include <optional>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/quoting.h"
#include "switch/control/config/vlan_edit.h"

namespace tapswitch {
namespace {

bool IsSource(const MirrorConfig& mirror, std::string_view port) {
  return std::find(mirror.ports.begin(), mirror.ports.end(), port) != mirror.ports.end();
}

absl::Status Refuse(const MirrorConfig& mirror, std::string_view why) {
  return absl::FailedPreconditionError(fmt::format("mirror {}: {}", mirror.name, why));
}

// Returns why two mirrors exclude each other, if they do: one would copy the copies of the other.
absl::Status CheckPair(const MirrorConfig& mirror, const MirrorConfig& other) {
  const auto clash = [&](std::string_view port, std::string_view what) {
    return Refuse(mirror, fmt::format("{} is {} of mirror {}: what is copied to a port cannot be "
                                      "copied from it",
                                      port, what, other.name));
  };
  if (IsSource(other, mirror.destination)) return clash(mirror.destination, "a source");
  if (IsSource(mirror, other.destination)) return clash(other.destination, "the destination");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckMirror(const std::vector<MirrorConfig>& mirrors, const MirrorConfig& mirror) {
  if (mirror.ports.empty() && mirror.vlans.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("mirror {}: it has no source: say dev PORT or vlan VID", mirror.name));
  }
  if (mirrors.size() >= kMaxMirrors) {
    return absl::ResourceExhaustedError(
        fmt::format("mirror {}: a bridge has at most {} mirrors", mirror.name, kMaxMirrors));
  }
  if (absl::Status checked = CheckPair(mirror, mirror); !checked.ok()) {
    return Refuse(mirror, fmt::format("{} cannot be source and destination", mirror.destination));
  }
  for (const MirrorConfig& other : mirrors) {
    if (other.name == mirror.name) {
      return absl::AlreadyExistsError(
          fmt::format("mirror {}: it is there already: remove it first (tapctl mirror del {})",
                      mirror.name, mirror.name));
    }
    if (absl::Status checked = CheckPair(mirror, other); !checked.ok()) return checked;
  }
  return absl::OkStatus();
}

void ForgetPort(std::string_view port, std::vector<MirrorConfig>& mirrors) {
  for (MirrorConfig& mirror : mirrors) std::erase(mirror.ports, port);
  std::erase_if(mirrors, [&](const MirrorConfig& mirror) {
    return mirror.destination == port || (mirror.ports.empty() && mirror.vlans.empty());
  });
}

std::string_view DirectionOf(const MirrorConfig& mirror) {
  if (mirror.ingress && mirror.egress) return "both";
  return mirror.ingress ? "ingress" : "egress";
}

std::string MirrorWords(const MirrorConfig& mirror) {
  std::string words = fmt::format("{} from", mirror.name);
  for (const std::string& port : mirror.ports) words += " dev " + Quoted(port);
  for (const VlanRange range : RangesOf(PortVlans{.members = mirror.vlans}))
    words += " vlan " + RangeText(range);
  return words + fmt::format(" {} to {}", DirectionOf(mirror), Quoted(mirror.destination));
}

}  // namespace tapswitch
