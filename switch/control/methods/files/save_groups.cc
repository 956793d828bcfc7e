#include "switch/control/methods/files/save_groups.h"

#include <algorithm>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/quoting.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/methods/files/save_entries.h"
#include "switch/control/methods/multicast/mdb_json.h"

namespace tapswitch {
namespace {

struct SavedGroup {
  std::string name;   // the words that name the entry
  std::string words;  // the rest
  std::string port;

  bool operator==(const SavedGroup&) const = default;
};

SavedGroup Saved(const BridgeControl& control, const MdbRequest& request) {
  SavedGroup saved{.name = {}, .words = {}, .port = control.NameOf(request.port)};
  saved.name = fmt::format("port {} grp {}", Quoted(saved.port), GroupText(request.key.group));
  if (request.source != IpAddress()) saved.name += " src " + IpAddressText(request.source);
  if (request.key.vlan != kNoVlan) saved.name += fmt::format(" vid {}", request.key.vlan.value);
  saved.words = " permanent";
  const bool is_plain = request.mode == FilterMode::kExclude && request.sources.empty();
  if (!is_plain && request.source == IpAddress()) {
    saved.words +=
        request.mode == FilterMode::kInclude ? " filter_mode include" : " filter_mode exclude";
    std::string separator = " source_list ";
    for (const IpAddress source : request.sources) {
      saved.words += separator + IpAddressText(source);
      separator = ",";
    }
  }
  if (request.port != kBridgePort && request.made_by != kMadeByUser) {
    saved.words += " proto " + ProtocolText(request.made_by);
  }
  return saved;
}

// Those of the bridge itself are left out: it may have another name where they are read.
std::vector<SavedGroup> GroupsOf(const BridgeControl& control) {
  std::vector<SavedGroup> groups;
  if (!control.config().bridge.multicast.snooping) return groups;
  for (const auto& [key, group] : control.Groups()) {
    for (const MdbRequest& request : PermanentRequests(key, group)) {
      const PortConfig* const port = control.config().port(control.NameOf(request.port));
      if (port != nullptr && !port->ephemeral) groups.push_back(Saved(control, request));
    }
  }
  return groups;
}

const SavedGroup* FindSame(const std::vector<SavedGroup>& groups, const SavedGroup& wanted) {
  const auto found = std::find_if(groups.begin(), groups.end(),
                                  [&](const SavedGroup& one) { return one.name == wanted.name; });
  return found == groups.end() ? nullptr : &*found;
}

}  // namespace

void SaveGroups(const BridgeControl& control, std::vector<std::string>& lines) {
  for (const SavedGroup& group : GroupsOf(control)) {
    lines.push_back("mdb add " + group.name + group.words);
  }
}

std::vector<std::string> GroupCommandsBetween(const BridgeControl& before,
                                              const BridgeControl& after) {
  std::vector<std::string> lines;
  const auto from = GroupsOf(before);
  const auto to = GroupsOf(after);
  const auto is_kept = [&](const SavedGroup& group) {
    const PortConfig* const port = after.config().port(group.port);
    return port != nullptr && IsKept(before.config().port(group.port), *port);
  };
  for (const SavedGroup& group : from) {
    if (is_kept(group) && FindSame(to, group) == nullptr) lines.push_back("mdb del " + group.name);
  }
  for (const SavedGroup& group : to) {
    const SavedGroup* const same = is_kept(group) ? FindSame(from, group) : nullptr;
    if (same == nullptr || *same != group) {
      lines.push_back("mdb replace " + group.name + group.words);
    }
  }
  return lines;
}

}  // namespace tapswitch
