// The TAP of a guest. It is made here, held by QEMU, and removed with it. The holder can make it
// persistent, which needs no privileges. Then the switch deletes it once no process holds it any
// more.

#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct GuestTap {
  FileDescriptor file;
  std::string name;  // chosen by the kernel
  int ifindex = 0;
};

// Makes a TAP with `tun`, an open /dev/net/tun.
[[nodiscard]] absl::StatusOr<GuestTap> MakeGuestTap(FileDescriptor tun, bool with_vnet_header);

// Disables IPv6 of the host's network stack on it, which would otherwise send by itself. Errors are
// ignored.
void KeepHostQuiet(const GuestTap& tap);

// Marks the interface by its alias. The mark tells the switch that it may delete the interface once
// no process holds it any more. The holder cannot remove the mark: this takes CAP_NET_ADMIN.
[[nodiscard]] absl::Status Mark(const GuestTap& tap);

[[nodiscard]] absl::Status BringUp(const GuestTap& tap);

// Whether `fd` is an open Unix socket.
[[nodiscard]] absl::Status CheckUnixSocket(int fd);

// Sends an open file through a Unix socket. DeadlineExceeded if the socket has no room for 5 s,
// because no process reads it.
[[nodiscard]] absl::Status SendFile(int socket, int file);

}  // namespace tapswitch
