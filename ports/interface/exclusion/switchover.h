// Moves interfaces from the kernel's bridge to the switch, all of them at one moment.
//
// Ports of the switch are opened while their interfaces still belong to the bridge. Their sockets
// receive nothing, and the bridge goes on forwarding, until Complete. From then on the sockets
// receive, and the bridge does not.
//
// Programs at the ingress of each interface, and at each socket, read one number from one map.
// Complete writes it, so all interfaces change sides at once. A frame on its way in meets the
// socket first: if that takes it, the bridge does not get it any more. So no frame is forwarded
// twice. It takes Linux 6.6 (TCX) and CAP_BPF. Filters of clsact, which older kernels have, would
// change one interface after the other.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/exclusion/host_exclusion.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"

namespace tapswitch {

class Switchover {
 public:
  // For interfaces that are ports of the device with index `master`.
  explicit Switchover(int master);
  ~Switchover();
  Switchover(const Switchover&) = delete;
  Switchover& operator=(const Switchover&) = delete;

  [[nodiscard]] int master() const { return master_; }
  [[nodiscard]] bool is_complete() const { return is_complete_.load(std::memory_order_acquire); }

  // Whether it is possible in the namespace of the master, which is not changed. Unimplemented:
  // this kernel, or these rights, do not do.
  [[nodiscard]] absl::Status Probe(const NetworkNamespace& netns) const;

  // Prepares interface `ifindex` in `netns`, and the sockets that are to receive from it but are
  // not bound yet. The host is excluded from Complete on, while the returned object lives.
  [[nodiscard]] absl::StatusOr<std::unique_ptr<HostExclusion>> Prepare(
      const NetworkNamespace& netns, int ifindex, std::span<const FileDescriptor> sockets);

  // Adds a function that Complete calls at its end.
  void OnComplete(std::function<void()> function) { after_.push_back(std::move(function)); }

  // Lets the sockets receive, and the bridge not. Called once, by the thread that prepared.
  [[nodiscard]] absl::Status Complete();

  // Lets the bridge receive again, at one moment. The sockets go on receiving, so the switch has to
  // ignore them by now.
  void Reverse();

 private:
  [[nodiscard]] absl::Status PrepareSocket(const FileDescriptor& socket);
  [[nodiscard]] absl::StatusOr<FileDescriptor> AttachDrop(const NetworkNamespace& netns,
                                                          int ifindex) const;

  int master_;
  FileDescriptor map_;     // the number; invalid where BPF cannot be used
  FileDescriptor drop_;    // the program at the ingress
  FileDescriptor accept_;  // the program at the socket
  std::vector<FileDescriptor> sockets_;
  std::vector<std::function<void()>> after_;
  std::atomic<bool> is_complete_ = false;
};

}  // namespace tapswitch
