// Packet sockets as the switch uses them (packet(7)): whole frames behind a virtio-net header, and
// groups of sockets that share the frames of an interface.

#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"

namespace tapswitch {

// Opens a non-blocking socket in a namespace. Nothing arrives at it before it is bound, and never
// what the host itself sends. PermissionDenied without CAP_NET_RAW.
[[nodiscard]] absl::StatusOr<FileDescriptor> OpenPacketSocket(const NetworkNamespace& netns);

// Binds the socket to an interface, for frames of a protocol (ETH_P_ALL: of all; 0: it only sends).
[[nodiscard]] absl::Status BindPacketSocket(int fd, int ifindex, uint16_t protocol);

// Opens a non-blocking socket that is given the BPDUs of an interface, without headers of its own,
// before anything that may keep frames from others. Its queue holds ten or twenty; it is for those
// that found the queue of another socket full.
[[nodiscard]] absl::StatusOr<FileDescriptor> OpenBpduSocket(const NetworkNamespace& netns,
                                                            int ifindex);

// Set a filter that lets nothing in, or nothing that the host itself sends: a group does not know
// PACKET_IGNORE_OUTGOING before Linux 6.2.
[[nodiscard]] absl::Status RefuseAll(int fd);
[[nodiscard]] absl::Status RefuseOutgoing(int fd);

// Founds a group of the socket alone, and returns its number; or joins a group. Frames are dealt
// out by the hash of their flow, and not defragmented, which would change them.
[[nodiscard]] absl::StatusOr<uint16_t> FoundGroup(int fd);
[[nodiscard]] absl::Status JoinGroup(int fd, uint16_t id, unsigned flags = 0);

}  // namespace tapswitch
