#include "switch/forwarding/offload/received_offload.h"

#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

std::optional<DropReason> TakeReceivedOffload(std::span<std::byte> wire, Frame& frame) {
  const auto header_bytes = wire.first<kVirtioNetHeaderSize>();
  const auto claimed = ParseVirtioNetHeader(header_bytes);
  if (!claimed) return DropReason::kUnsupportedOffload;
  const auto header = ValidateOffload(*claimed, frame.bytes());
  if (!header) {
    return IsBeyondTheSwitch(*claimed, frame.bytes()) ? DropReason::kUnsupportedOffload
                                                      : DropReason::kBadOffloadHeader;
  }
  frame.offload = *header;
  frame.needed = NeededOffloads(*header, frame.bytes());
  StoreVirtioNetHeader(*header, header_bytes);
  return std::nullopt;
}

}  // namespace tapswitch
