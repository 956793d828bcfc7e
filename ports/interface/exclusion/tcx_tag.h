// A BPF program at the egress of an interface that takes a VLAN tag out of a frame's bytes and
// gives it to the kernel beside them, as the kernel's own bridge hands frames over (Linux 6.6,
// TCX). A device measures the bytes only (net/core/dev.c, __is_skb_forwardable).

#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"

namespace tapswitch {

// It stays there, before all other programs, while the file is open, and works on frames with this
// mark (SO_MARK), which it clears. Requires CAP_BPF and CAP_NET_ADMIN, and CAP_SYS_ADMIN in another
// namespace than the thread's.
[[nodiscard]] absl::StatusOr<FileDescriptor> AttachTagMover(const NetworkNamespace& netns,
                                                            int ifindex, uint32_t mark);

}  // namespace tapswitch
