// A keeper beside a switch that nobody supervises: after the switch was killed it keeps the host
// out of the interfaces that were ports until the lease ends, another switch has them, or it is
// told to end. It holds nothing else.

#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "ports/os/unix/descriptor_channel.h"

namespace tapswitch {

// Starts a process for that, and returns the switch's end of the channel to it. It is to be called
// before threads are started, and before files are opened: the new process closes all of them. It
// is no child of this process, and calls `give_up_rights` first.
[[nodiscard]] absl::StatusOr<DescriptorChannel> StartGuardian(
    std::chrono::milliseconds lease, const std::function<absl::Status()>& give_up_rights);

}  // namespace tapswitch
