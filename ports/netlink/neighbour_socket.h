// Reads and writes entries of bridges and vxlan devices, and neighbours of IP, in the namespace of
// the thread that opens a socket.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/netlink/neighbour_message.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

using NeighbourHandler = std::function<void(const KernelNeighbour&)>;

// Announcements of the kernel.
class NeighbourEvents {
 public:
  // Opens a non-blocking socket. Its buffer has kReceiveBuffer bytes, which holds some 30,000
  // entries that change at once; without CAP_NET_ADMIN what the system allows.
  static constexpr int kReceiveBuffer = 8 << 20;
  [[nodiscard]] static absl::StatusOr<NeighbourEvents> Open();

  [[nodiscard]] int fd() const { return socket_.get(); }

  struct Result {
    bool is_complete = true;  // the kernel dropped none (ENOBUFS)
    bool has_more = false;
  };
  // Hands over waiting announcements, about `max` of them at most.
  [[nodiscard]] Result Receive(size_t max, const NeighbourHandler& handler) const;

 private:
  explicit NeighbourEvents(FileDescriptor socket) : socket_(std::move(socket)) {}

  FileDescriptor socket_;
};

// Requests, which the kernel answers at once.
class NeighbourWriter {
 public:
  [[nodiscard]] static absl::StatusOr<NeighbourWriter> Open();

  // Makes the changes in their order. Returns for each 0 or the kernel's error (errno).
  [[nodiscard]] std::vector<int> Write(std::span<const NeighbourChange> changes);

 private:
  explicit NeighbourWriter(FileDescriptor socket) : socket_(std::move(socket)) {}

  [[nodiscard]] bool Send(std::span<const NeighbourChange> changes);
  [[nodiscard]] bool ReadAnswers(std::span<int> errors);

  FileDescriptor socket_;
  uint32_t first_ = 1;  // the sequence number of the first request of a batch
};

// Hands over what bridge `bridge` and the devices that are its ports have in their tables. What
// changes meanwhile may be there or not.
[[nodiscard]] absl::Status ListBridgeEntries(int bridge, const NeighbourHandler& handler);

// Hands over the neighbours of IP, of both versions, on interface `ifindex`.
[[nodiscard]] absl::Status ListNeighbours(int ifindex, const NeighbourHandler& handler);

}  // namespace tapswitch
