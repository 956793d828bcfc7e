// A BPF program at the ingress of an interface that drops every frame (Linux 6.6, TCX).

#pragma once

#include "absl/status/statusor.h"
#include "ports/file_descriptor.h"
#include "ports/netns.h"

namespace tapswitch {

// It stays there, before all other programs, while the file is open. Requires CAP_BPF and
// CAP_NET_ADMIN, and CAP_SYS_ADMIN in another namespace than the thread's.
[[nodiscard]] absl::StatusOr<FileDescriptor> AttachTcxDrop(const NetworkNamespace& netns,
                                                           int ifindex);

}  // namespace tapswitch
