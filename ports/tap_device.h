// A TAP interface, held open.
//
// Which namespace it belongs to is a matter of two things. The interface is where the user wants
// it. The open file belongs to the namespace it was opened in, and keeps that alive. So a TAP that
// does not exist yet is made in the switch's own namespace, under a name that the kernel picks, and
// moved from there under its own name: then deleting the target namespace really deletes it, and
// the interface with it, although the switch holds the file (measured on Linux 6.18). A TAP that
// exists in the target already can only be opened inside, and that namespace then lives, without a
// name perhaps, until the switch lets go.

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ports/file_descriptor.h"
#include "ports/netns.h"
#include "ports/tap_options.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

struct TapDevice {
  // Non-blocking; carries Ethernet frames behind a virtio-net header of kVirtioNetHeaderSize bytes,
  // little endian. A TAP that is not persistent vanishes when it closes.
  FileDescriptor file;

  // The unfinished work that the kernel may hand over with a frame.
  OffloadSet offloads;

  // It was made for this call, not opened.
  bool created = false;
};

// Opens TAP `options.name`, or makes it, in the namespace of `options.netns`. One that was made
// beforehand is looked for there, then in the switch's own namespace (and moved). It waits up to a
// second for a TAP that is busy: a process that has just ended may still hold it for a moment, as
// io_uring releases files asynchronously. Requires CAP_NET_ADMIN to make a TAP or to change one,
// CAP_SYS_ADMIN to work in another namespace.
//
// Errors are one line that says what to do about it. After one, nothing that was made is left, and
// a TAP that existed is where it was, with the settings it had.
[[nodiscard]] absl::StatusOr<TapDevice> OpenTap(const TapOptions& options);

// Where the TAP behind an open file is now: `ip link set` moves and renames it under way.
struct TapLocation {
  NetworkNamespace netns;
  std::string name;
};

// NotFound when the device has been deleted. Without CAP_NET_ADMIN the kernel tells the name only
// (TUNGETDEVNETNS), and the namespace of the calling thread is assumed.
[[nodiscard]] absl::StatusOr<TapLocation> LocateTap(int fd);

}  // namespace tapswitch
