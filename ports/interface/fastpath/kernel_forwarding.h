// Forwarding by the kernel: programs that carry conversations the switch has decided on, from one
// interface to another in the network namespace of the switch, and their tables.
//
// This is the side of the kernel: ifindexes, generations, counters. What is carried, and for how
// long, is decided elsewhere. Any thread may call anything, where nothing else is said.
//
// A flow is used by the programs as long as three generations are those it was made with: that of
// the view, and those of its two ports. To count one up takes a store; after it only frames that
// are in the programs at that instant still go the old way.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/fastpath/fastpath_abi.h"
#include "ports/interface/fastpath/forward_programs.h"
#include "ports/interface/fastpath/mapped_array.h"
#include "ports/os/mutex.h"
#include "ports/os/netns.h"
#include "ports/port_handover.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

using FlowKey = tapswitch_flow_key;
using Flow = tapswitch_flow;
using FlowCell = tapswitch_cell;

// Counts the frames of the sockets of a port, or of the queues of a TAP, that are on their way
// through the switch: see tapswitch_seat. It outlives them.
class KernelSeat {
 public:
  KernelSeat(tapswitch_seat& counts, uint32_t number) : counts_(counts), number_(number) {}

  [[nodiscard]] uint32_t number() const { return number_; }

  // Notes that frames which the sockets gave were sent, or dropped.
  void Done(uint64_t frames) {
    if (frames != 0) std::atomic_ref(counts_.done).fetch_add(frames, std::memory_order_release);
  }
  // Does so where the switch may have been given frames that were not seen: more than were seen
  // are never done.
  void DoneIfSeen(uint64_t frames);
  // Notes that nothing is on its way.
  void Settle();

  // Frames were lost for want of room in a socket.
  void Lost(uint64_t frames) {
    if (frames == 0) return;
    lost_.fetch_add(frames, std::memory_order_relaxed);
    Done(frames);
  }
  [[nodiscard]] uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

  // Whether nothing is on its way through the switch.
  [[nodiscard]] bool is_empty() const {
    const uint64_t done = std::atomic_ref(counts_.done).load();
    return done == std::atomic_ref(counts_.seen).load();
  }

  // Whether the sockets have the filter, so that flows may begin at their port.
  [[nodiscard]] bool in_use() const { return in_use_.load(); }
  void set_in_use(bool in_use) { in_use_.store(in_use); }

  // Notes how many frames the interface had dropped that were to leave by it, when it was attached.
  void SetDropped(int ifindex, uint64_t frames) {
    dropped_.store(frames);
    ifindex_.store(ifindex);
  }
  // Nothing where that is not known of the interface.
  [[nodiscard]] std::optional<uint64_t> dropped_before(int ifindex) const {
    return ifindex_.load() == ifindex ? std::optional(dropped_.load()) : std::nullopt;
  }

  // Whether frames of pending flows are dropped rather than queued, so that it gets empty.
  void Drain(bool drain) { std::atomic_ref(counts_.drain).store(drain ? 1 : 0); }

 private:
  tapswitch_seat& counts_;
  uint32_t number_;
  std::atomic<uint64_t> lost_ = 0;
  std::atomic<bool> in_use_ = false;
  std::atomic<int> ifindex_ = 0;
  std::atomic<uint64_t> dropped_ = 0;
};

class KernelForwarding;

// The kernel's forwarding, which outlives the port, and the port's place in it. Null: there is
// none.
struct KernelAccess {
  KernelForwarding* kernel = nullptr;
  PortId port;
};

class KernelForwarding {
 public:
  // Loads the programs, for ports in the namespace of the calling thread. Requires CAP_BPF and
  // CAP_NET_ADMIN, which nothing here requires later. An error is one line for people, without the
  // cure.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<KernelForwarding>> Load();

  // Takes over the programs and maps that another process has loaded, which has removed all flows
  // and makes none. `files` are those of HandOver. FailedPrecondition when they are not those that
  // this program would load. All flows that a killed process has left, which the number `killed`
  // tells, are removed.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<KernelForwarding>> Inherit(
      PortHandover& files);
  // Adds copies of the programs and maps.
  [[nodiscard]] bool HandOver(PortHandover& to);

  [[nodiscard]] NetnsId netns() const { return netns_; }
  // The filter of packet sockets (SO_ATTACH_BPF), to be attached before they are bound, and only
  // where the other program is at the ingress of the interface.
  [[nodiscard]] int filter() const { return programs_.decide.get(); }
  // The program for the ingress of an interface: it drops all frames but those that the filter has
  // decided on.
  [[nodiscard]] const FileDescriptor& carrier() const { return programs_.carry; }
  // The program for the egress of a TAP that the switch holds, by which the host sends: it carries
  // what it decides on, and has the TAP get all else.
  [[nodiscard]] const FileDescriptor& tap_program() const { return programs_.tap; }

  // Notes that a port comes or goes from whose packet sockets frames are carried.
  void NoteCarrier(bool is_there) { carriers_.fetch_add(is_there ? 1 : -1); }
  // Whether there is any.
  [[nodiscard]] bool has_carriers() const { return carriers_.load() > 0; }

  // A seat for one port; null when all are in use.
  [[nodiscard]] std::shared_ptr<KernelSeat> NewSeat();
  // The seat that another process has handed over, with its counts, or `fresh` without; null when
  // there is no such.
  [[nodiscard]] std::shared_ptr<KernelSeat> InheritSeat(uint32_t number, bool fresh = false);
  // Has frames that the port on an interface gets counted in a seat, before it gets any.
  [[nodiscard]] absl::Status SetSeat(int ifindex, const KernelSeat& seat) const;
  void RemoveSeat(int ifindex) const;

  struct Generations {
    uint64_t view = 0;
    uint64_t ingress = 0;
    uint64_t egress = 0;
    bool operator==(const Generations&) const = default;
  };
  [[nodiscard]] Generations GenerationsOf(PortId ingress, PortId egress) const {
    return {Generation(TAPSWITCH_VIEW_GENERATION), Generation(ingress.value),
            Generation(egress.value)};
  }
  // End the use of all flows, or of those from and to a port.
  void EndAll() const { CountUp(TAPSWITCH_VIEW_GENERATION); }
  void End(PortId port) const { CountUp(port.value); }

  // EtherTypes of frames that no flow takes (Protocols::type_filter).
  void SetTypeFilter(uint64_t filter) const {
    std::atomic_ref(settings_[0].type_filter).store(filter);
  }

  // Puts a flow in place, also of another of the same key. ResourceExhausted when there is no room.
  [[nodiscard]] absl::Status Put(const FlowKey& key, const Flow& flow) const;
  void Remove(const FlowKey& key) const;
  // Nothing where there is none.
  [[nodiscard]] std::optional<Flow> Find(const FlowKey& key) const;

  // Returns the counts of a cell since the start, on all processors.
  [[nodiscard]] FlowCell ReadCell(uint32_t number) const;

 private:
  using Numbers = MappedArray<uint64_t>;

  void RemoveAllFlows() const;

  KernelForwarding(NetnsId netns, ForwardPrograms programs, Numbers generations,
                   MappedArray<tapswitch_seat> seats, MappedArray<tapswitch_settings> settings);

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<KernelForwarding>> Make(
      ForwardPrograms programs);

  [[nodiscard]] uint64_t Generation(size_t place) const {
    return std::atomic_ref(generations_[place]).load(std::memory_order_acquire);
  }
  void CountUp(size_t place) const { std::atomic_ref(generations_[place]).fetch_add(1); }

  NetnsId netns_;
  ForwardPrograms programs_;
  bool is_inherited_ = false;
  std::atomic<int> carriers_ = 0;
  Numbers generations_;
  MappedArray<tapswitch_seat> seats_;
  MappedArray<tapswitch_settings> settings_;
  size_t processors_;

  Mutex mutex_;
  std::array<std::weak_ptr<KernelSeat>, TAPSWITCH_MOST_SEATS> taken_ ABSL_GUARDED_BY(mutex_);
  size_t next_seat_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tapswitch
