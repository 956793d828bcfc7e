#include "switch/control/evpn/overlay.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"

namespace tapswitch {
namespace {

// Announcements that are read in one turn.
constexpr size_t kMessagesAtOnce = 4096;

// How often neighbours are read, while they are of use: the switch keeps no account of changes.
constexpr std::chrono::milliseconds kNeighbourPeriod(200);

}  // namespace

Overlay::Overlay(const BridgeControl& control, const RunningSwitch& running,
                 Vni::OnChange on_change)
    : control_(control),
      table_(running),
      on_change_(std::move(on_change)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Overlay::~Overlay() = default;

absl::Status Overlay::Open() {
  if (events_) return absl::OkStatus();
  if (!epoll_.valid()) return absl::ResourceExhaustedError("no descriptors are left");
  auto events = NeighbourEvents::Open();
  if (!events.ok()) return events.status();
  auto writer = NeighbourWriter::Open();
  if (!writer.ok()) return writer.status();
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, events->fd(), &wanted) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl");
  }
  events_ = *std::move(events);
  writer_ = *std::move(writer);
  table_.Follow(true);
  return absl::OkStatus();
}

void Overlay::Close() {
  if (events_) table_.Follow(false);
  events_.reset();
  writer_.reset();
  table_has_news_ = false;
  kernel_has_more_ = false;
}

Vni* Overlay::Find(const EvpnConfig& vni) {
  const auto found = vnis_.find(vni.vni);
  return found == vnis_.end() ? nullptr : &found->second;
}

absl::Status Overlay::Make(const EvpnConfig& vni) {
  if (absl::Status opened = Open(); !opened.ok()) return opened;
  const auto [made, is_new] = vnis_.try_emplace(vni.vni, vni, control_.identity().name);
  absl::Status done = made->second.devices().MakeVxlan();
  if (done.ok()) return done;
  if (is_new) vnis_.erase(made);
  if (vnis_.empty()) Close();
  return {done.code(), fmt::format("vni {}: {}", vni.vni, std::string(done.message()))};
}

absl::Status Overlay::Join(const EvpnConfig& vni, FileDescriptor shadow) {
  Vni* const found = Find(vni);
  if (found == nullptr) return absl::InternalError("the VNI has no device");
  if (shadow.valid()) found->devices().set_shadow(std::move(shadow));
  const auto repaired = found->devices().Repair();
  if (!repaired.ok()) {
    return {repaired.status().code(),
            fmt::format("vni {}: {}", vni.vni, std::string(repaired.status().message()))};
  }
  found->Join();
  PlaceAll();
  return absl::OkStatus();
}

void Overlay::Leave(const EvpnConfig& vni) {
  Vni* const found = Find(vni);
  if (found == nullptr) return;
  found->devices().Leave();
  found->RemoveRemote(table_, on_change_);
}

void Overlay::Free(const EvpnConfig& vni) {
  Vni* const found = Find(vni);
  if (found == nullptr) return;
  found->devices().FreeVxlan();
  vnis_.erase(vni.vni);
  Publish();
  if (vnis_.empty()) Close();
}

bool Overlay::HandOver(std::string_view dev, PortHandover& handover) const {
  for (const auto& [number, vni] : vnis_) {
    const int shadow = vni.devices().shadow_fd();
    if (vni.config().dev != dev || shadow < 0) continue;
    return handover.AddCopy(std::string(kShadowFile), shadow);
  }
  return true;
}

void Overlay::RemoveLeftOvers() const {
  const auto removed = tapswitch::RemoveLeftOvers(control_.identity().name, control_.config().evpn);
  if (removed.empty()) return;
  spdlog::warn("evpn: an earlier process has left behind, and these are removed: {}",
               fmt::join(removed, " "));
}

void Overlay::OnLink(const LinkEvent& link) {
  for (auto& [number, vni] : vnis_) vni.OnInterface(link.name);
}

// The configuration may have changed.
void Overlay::PlaceAll() {
  bool suppresses = false;
  for (auto& [number, vni] : vnis_) {
    const PortConfig* const config = control_.config().port(vni.config().dev);
    const auto port = control_.FindPort(vni.config().dev);
    if (port.ok()) {
      vni.SetPlace(VlanOfVni(vni.config(), control_.config()), *port, table_, on_change_);
    }
    suppresses = suppresses || (config != nullptr && config->settings.neigh_suppress);
  }
  if (suppresses && !suppresses_) fixed_ = std::numeric_limits<size_t>::max();
  suppresses_ = suppresses;
}

// What ports with neigh_suppress make the switch know.
void Overlay::ReadNeighbours() {
  const auto now = std::chrono::steady_clock::now();
  if (!suppresses_ || now < next_neighbours_) return;
  next_neighbours_ = now + kNeighbourPeriod;
  const auto all = control_.Neighbours();
  const auto fixed = static_cast<size_t>(
      std::count_if(all.begin(), all.end(), [](const auto& one) { return one.neighbour.fixed; }));
  for (auto& [number, vni] : vnis_) {
    if (fixed < fixed_) vni.OnNeighboursForgotten();
    vni.AnnounceNeighbours(all, *writer_, control_.now());
  }
  fixed_ = fixed;
}

void Overlay::ReadTable() {
  VlanSet vlans;
  for (const auto& [number, vni] : vnis_) vlans.insert(vni.vlan());
  const StationTable::News news = table_.TakeNews(vlans);
  table_has_news_ = news.has_more;
  for (auto& [number, vni] : vnis_) {
    if (!news.is_complete) vni.OnOverrun();
    for (const auto& address : news.addresses) vni.OnTable(address);
    for (const PortId port : news.flushed_ports) {
      vni.OnFlush(table_, port == vni.tunnel() ? std::nullopt : std::optional(port));
    }
    const bool is_flushed = std::find(news.flushed_vlans.begin(), news.flushed_vlans.end(),
                                      vni.vlan()) != news.flushed_vlans.end();
    if (is_flushed) vni.OnFlush(table_, std::nullopt);
  }
}

void Overlay::ReadKernel() {
  const auto read = events_->Receive(kMessagesAtOnce, [this](const KernelNeighbour& entry) {
    for (auto& [number, vni] : vnis_) vni.OnKernel(entry);
  });
  kernel_has_more_ = read.has_more;
  if (read.is_complete) return;
  for (auto& [number, vni] : vnis_) vni.OnOverrun();
}

// Events that wait are older than what a dump has, and would undo it: they are read first, also
// those that came before the ones that were lost.
void Overlay::Resync() {
  if (kernel_has_more_) return;
  std::vector<Vni*> wanted;
  for (auto& [number, vni] : vnis_) {
    if (vni.wants_resync()) wanted.push_back(&vni);
  }
  if (wanted.empty()) return;
  for (Vni* const vni : wanted) vni->BeginResync();
  table_.VisitAll([&](const MacEntry& entry) {
    for (Vni* const vni : wanted) vni->OnTable({entry.vlan, entry.address, {entry}});
  });
  for (Vni* const vni : wanted) {
    vni->EndResync();
    table_.ForgetNeighbours(
        vni->vlan(), [&](IpAddress address) { return vni->neighbours().IsElsewhere(address); });
  }
}

void Overlay::Publish() {
  std::vector<VniSnapshot> shown;
  for (const auto& [number, vni] : vnis_) {
    const Vni::Counters& counters = vni.counters();
    shown.push_back({.number = number,
                     .port = vni.config().dev,
                     .is_up = vni.obstacle().empty(),
                     .stations_here = vni.stations().local(),
                     .stations_elsewhere = vni.stations().remote(),
                     .neighbours_here = vni.neighbours().local(),
                     .neighbours_elsewhere = vni.neighbours().remote(),
                     .vteps = vni.vteps().size(),
                     .resyncs = counters.resyncs,
                     .overruns = counters.overruns,
                     .refusals = counters.refusals + vni.stations().left_out()});
  }
  const MutexLock lock(mutex_);
  shown_ = std::move(shown);
}

void Overlay::FillIn(SwitchSnapshot& snapshot) const {
  const MutexLock lock(mutex_);
  snapshot.vnis = shown_;
}

void Overlay::Step() {
  if (vnis_.empty()) return;
  PlaceAll();
  ReadKernel();
  if (table_has_news_) ReadTable();
  for (auto& [number, vni] : vnis_) {
    if (vni.wants_repair()) vni.Repair();
  }
  Resync();
  for (auto& [number, vni] : vnis_) {
    if (vni.has_work()) vni.Work(table_, *writer_, on_change_);
  }
  ReadNeighbours();
  Publish();
}

std::optional<std::chrono::milliseconds> Overlay::Wait() const {
  if (vnis_.empty()) return std::nullopt;
  const bool is_due = table_has_news_ || kernel_has_more_ ||
                      std::any_of(vnis_.begin(), vnis_.end(), [](const auto& one) {
                        const Vni& vni = one.second;
                        return vni.has_work() || vni.wants_resync() || vni.wants_repair();
                      });
  if (is_due) return std::chrono::milliseconds(0);
  const bool is_broken = std::any_of(
      vnis_.begin(), vnis_.end(), [](const auto& one) { return !one.second.obstacle().empty(); });
  if (suppresses_) return kNeighbourPeriod;
  return is_broken ? std::optional(Vni::kRetry) : std::nullopt;
}

const Vni* Overlay::FindVni(uint32_t number) const {
  const auto found = vnis_.find(number);
  return found == vnis_.end() ? nullptr : &found->second;
}

std::vector<std::string> Overlay::WarningsOf(uint32_t number) const {
  const Vni* const vni = FindVni(number);
  return vni == nullptr ? std::vector<std::string>() : vni->devices().Warnings();
}

std::optional<IpAddress> Overlay::VtepOf(const MacEntry& entry) const {
  if (!entry.extern_learn) return std::nullopt;
  for (const auto& [number, vni] : vnis_) {
    if (vni.tunnel() == entry.port && vni.vlan() == entry.vlan) {
      return vni.stations().VtepOf(entry.address);
    }
  }
  return std::nullopt;
}

}  // namespace tapswitch
