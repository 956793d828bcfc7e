// The unfinished work of a frame that was received behind a virtio-net header.

#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "switch/forwarding/frame.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

// Fills in the unfinished work of a frame, `wire` being its header and its bytes. The header in
// memory then has the header length that was computed, so that it can leave as it lies here.
// Returns a reason if the frame cannot be taken.
[[nodiscard]] std::optional<DropReason> TakeReceivedOffload(std::span<std::byte> wire,
                                                            Frame& frame);

}  // namespace tapswitch
