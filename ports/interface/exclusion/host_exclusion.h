// Keeps the network stack of an interface's own namespace from handling what comes in by it, which
// is the switch's now: otherwise the host would answer ARP for any of its addresses, route and
// count. Packet sockets see a frame before this does.
//
// There are two ways to have every frame dropped on its way in:
//   TCX (Linux 6.6)   a BPF program on a link that is an open file: it goes when the switch goes,
//                     however that comes
//   clsact            a classic BPF filter on a queueing discipline. It outlives a switch that is
//                     killed, so whoever comes next looks for it: it has a handle of its own, and
//                     its owner holds a lock (an abstract Unix socket in the namespace) while it
//                     lives
//
// Another program takes the place of either where the kernel is to carry known conversations. It
// carries out what the filter of the packet sockets has decided, and drops all else.

#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"
#include "ports/port_handover.h"

namespace tapswitch {

class HostExclusion {
 public:
  // Excludes the host from interface `ifindex` in `netns`, and takes over what a killed switch has
  // left there. The message of an error says what both ways failed with.
  // `carrier` is the program that carries conversations, null without one.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HostExclusion>> Apply(
      const NetworkNamespace& netns, int ifindex, const FileDescriptor* carrier = nullptr);

  // Excludes the host by a link that is attached already, and lasts as long as the file.
  [[nodiscard]] static std::unique_ptr<HostExclusion> ByLink(FileDescriptor link, bool carries);

  // Adds what a successor needs to keep the host out without a moment in which it is not.
  [[nodiscard]] virtual bool HandOver(PortHandover& to) const = 0;
  // Takes that over; null where the host was not excluded.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HostExclusion>> Inherit(
      const NetworkNamespace& netns, int ifindex, PortHandover& inherited);

  // Undoes what a killed switch has left on an interface of which the host is not to be excluded.
  static void Repair(const NetworkNamespace& netns, int ifindex);

  // Does what Repair does for all interfaces of a namespace.
  static void RepairAll(const NetworkNamespace& netns);

  // Lets the host have its frames again.
  virtual ~HostExclusion() = default;
  HostExclusion(const HostExclusion&) = delete;
  HostExclusion& operator=(const HostExclusion&) = delete;

  // Whether the carrier is in place, so that packet sockets may have its filter.
  [[nodiscard]] bool carries() const { return carries_; }

 protected:
  explicit HostExclusion(bool carries) : carries_(carries) {}

 private:
  bool carries_;
};

}  // namespace tapswitch
