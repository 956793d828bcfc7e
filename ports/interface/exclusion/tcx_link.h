// A BPF program at the ingress of an interface that drops every frame (Linux 6.6, TCX).

#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"

namespace tapswitch {

// It stays there, before all other programs, while the file is open. Requires CAP_BPF and
// CAP_NET_ADMIN, and CAP_SYS_ADMIN in another namespace than the thread's.
[[nodiscard]] absl::StatusOr<FileDescriptor> AttachTcxDrop(const NetworkNamespace& netns,
                                                           int ifindex);

// Whether such a program of this or another switch is at the ingress of the interface. False where
// that cannot be known: before Linux 6.6, and without CAP_SYS_ADMIN.
[[nodiscard]] bool HasTcxDrop(const NetworkNamespace& netns, int ifindex);

// How many other programs are there, which see none of the frames that the switch receives.
[[nodiscard]] size_t CountOtherTcxPrograms(const NetworkNamespace& netns, int ifindex);

}  // namespace tapswitch
