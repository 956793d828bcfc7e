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

// Appends a frame with its unfinished work, or returns a reason why it cannot be taken.
// Precondition: the batch is not full.
[[nodiscard]] inline std::optional<DropReason> AppendReceived(std::span<std::byte> wire,
                                                              PortId ingress,
                                                              FrameBatch& received) {
  Frame& frame = received.next();
  frame.Begin({wire.data(), wire.size()}, ingress);
  // Flags and GSO type. Mostly both are zero, and then there is nothing in the header.
  if ((wire[0] | wire[1]) != std::byte{0}) {
    if (const auto reason = TakeReceivedOffload(wire, frame)) return reason;
  }
  received.Keep();
  return std::nullopt;
}

}  // namespace tapswitch
