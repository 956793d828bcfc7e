// The frames that a network interface has dropped, as the kernel counts them.

#pragma once

#include <cstdint>
#include <optional>

namespace tapswitch {

// Frames that were to leave by the interface, which is in the namespace of the calling thread, and
// were dropped there. Waits for the kernel's locks. Nothing when there is no such interface.
[[nodiscard]] std::optional<uint64_t> ReadTxDropped(int ifindex);

}  // namespace tapswitch
