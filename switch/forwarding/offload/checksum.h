// The Internet checksum (RFC 1071).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

// A one's complement sum of 16-bit words in network order, in the making. Parts may be added in any
// order and lie at any address; each has an even length but the one that ends the message (it is
// summed as if a zero byte followed).
//
// A sum that holds a field F is freed of it by adding the complement of F: F + ~F is 0xFFFF, which
// is zero in this arithmetic.
class ChecksumSum {
 public:
  void Add(std::span<const std::byte> bytes);
  // `value` as it reads in a field of 16 or 32 bits.
  constexpr void AddBe16(uint16_t value) { sum_ += value; }
  constexpr void AddBe32(uint32_t value) { sum_ += value; }  // 2^16 is 1: halves need no parting
  // Frees the sum of a field that it holds.
  constexpr void SubtractBe16(uint16_t value) { AddBe16(static_cast<uint16_t>(~value)); }
  constexpr void SubtractBe32(uint32_t value) { AddBe32(~value); }
  // The sum so far, not complemented. Zero only if nothing but zeros was added.
  [[nodiscard]] constexpr uint16_t Folded() const { return Fold(sum_); }
  // What goes into the checksum field: the complement.
  [[nodiscard]] constexpr uint16_t Checksum() const { return static_cast<uint16_t>(~Folded()); }

 private:
  static constexpr uint16_t Fold(uint64_t sum) {
    while (sum > 0xFFFF) sum = (sum & 0xFFFFU) + (sum >> 16U);
    return static_cast<uint16_t>(sum);
  }

  uint64_t sum_ = 0;  // cannot overflow: 2^32 additions would be needed
};

// The checksum as a UDP header holds it: 0 there means "none", so that 0xFFFF, its equal, is sent
// (RFC 768).
[[nodiscard]] constexpr uint16_t UdpChecksum(const ChecksumSum& sum) {
  const uint16_t checksum = sum.Checksum();
  return checksum == 0 ? uint16_t{0xFFFF} : checksum;
}

// The finished value of the checksum field that `header` describes; the field holds the
// pseudo-header sum before (how the kernel hands over partial checksums). Sums up to the end of the
// frame, as the kernel does (skb_checksum_help). UDP is told by the place of its field; other
// protocols with a field there (DCCP) take 0xFFFF for 0 too.
// Precondition: header is validated, needs_checksum, no GSO, not crc32c.
[[nodiscard]] uint16_t FinishedChecksum(const VirtioNetHeader& header,
                                        std::span<const std::byte> frame);

// The CRC32c of an SCTP packet, from its header to the end of the frame, as it stands in the 4 bytes of
// its field, which count as zero (RFC 9260, 6.8 and appendix A).
// Precondition: header is validated, and crc32c.
[[nodiscard]] std::array<std::byte, 4> FinishedCrc32c(const VirtioNetHeader& header,
                                                      std::span<const std::byte> frame);

// Of an IPv4 header, without the fields that differ between the segments of a GSO frame: total
// length, identification, and the checksum itself.
[[nodiscard]] ChecksumSum ConstantIpv4Sum(std::span<const std::byte> header);

}  // namespace tapswitch
