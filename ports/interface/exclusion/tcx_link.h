// A BPF program at the ingress of an interface that drops every frame, or all but those that the
// kernel is to carry (Linux 6.6, TCX).

#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"

namespace tapswitch {

// The verdict of a program at the ingress on a frame that is to be dropped (TCX_DROP).
inline constexpr int kTcxDrop = 2;

// By it other switches know the program; the kernel keeps 15 characters.
inline constexpr std::string_view kTcxDropName = "tapswitch_drop";

// It stays there, before all other programs, while the file is open. Requires CAP_BPF and
// CAP_NET_ADMIN, and CAP_SYS_ADMIN in another namespace than the thread's.
[[nodiscard]] absl::StatusOr<FileDescriptor> AttachTcxDrop(const NetworkNamespace& netns,
                                                           int ifindex);

// Attaches a program that was loaded before in its place. Does not require CAP_BPF.
[[nodiscard]] absl::StatusOr<FileDescriptor> AttachTcx(const NetworkNamespace& netns, int ifindex,
                                                       const FileDescriptor& program);

// Whether such a program of this or another switch is at the ingress of the interface. False where
// that cannot be known: before Linux 6.6, and without CAP_SYS_ADMIN.
[[nodiscard]] bool HasTcxDrop(const NetworkNamespace& netns, int ifindex);

// How many other programs are there, which see none of the frames that the switch receives.
[[nodiscard]] size_t CountOtherTcxPrograms(const NetworkNamespace& netns, int ifindex);

}  // namespace tapswitch
