#include "switch/control/evpn/fdb_synchroniser.h"

#include <utility>

namespace tapswitch {
namespace {

bool IsSettled(const StationSighting& table, const StationSighting& kernel) {
  return table.place == kernel.place &&
         (table.place == StationPlace::kNowhere || table.sticky == kernel.sticky);
}

}  // namespace

// Null when there is nothing to note.
FdbSynchroniser::Station* FdbSynchroniser::Find(MacAddress address, bool is_news) {
  const auto found = stations_.find(address.number());
  if (found != stations_.end()) return &found->second;
  if (!is_news) return nullptr;
  if (stations_.size() == kMostAddresses) {
    ++left_out_;
    return nullptr;
  }
  return &stations_[address.number()];
}

void FdbSynchroniser::Enqueue(uint64_t key, Station& station) {
  if (std::exchange(station.waits, true)) return;
  waiting_.push_back(key);
}

void FdbSynchroniser::SetTable(Station& station, const StationSighting& now) {
  const auto count = [this](StationPlace place) -> size_t* {
    if (place == StationPlace::kNowhere) return nullptr;
    return place == StationPlace::kLocal ? &local_ : &remote_;
  };
  if (size_t* const before = count(station.table.place)) --*before;
  if (size_t* const after = count(now.place)) ++*after;
  station.table = now;
}

void FdbSynchroniser::OnTable(MacAddress address, const StationSighting& now) {
  Station* const station = Find(address, now.place != StationPlace::kNowhere);
  if (station == nullptr || station->table == now) return;
  SetTable(*station, now);
  station->kernel_is_newer = false;
  Enqueue(address.number(), *station);
}

void FdbSynchroniser::OnKernel(MacAddress address, const StationSighting& now) {
  Station* const station = Find(address, now.place != StationPlace::kNowhere);
  if (station == nullptr || station->kernel == now) return;
  station->kernel = now;
  station->kernel_is_newer = true;
  Enqueue(address.number(), *station);
}

void FdbSynchroniser::OnTunnel(MacAddress address, std::optional<IpAddress> vtep) {
  Station* const station = Find(address, vtep.has_value());
  if (station == nullptr || station->tunnel == vtep) return;
  station->tunnel = vtep;
  Enqueue(address.number(), *station);
}

void FdbSynchroniser::BeginResync() {
  for (auto& [key, station] : stations_) {
    SetTable(station, {});
    station.kernel = {};
    station.tunnel.reset();
    Enqueue(key, station);
  }
}

void FdbSynchroniser::EndResync() {
  for (auto& [key, station] : stations_) station.kernel_is_newer = true;
}

std::optional<FdbOperation> FdbSynchroniser::Decide(const Station& station) {
  using enum StationPlace;
  using enum FdbOperation::Kind;
  const StationSighting& table = station.table;
  const StationSighting& kernel = station.kernel;
  if (IsSettled(table, kernel)) return std::nullopt;
  const auto install = [&] {
    return FdbOperation{.kind = kInstall, .sticky = kernel.sticky, .expected = table};
  };
  if (table.place == kRemote) {
    return kernel.place == kRemote ? install() : FdbOperation{.kind = kRemove};
  }
  const bool is_elsewhere = kernel.place == kRemote;
  if (table.place == kNowhere) {
    if (is_elsewhere) return install();
    return FdbOperation{.kind = kWithdraw, .has_tunnel = station.tunnel.has_value()};
  }
  if (is_elsewhere && station.kernel_is_newer) return install();
  const bool was_sticky = kernel.place == kLocal && kernel.sticky;
  return FdbOperation{
      .kind = kAnnounce, .sticky = table.sticky, .replaces_sticky = was_sticky && !table.sticky};
}

// The kernel's side of what an operation does; that of the table needs counting.
void FdbSynchroniser::Note(const FdbOperation& operation, Station& station) {
  if (operation.kind == FdbOperation::Kind::kAnnounce) {
    station.kernel = {.place = StationPlace::kLocal, .sticky = operation.sticky};
    station.kernel_is_newer = false;
  } else if (operation.kind == FdbOperation::Kind::kWithdraw) {
    station.kernel = {};
    station.tunnel.reset();
  }
}

std::vector<FdbOperation> FdbSynchroniser::Take(size_t max) {
  std::vector<FdbOperation> operations;
  while (operations.size() < max && !waiting_.empty()) {
    const uint64_t key = waiting_.front();
    waiting_.pop_front();
    const auto found = stations_.find(key);  // one that waits is never erased
    Station& station = found->second;
    station.waits = false;
    auto operation = Decide(station);
    if (operation) {
      operation->address = MacAddress::FromNumber(key);
      Note(*operation, station);
      if (operation->kind == FdbOperation::Kind::kInstall) {
        SetTable(station, {.place = StationPlace::kRemote, .sticky = operation->sticky});
      } else if (operation->kind == FdbOperation::Kind::kRemove) {
        SetTable(station, {});
      }
      operations.push_back(*operation);
    }
    const bool is_unknown = station.table.place == StationPlace::kNowhere &&
                            station.kernel.place == StationPlace::kNowhere && !station.tunnel;
    if (is_unknown) {
      stations_.erase(found);
    } else if (!IsSettled(station.table, station.kernel)) {
      Enqueue(key, station);
    }
  }
  return operations;
}

void FdbSynchroniser::Refuse(const FdbOperation& operation) {
  const auto found = stations_.find(operation.address.number());
  if (found == stations_.end()) return;
  Station& station = found->second;
  // The note differs from the other side, so that the next news of either is acted upon.
  if (operation.kind == FdbOperation::Kind::kInstall) SetTable(station, operation.expected);
  if (operation.kind == FdbOperation::Kind::kAnnounce) station.kernel = {};
}

std::optional<IpAddress> FdbSynchroniser::VtepOf(MacAddress address) const {
  const auto found = stations_.find(address.number());
  if (found == stations_.end()) return std::nullopt;
  const Station& station = found->second;
  return station.table.place == StationPlace::kRemote ? station.tunnel : std::nullopt;
}

std::vector<MacAddress> FdbSynchroniser::AddressesOn(std::optional<PortId> port) const {
  std::vector<MacAddress> addresses;
  for (const auto& [key, station] : stations_) {
    const bool is_local = station.table.place == StationPlace::kLocal;
    if (port ? is_local && station.table.port == *port
             : station.table.place != StationPlace::kNowhere) {
      addresses.push_back(MacAddress::FromNumber(key));
    }
  }
  return addresses;
}

}  // namespace tapswitch
