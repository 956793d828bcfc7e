#include "switch/workers/offload/kernel_traffic.h"

#include <algorithm>
#include <utility>

#include "ports/netlink/link_drops.h"

namespace tapswitch {
namespace {

uint32_t NumberOf(VlanId vlan, PortId port) { return (uint32_t{vlan.value} << 16U) | port.value; }

// Returns what was counted since `base`.
FlowCell Since(const FlowCell& base, FlowCell cell) {
  cell.received_frames -= base.received_frames;
  cell.received_bytes -= base.received_bytes;
  cell.sent_frames -= base.sent_frames;
  cell.sent_bytes -= base.sent_bytes;
  cell.forwarded_bytes -= base.forwarded_bytes;
  cell.drained -= base.drained;
  cell.failed -= base.failed;
  return cell;
}

// The bytes of some of the frames, as if all were of one size: theirs are not known.
uint64_t BytesOf(uint64_t some, const FrameCounter& frames) {
  if (frames.frames == 0) return 0;
  return frames.bytes / frames.frames * some + frames.bytes % frames.frames * some / frames.frames;
}

}  // namespace

void PortTraffic::AddTo(PortCounters& counters) const {
  counters.received += received;
  counters.received.frames += drained;
  counters.forwarded += received.frames;
  counters.sent += sent;
  counters.Drop(DropReason::kReceiveQueueFull, drained);
  counters.Drop(DropReason::kNoMemory, no_memory);
  counters.Drop(DropReason::kEgressQueueFull, egress_drops);
}

KernelTraffic::KernelTraffic(const KernelForwarding& kernel)
    : KernelTraffic({.cell = [&kernel](uint32_t number) { return kernel.ReadCell(number); },
                     .tx_dropped = ReadTxDropped}) {}

KernelTraffic::KernelTraffic(KernelCounts counts)
    : counts_(std::move(counts)), cells_(TAPSWITCH_MOST_CELLS) {}

// ---- By those who have the bridge locked

std::optional<uint32_t> KernelTraffic::CellOf(VlanId vlan, PortId port) {
  const auto found = numbers_.find(NumberOf(vlan, port));
  if (found != numbers_.end()) {
    Cell& known = cells_[found->second];
    if (known.has_left.load(std::memory_order_relaxed)) {
      const MutexLock lock(mutex_);
      known.vlan_base = counts_.cell(found->second);
      known.has_left.store(false);
    }
    return found->second;
  }
  const uint32_t number = cell_count_.load(std::memory_order_relaxed);
  if (number == cells_.size()) return std::nullopt;
  Cell& cell = cells_[number];
  cell.vlan = vlan;
  cell.port = port;
  cell.base = counts_.cell(number);  // an earlier process may have counted there
  cell.vlan_base = cell.base;
  cell_count_.store(number + 1, std::memory_order_release);
  numbers_.emplace(NumberOf(vlan, port), number);
  return number;
}

void KernelTraffic::FollowMembers(const ForwardingView& view) {
  const uint32_t count = cell_count_.load(std::memory_order_relaxed);
  for (uint32_t number = 0; number < count; ++number) {
    Cell& cell = cells_[number];
    if (!view.masks(cell.vlan).members.contains(cell.port)) cell.has_left.store(true);
  }
}

void KernelTraffic::SetInterface(PortId port, int ifindex, std::optional<uint64_t> dropped_before) {
  const MutexLock lock(mutex_);
  Interface& interface = interfaces_[port];
  if (interface.ifindex == ifindex) return;
  interface.ifindex = ifindex;
  interface.dropped = dropped_before;
}

// ---- By threads that do not forward

// The drops of an interface are read first: those frames were counted as sent before. So no drop is
// beyond what was sent.
std::map<PortId, PortTraffic> KernelTraffic::Read() {
  const MutexLock lock(reading_);
  const Drops drops = ReadDrops();
  auto traffic = ReadCells();
  Account(drops, traffic);
  return traffic;
}

// Returns the drops of interfaces that the kernel may have sent by, with their ifindexes.
KernelTraffic::Drops KernelTraffic::ReadDrops() const {
  std::map<PortId, int> ifindexes;
  {
    const MutexLock lock(mutex_);
    const uint32_t count = cell_count_.load(std::memory_order_acquire);
    for (uint32_t number = 0; number < count; ++number) {
      const auto found = interfaces_.find(cells_[number].port);
      if (found != interfaces_.end()) ifindexes[found->first] = found->second.ifindex;
    }
  }
  Drops drops;
  for (const auto& [port, ifindex] : ifindexes) {
    if (const auto dropped = counts_.tx_dropped(ifindex)) drops[port] = {ifindex, *dropped};
  }
  return drops;
}

std::map<PortId, PortTraffic> KernelTraffic::ReadCells() const {
  std::map<PortId, PortTraffic> traffic;
  const uint32_t count = cell_count_.load(std::memory_order_acquire);
  for (uint32_t number = 0; number < count; ++number) {
    const FlowCell cell = Since(cells_[number].base, counts_.cell(number));
    PortTraffic& sum = traffic[cells_[number].port];
    sum.received += {.frames = cell.received_frames, .bytes = cell.received_bytes};
    // A frame that fails now may have been sent after that was read.
    const uint64_t failed = std::min(cell.failed, cell.sent_frames);
    FrameCounter sent{.frames = cell.sent_frames, .bytes = cell.sent_bytes};
    sent.Remove(failed, BytesOf(failed, sent));
    sum.sent += sent;
    sum.drained += cell.drained;
    sum.no_memory += failed;
  }
  return traffic;
}

// Nobody else sends by the interface but the switch itself by its sockets, which counts what is
// dropped of that. So no more is taken to be lost than the kernel has sent since the last look.
void KernelTraffic::Account(const Drops& drops, std::map<PortId, PortTraffic>& traffic) {
  const MutexLock lock(mutex_);
  for (auto& [port, sum] : traffic) {
    const auto found = interfaces_.find(port);
    if (found == interfaces_.end()) continue;
    Interface& interface = found->second;
    const auto read = drops.find(port);
    if (read != drops.end() && read->second.first == interface.ifindex) {
      const uint64_t now = read->second.second;
      const uint64_t before = std::min(now, interface.dropped.value_or(now));
      FrameCounter carried = sum.sent;
      carried.Remove(std::min(carried.frames, interface.sent.frames),
                     std::min(carried.bytes, interface.sent.bytes));
      const uint64_t lost = std::min(now - before, carried.frames);
      interface.lost += {.frames = lost, .bytes = BytesOf(lost, carried)};
      interface.dropped = now;
    }
    interface.sent = {.frames = std::max(interface.sent.frames, sum.sent.frames),
                      .bytes = std::max(interface.sent.bytes, sum.sent.bytes)};
    sum.egress_drops = std::min(interface.lost.frames, sum.sent.frames);
    sum.sent.Remove(sum.egress_drops, std::min(interface.lost.bytes, sum.sent.bytes));
  }
}

VlanCounters KernelTraffic::ReadVlan(VlanId vlan, PortId port) {
  VlanCounters counters;
  const uint32_t count = cell_count_.load(std::memory_order_acquire);
  for (uint32_t number = 0; number < count; ++number) {
    const Cell& known = cells_[number];
    if (known.vlan != vlan || known.port != port) continue;
    const MutexLock lock(mutex_);
    if (known.has_left.load()) continue;
    const FlowCell cell = Since(known.vlan_base, counts_.cell(number));
    counters.received += {.frames = cell.received_frames, .bytes = cell.received_bytes};
    counters.sent += {.frames = cell.sent_frames, .bytes = cell.forwarded_bytes};
  }
  return counters;
}

void KernelTraffic::Clear(PortId port) {
  const MutexLock lock(reading_);
  const uint32_t count = cell_count_.load(std::memory_order_acquire);
  for (uint32_t number = 0; number < count; ++number) {
    Cell& cell = cells_[number];
    if (cell.port != port) continue;
    cell.base = counts_.cell(number);
    const MutexLock vlan_lock(mutex_);
    cell.vlan_base = cell.base;
  }
  const MutexLock interfaces_lock(mutex_);
  interfaces_.erase(port);
}

}  // namespace tapswitch
