// The TAP of a guest: made here, held by QEMU, and gone with it. A holder can make it persistent,
// which needs no privileges; then the switch deletes it when nobody holds it any more.

#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct GuestTap {
  FileDescriptor file;
  std::string name;  // the kernel's choice
  int ifindex = 0;
};

// Makes a TAP of `tun`, an open /dev/net/tun.
[[nodiscard]] absl::StatusOr<GuestTap> MakeGuestTap(FileDescriptor tun, bool with_vnet_header);

// The host's own network stack is not to speak IPv6 on it, as it would unasked. Where it cannot be
// told so, it does.
void KeepHostQuiet(const GuestTap& tap);

// Says in the interface's alias who made it, by which the switch knows that it may delete it when
// nobody holds it any more. The holder cannot take that back: it takes CAP_NET_ADMIN.
[[nodiscard]] absl::Status Mark(const GuestTap& tap);

[[nodiscard]] absl::Status BringUp(const GuestTap& tap);

// Whether `fd` is open, and a Unix socket.
[[nodiscard]] absl::Status CheckUnixSocket(int fd);

// Sends an open file through a Unix socket. DeadlineExceeded when that has no room for 5 s, as
// nobody reads it.
[[nodiscard]] absl::Status SendFile(int socket, int file);

}  // namespace tapswitch
