#include "switch/workers/offload/kernel_traffic.h"

#include <algorithm>

#include "ports/netlink/link_drops.h"

namespace tapswitch {
namespace {

uint32_t NumberOf(VlanId vlan, PortId port) { return (uint32_t{vlan.value} << 16U) | port.value; }

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
    : kernel_(kernel), cells_(TAPSWITCH_MOST_CELLS) {}

std::optional<uint32_t> KernelTraffic::CellOf(VlanId vlan, PortId port) {
  const auto found = numbers_.find(NumberOf(vlan, port));
  if (found != numbers_.end()) return found->second;
  const uint32_t number = cell_count_.load(std::memory_order_relaxed);
  if (number == cells_.size()) return std::nullopt;
  cells_[number].vlan = vlan;
  cells_[number].port = port;
  cells_[number].base = kernel_.ReadCell(number);  // an earlier process may have counted there
  cell_count_.store(number + 1, std::memory_order_release);
  numbers_.emplace(NumberOf(vlan, port), number);
  return number;
}

void KernelTraffic::SetInterface(PortId port, int ifindex, uint64_t dropped_before) {
  const MutexLock lock(interfaces_mutex_);
  Interface& interface = interfaces_[port];
  if (interface.ifindex == ifindex) return;
  interface = {
      .ifindex = ifindex, .base = dropped_before, .dropped = interface.dropped + interface.lately};
}

FlowCell KernelTraffic::ReadSinceCleared(uint32_t number) {
  FlowCell cell = kernel_.ReadCell(number);
  const FlowCell& base = cells_[number].base;
  cell.received_frames -= base.received_frames;
  cell.received_bytes -= base.received_bytes;
  cell.sent_frames -= base.sent_frames;
  cell.sent_bytes -= base.sent_bytes;
  cell.forwarded_bytes -= base.forwarded_bytes;
  cell.drained -= base.drained;
  cell.failed -= base.failed;
  return cell;
}

std::map<PortId, PortTraffic> KernelTraffic::Read() {
  std::map<PortId, PortTraffic> traffic;
  {
    const MutexLock lock(readers_);
    const uint32_t count = cell_count_.load(std::memory_order_acquire);
    for (uint32_t number = 0; number < count; ++number) {
      const FlowCell cell = ReadSinceCleared(number);
      PortTraffic& sum = traffic[cells_[number].port];
      sum.received += {.frames = cell.received_frames, .bytes = cell.received_bytes};
      sum.sent += {.frames = cell.sent_frames - cell.failed, .bytes = cell.sent_bytes};
      sum.drained += cell.drained;
      sum.no_memory += cell.failed;
    }
  }
  ReadDrops(traffic);
  return traffic;
}

// Nobody else sends there, but the switch itself by its sockets: so no more than the kernel sent is
// taken to be lost. The bytes are not known; those of an average frame are.
void KernelTraffic::ReadDrops(std::map<PortId, PortTraffic>& traffic) {
  for (auto& [port, sum] : traffic) {
    if (sum.sent.frames == 0) continue;
    Interface interface;
    {
      const MutexLock lock(interfaces_mutex_);
      interface = interfaces_[port];
    }
    const auto dropped = interface.ifindex == 0 ? std::nullopt : ReadTxDropped(interface.ifindex);
    if (dropped) {
      interface.lately = *dropped - std::min(*dropped, interface.base);
      const MutexLock lock(interfaces_mutex_);
      Interface& known = interfaces_[port];
      if (known.ifindex == interface.ifindex) known.lately = interface.lately;
    }
    sum.egress_drops = std::min(sum.sent.frames, interface.dropped + interface.lately);
    const uint64_t bytes = sum.sent.bytes / sum.sent.frames * sum.egress_drops;
    sum.sent.Remove(sum.egress_drops, bytes);
  }
}

VlanCounters KernelTraffic::ReadVlan(VlanId vlan, PortId port) {
  const MutexLock lock(readers_);
  VlanCounters counters;
  const uint32_t count = cell_count_.load(std::memory_order_acquire);
  for (uint32_t number = 0; number < count; ++number) {
    if (cells_[number].vlan != vlan || cells_[number].port != port) continue;
    const FlowCell cell = ReadSinceCleared(number);
    counters.received += {.frames = cell.received_frames, .bytes = cell.received_bytes};
    counters.sent += {.frames = cell.sent_frames, .bytes = cell.forwarded_bytes};
  }
  return counters;
}

void KernelTraffic::Clear(PortId port) {
  {
    const MutexLock lock(readers_);
    const uint32_t count = cell_count_.load(std::memory_order_acquire);
    for (uint32_t number = 0; number < count; ++number) {
      if (cells_[number].port == port) cells_[number].base = kernel_.ReadCell(number);
    }
  }
  const MutexLock lock(interfaces_mutex_);
  interfaces_.erase(port);
}

}  // namespace tapswitch
