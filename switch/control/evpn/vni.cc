#include "switch/control/evpn/vni.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <vector>

namespace tapswitch {
namespace {

// The operations of one turn: some milliseconds of the control thread.
constexpr size_t kOperationsAtOnce = 512;

// VTEPs that are noted for showing; of a kernel that has more they are not all shown.
constexpr size_t kMostVteps = 4096;

bool IsForKernel(const FdbOperation& operation) {
  return operation.kind == FdbOperation::Kind::kAnnounce ||
         operation.kind == FdbOperation::Kind::kWithdraw;
}

}  // namespace

void Vni::SetPlace(VlanId vlan, PortId tunnel, const StationTable& table,
                   const OnChange& on_change) {
  if (vlan == vlan_ && tunnel == tunnel_) return;
  ForgetRemote(table, on_change);
  vlan_ = vlan;
  tunnel_ = tunnel;
  resync_wanted_ = true;
}

void Vni::OnTable(const StationTable::News::Address& address) {
  if (address.vlan != vlan_) return;
  synchroniser_.OnTable(address.address, SightingOf(address.entries, tunnel_));
}

void Vni::OnFlush(const StationTable& table, std::optional<PortId> port) {
  const auto addresses = synchroniser_.AddressesOn(port);
  for (const auto& found : table.Find(vlan_, addresses)) OnTable(found);
}

void Vni::OnKernel(const KernelNeighbour& entry) {
  using Kind = KernelNeighbour::Kind;
  if (entry.kind == Kind::kTunnel && entry.ifindex == devices_.vxlan()) {
    const auto vtep = entry.removed ? std::nullopt : entry.ip;
    if (!entry.mac.is_zero()) {
      if (!entry.mac.is_multicast()) synchroniser_.OnTunnel(entry.mac, vtep);
    } else if (entry.ip && entry.removed) {
      vteps_.erase(*entry.ip);
    } else if (entry.ip && vteps_.size() < kMostVteps) {
      vteps_.insert(*entry.ip);
    }
    return;
  }
  if (entry.kind == Kind::kIp && entry.ifindex == devices_.bridge()) {
    neighbours_.OnKernel(entry);
    return;
  }
  const bool is_ours = entry.kind == Kind::kBridge && entry.master != 0 &&
                       entry.master == devices_.bridge() && !entry.permanent &&
                       !entry.mac.is_zero() && !entry.mac.is_multicast();
  if (!is_ours) return;
  StationSighting seen{.sticky = entry.sticky};
  if (entry.ifindex == devices_.vxlan()) seen.place = StationPlace::kRemote;
  if (entry.ifindex == devices_.shadow()) seen.place = StationPlace::kLocal;
  synchroniser_.OnKernel(entry.mac, entry.removed ? StationSighting() : seen);
}

void Vni::OnInterface(std::string_view name) {
  if (devices_.Has(name)) repair_wanted_ = true;
}

void Vni::OnOverrun() {
  ++counters_.overruns;
  resync_wanted_ = true;
}

void Vni::Repair() {
  repair_wanted_ = false;
  const auto repaired = devices_.Repair();
  const std::string obstacle(repaired.ok() ? "" : repaired.status().message());
  if (obstacle != obstacle_ && !obstacle.empty()) {
    spdlog::warn("vni {}: {}", config_.vni, obstacle);
  } else if (obstacle != obstacle_) {
    spdlog::info("vni {}: it works again", config_.vni);
  }
  obstacle_ = obstacle;
  retry_at_ = Clock::now() + kRetry;
  if (!repaired.ok() || *repaired || is_half_read_) resync_wanted_ = true;
}

void Vni::BeginResync() {
  resync_wanted_ = false;
  ++counters_.resyncs;
  synchroniser_.BeginResync();
  neighbours_.BeginResync();
  vteps_.clear();
}

void Vni::EndResync() {
  is_half_read_ = false;
  if (devices_.bridge() != 0) {
    const auto note = [this](const KernelNeighbour& entry) { OnKernel(entry); };
    absl::Status listed = ListBridgeEntries(devices_.bridge(), note);
    if (listed.ok()) listed = ListNeighbours(devices_.bridge(), note);
    is_half_read_ = !listed.ok();
    if (is_half_read_) {
      obstacle_ = fmt::format("the table of {} cannot be read: {}", devices_.bridge_name(),
                              std::string(listed.message()));
      spdlog::warn("vni {}: {}", config_.vni, obstacle_);
      retry_at_ = Clock::now() + kRetry;
      return;
    }
  }
  synchroniser_.EndResync();
}

void Vni::Work(const StationTable& table, NeighbourWriter& writer, const OnChange& on_change) {
  const std::vector<FdbOperation> all = synchroniser_.Take(kOperationsAtOnce);
  std::vector<FdbOperation> kernel;
  std::vector<FdbOperation> own;
  std::partition_copy(all.begin(), all.end(), std::back_inserter(kernel), std::back_inserter(own),
                      IsForKernel);
  if (!kernel.empty()) WriteKernel(kernel, writer);
  if (!own.empty()) WriteTable(own, table, on_change);
  counters_.refusals +=
      table.Install(vlan_, tunnel_, neighbours_.TakeInstallations(kOperationsAtOnce));
}

void Vni::AnnounceNeighbours(const std::vector<BridgeControl::NeighbourEntry>& all,
                             NeighbourWriter& writer, Tick now) {
  if (!joined_ || devices_.bridge() == 0) return;
  NeighbourOwners here;
  for (const auto& [neighbour, port] : all) {
    if (neighbour.vlan != vlan_ || !port || *port == tunnel_ || neighbour.is_contested(now))
      continue;
    here.emplace(neighbour.address, NeighbourOwner{.mac = neighbour.mac,
                                                   .router = neighbour.is_router.value_or(false)});
  }
  std::vector<NeighbourChange> changes = neighbours_.Announce(here, devices_.bridge());
  if (changes.size() > kOperationsAtOnce) {
    // Those that the kernel refuses are there again the next time, and must not stop the others.
    const auto first = static_cast<ptrdiff_t>(announced_ % changes.size());
    std::rotate(changes.begin(), changes.begin() + first, changes.end());
    changes.resize(kOperationsAtOnce);
    announced_ += kOperationsAtOnce;
  }
  if (changes.empty()) return;
  const std::vector<int> errors = writer.Write(changes);
  counters_.refusals += static_cast<uint64_t>(
      std::count_if(errors.begin(), errors.end(), [](int error) { return error != 0; }));
}

// What the driver still has of a station that came here, and is gone, would lead to its former
// place. It goes directly before, and not earlier: a dump of the two halves is not of one moment.
void Vni::WriteKernel(std::span<const FdbOperation> operations, NeighbourWriter& writer) {
  if (devices_.shadow() == 0) {
    for (const FdbOperation& operation : operations) synchroniser_.Refuse(operation);
    return;
  }
  std::vector<NeighbourChange> changes;
  std::vector<const FdbOperation*> origins;  // of the changes
  const auto add = [&](NeighbourChange::Kind kind, int ifindex, const FdbOperation& operation) {
    changes.push_back(
        {.kind = kind, .ifindex = ifindex, .mac = operation.address, .sticky = operation.sticky});
    origins.push_back(&operation);
  };
  for (const FdbOperation& operation : operations) {
    if (operation.kind == FdbOperation::Kind::kAnnounce) {
      if (operation.replaces_sticky) {
        add(NeighbourChange::Kind::kRemovePort, devices_.shadow(), operation);
      }
      add(NeighbourChange::Kind::kSetPort, devices_.shadow(), operation);
      continue;
    }
    if (operation.has_tunnel) {
      add(NeighbourChange::Kind::kRemoveTunnel, devices_.vxlan(), operation);
    }
    add(NeighbourChange::Kind::kRemovePort, devices_.shadow(), operation);
  }
  const std::vector<int> errors = writer.Write(changes);
  for (size_t i = 0; i < errors.size(); ++i) {
    if (errors[i] == 0 || changes[i].kind != NeighbourChange::Kind::kSetPort) continue;
    ++counters_.refusals;
    synchroniser_.Refuse(*origins[i]);
    // The interface is not what it was.
    if (errors[i] == ENODEV || errors[i] == EINVAL) repair_wanted_ = true;
  }
}

void Vni::WriteTable(std::span<const FdbOperation> operations, const StationTable& table,
                     const OnChange& on_change) {
  const auto outcomes = table.CarryOut(vlan_, tunnel_, operations);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const FdbOperation& operation = operations[i];
    if (outcomes[i].is_full) {
      ++counters_.refusals;
      synchroniser_.Refuse(operation);
    } else if (outcomes[i].instead) {
      synchroniser_.OnTable(operation.address, *outcomes[i].instead);
    } else if (outcomes[i].changed) {
      const bool is_set = operation.kind == FdbOperation::Kind::kInstall;
      on_change(is_set ? "added" : "deleted", *outcomes[i].changed);
    }
  }
}

void Vni::ForgetRemote(const StationTable& table, const OnChange& on_change) {
  std::vector<FdbOperation> operations;
  for (const MacAddress address : synchroniser_.AddressesOn(std::nullopt)) {
    operations.push_back({.kind = FdbOperation::Kind::kRemove, .address = address});
  }
  WriteTable(operations, table, on_change);
  std::vector<NeighbourSynchroniser::Installation> gone;
  neighbours_.BeginResync();
  do {
    gone = neighbours_.TakeInstallations(kOperationsAtOnce);
    static_cast<void>(table.Install(vlan_, tunnel_, gone));  // nothing is set
  } while (!gone.empty());
  synchroniser_ = {};
  vteps_.clear();
}

}  // namespace tapswitch
