#include "switch/control/adopt/give_back.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ports/interface/exclusion/host_exclusion.h"
#include "ports/interface/exclusion/lease_mark.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/linux_bridge_port.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using Lines = std::vector<std::string>;

// The network namespace of the record, which has to be the one of this process.
absl::StatusOr<NetworkNamespace> OwnNamespace(const AdoptionRecord& record) {
  auto netns = NetworkNamespace::Current();
  if (netns.ok() && netns->id() != record.netns) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is in another network namespace (net:[{}]): run tapctl release there: ip netns exec "
        "NAME tapctl release",
        record.bridge.name, record.netns.inode));
  }
  return netns;
}

// The interface as it is now: the same one, or another one of the same name.
std::optional<LinkState> FindAgain(const std::vector<LinkState>& links, int ifindex,
                                   const std::string& name) {
  const auto by = [&](auto&& matches) {
    const auto found = std::find_if(links.begin(), links.end(), matches);
    return found == links.end() ? std::nullopt : std::optional(*found);
  };
  const auto same = by([&](const LinkState& link) { return link.ifindex == ifindex; });
  return same ? same : by([&](const LinkState& link) { return link.name == name; });
}

class Returner {
 public:
  Returner(const AdoptionRecord& record, std::vector<LinkState> links, int bridge)
      : record_(record), links_(std::move(links)), bridge_(bridge) {}

  // Puts the port back. Entries come later, when all ports are there.
  void Return(const LinuxBridgePort& port) {
    const auto link = FindAgain(links_, port.ifindex, port.name);
    if (!link) return Tell(port, "it is gone");
    if (link->master != 0 && link->master != bridge_) return Tell(port, "it has another master");
    LinuxBridgePort now = port;
    now.ifindex = link->ifindex;
    absl::Status done = SetMaster(now.ifindex, bridge_);
    if (done.ok()) done = RestorePort(now, DefaultPvid());
    if (!done.ok()) return Tell(port, std::string(done.message()));
    returned_.emplace_back(port.name, now.ifindex);
  }

  void Return(const LinuxBridgeEntry& entry) {
    const auto port = std::find_if(returned_.begin(), returned_.end(),
                                   [&](const auto& one) { return one.first == entry.port; });
    if (port == returned_.end()) return;
    const absl::Status done = RestoreEntry(entry, port->second);
    const bool ages = entry.state == LinuxEntryState::kLearned;
    if (done.ok() || ages) return;  // what is learned is learned again
    lines_.push_back(fmt::format("{} behind {} is not in the address table again: {}",
                                 entry.address.ToString(), entry.port,
                                 std::string(done.message())));
  }

  // Whoever asked for a group that is not there again asks again.
  void Return(const LinuxBridgeGroup& group) const {
    for (const auto& [name, ifindex] : returned_) {
      if (name == group.port) static_cast<void>(RestoreGroup(group, ifindex, bridge_));
    }
  }

  [[nodiscard]] Lines TakeLines() { return std::move(lines_); }

 private:
  [[nodiscard]] uint16_t DefaultPvid() const {
    return static_cast<uint16_t>(SettingOr(record_.bridge.settings, "vlan_default_pvid", 0));
  }

  void Tell(const LinuxBridgePort& port, const std::string& why) {
    lines_.push_back(
        fmt::format("{} is not a port of {} again: {}", port.name, record_.bridge.name, why));
  }

  const AdoptionRecord& record_;
  std::vector<LinkState> links_;
  int bridge_;  // its index
  std::vector<std::pair<std::string, int>> returned_;
  Lines lines_;
};

}  // namespace

absl::StatusOr<Lines> ReturnPorts(const AdoptionRecord& record,
                                  std::span<const LinuxBridgeEntry> learned) {
  const auto netns = OwnNamespace(record);
  if (!netns.ok()) return netns.status();
  auto links = ListLinks(*netns);
  if (!links.ok()) return links.status();
  const auto bridge = FindAgain(*links, record.bridge.ifindex, record.bridge.name);
  if (!bridge || bridge->kind != "bridge") {
    return absl::NotFoundError(
        fmt::format("bridge {0} is gone: make it again first: ip link add {0} type bridge",
                    record.bridge.name));
  }
  Returner returner(record, *std::move(links), bridge->ifindex);
  for (const LinuxBridgePort& port : record.bridge.ports) returner.Return(port);
  for (const LinuxBridgeGroup& group : record.bridge.groups) returner.Return(group);
  for (const LinuxBridgeEntry& entry : learned) returner.Return(entry);
  // After these: what was set by hand holds.
  for (const LinuxBridgeEntry& entry : record.bridge.entries) {
    const bool ages = entry.state == LinuxEntryState::kLearned && !entry.extern_learn;
    if (!ages || learned.empty()) returner.Return(entry);
  }
  return returner.TakeLines();
}

absl::Status RemoveUplink(const AdoptionRecord& record) {
  const auto netns = OwnNamespace(record);
  if (!netns.ok()) return netns.status();
  const auto link = FindLink(*netns, record.uplink);
  if (!link.ok()) return link.status();
  if (!*link || !(*link)->tun) return absl::OkStatus();
  return DeleteLink(*netns, (*link)->ifindex);
}

absl::StatusOr<Lines> GiveBack(const std::string& file, bool dry_run) {
  const auto record = ReadAdoption(file);
  if (!record.ok()) return record.status();
  if (dry_run) return DescribeGivingBack(*record);
  const auto netns = NetworkNamespace::Current();
  if (!netns.ok()) return netns.status();
  HostExclusion::RepairAll(*netns);
  auto lines = ReturnPorts(*record, {});
  if (!lines.ok()) return lines;
  // Last, so that the host gets none of their frames itself.
  for (const LinuxBridgePort& port : record->bridge.ports) EndLease(netns->id(), port.ifindex);
  if (absl::Status removed = RemoveUplink(*record); !removed.ok()) return removed;
  RemoveAdoption(file);
  return lines;
}

Lines DescribeGivingBack(const AdoptionRecord& record) {
  const LinuxBridge& bridge = record.bridge;
  Lines lines;
  for (const LinuxBridgePort& port : bridge.ports) {
    lines.push_back(fmt::format("{} becomes a port of {} again, with its flags and {} VLANs",
                                port.name, bridge.name, port.vlans.size()));
  }
  lines.push_back(fmt::format("the address table of {} gets its entries again", bridge.name));
  lines.push_back(fmt::format("{} is deleted", record.uplink));
  return lines;
}

}  // namespace tapswitch
