// The Internet checksum (RFC 1071).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

// An unfolded one's complement sum. Sums of consecutive parts add up when each part but the last
// has an even length.
class ChecksumSum {
 public:
  void Add(std::span<const std::byte> bytes);
  void AddBe16(uint16_t value);
  void AddBe32(uint32_t value);
  // The folded sum, not complemented, host order.
  [[nodiscard]] uint16_t Folded() const;
  // What goes into the checksum field: the complement.
  [[nodiscard]] uint16_t Checksum() const;

 private:
  uint64_t sum_ = 0;
};

// The finished value of the checksum field that `header` describes; the field holds the
// pseudo-header sum before (how the kernel hands over partial checksums). A UDP checksum of 0 is
// returned as 0xFFFF (RFC 768). Precondition: header is validated, needs_checksum, no GSO.
[[nodiscard]] uint16_t FinishedChecksum(const VirtioNetHeader& header,
                                        std::span<const std::byte> frame);

}  // namespace tapswitch
