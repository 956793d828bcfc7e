// A TAP interface, held open.
//
// Which namespace it belongs to is a matter of two things. The interface is where the user wants
// it. The open file belongs to the namespace it was opened in, and keeps that alive. So a TAP that
// does not exist yet is made in the switch's own namespace, under a name that the kernel picks, and
// moved from there under its own name: then deleting the target namespace really deletes it, and
// the interface with it, although the switch holds the file (measured on Linux 6.18). A TAP that
// exists in the target already can only be opened inside, and that namespace then lives, without a
// name perhaps, until the switch closes the file. One that was moved so has a random address that
// counts as set: udev would give all of them that of the name they had before
// (MACAddressPolicy=persistent, systemd.link(5)), and may have done so.
//
// A TAP may have several queues: open files that the kernel deals the frames out to. All belong to
// the namespace of the first, for the same reason, and so are attached before the interface moves.
//
// Which queue a frame arrives on (drivers/net/tun.c, tun_automq_select_queue): the one that frames
// of the other direction of its flow were last written to, in the last seconds (tun_flow_update);
// else the one that the hash of the flow says. The hash is the same in both directions and on all
// interfaces of a machine, and so is the choice where the number of queues is the same. Then a flow
// that comes in by queue N of one TAP leaves by queue N of another, its answers come back by that,
// and no frame overtakes another of its flow. Between ports whose numbers of queues differ a flow
// moves to another queue once, when the first answer is written (and back, when there has been none
// for 3 s): frames that waited in the old queue at that moment may be overtaken, as the kernel does
// not wait for them. What the flow is: IP addresses and ports; frames that are not IP are one flow.

#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/interface/interface_claim.h"
#include "ports/interface/tap/tap_options.h"
#include "ports/os/file_descriptor.h"
#include "ports/port_handover.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

struct TapDevice {
  // Non-blocking; carries Ethernet frames behind a virtio-net header of kVirtioNetHeaderSize bytes,
  // little endian. A TAP that is not persistent vanishes when it closes.
  FileDescriptor file;

  // The queues after the first, each as `file`.
  std::vector<FileDescriptor> more_queues{};

  // The unfinished work that the kernel may hand over with a frame.
  OffloadSet offloads;

  // It was made for this call, not opened.
  bool created = false;

  // That the interface is no other port's, as long as it stays where it is.
  InterfaceClaim claim{};
};

// Opens TAP `options.name`, or makes it, with up to `queues` queues (one or more), in the namespace
// of `options.netns`. One that was made beforehand is looked for there, then in the switch's own
// namespace (and moved). It is claimed (interface_claim.h) before it is touched. It waits up to a
// second for a TAP that is busy: a process that has just ended may still hold it for a moment, as
// io_uring releases files asynchronously. Requires CAP_NET_ADMIN to make a TAP or to change one,
// CAP_SYS_ADMIN to work in another namespace.
//
// Where one queue is wanted, one that is made has no more (no `multi_queue`). One that exists has
// one queue if it was made so, and gets as many as are wanted if it was made with `multi_queue`.
//
// Errors are one line that says what to do about it. After one, nothing that was made is left, and
// a TAP that existed is where it was, with the settings it had.
[[nodiscard]] absl::StatusOr<TapDevice> OpenTap(const TapOptions& options, size_t queues = 1);

// Takes over a TAP that another process has opened so. It is not claimed yet, and nothing about it
// is changed. FailedPrecondition when it has more than `queues` queues: nobody would read them.
[[nodiscard]] absl::StatusOr<TapDevice> InheritTap(const TapOptions& options,
                                                   PortHandover& inherited, size_t queues);

}  // namespace tapswitch
