// Attaching the queues of a TAP: to one that exists, or to one that is made for this.

#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/interface_claim.h"
#include "ports/interface/tap/tap_options.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"

namespace tapswitch {

// A TAP that is open, and the namespace it was found or made in.
struct AttachedTap {
  FileDescriptor file;
  const NetworkNamespace* netns = nullptr;  // one of those that AttachTap was given
  bool created = false;
  std::vector<FileDescriptor> more_queues{};
  InterfaceClaim claim{};  // of one that existed
};

// Opens or makes the TAP as OpenTap says it (tap_device.h), with `queues` queues at most. `own` is
// the namespace of the calling thread, `target` the one where the TAP is wanted. One that exists is
// attached where it is; one that is made is made in `own`, and has a name of the kernel's choice if
// it is to be moved. It waits for a TAP that is busy. After an error nothing has changed.
[[nodiscard]] absl::StatusOr<AttachedTap> AttachTap(const TapOptions& options, size_t queues,
                                                    const NetworkNamespace& own,
                                                    const NetworkNamespace& target);

// Returns what is said to the user when interface `name` could not be claimed, because of `claim`.
[[nodiscard]] absl::Status DescribeClaimOfOthers(std::string_view name, const absl::Status& claim);

}  // namespace tapswitch
