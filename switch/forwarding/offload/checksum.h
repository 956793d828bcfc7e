// The Internet checksum (RFC 1071).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// A running one's complement sum of 16-bit words in network order. Parts may be added in any order
// and lie at any address. Each part has an even length, except the one that ends the message, which
// is summed as if a zero byte followed.
//
// To remove a field F from a sum, the complement of F is added: F + ~F is 0xFFFF, which is zero in
// this arithmetic.
class ChecksumSum {
 public:
  void Add(std::span<const std::byte> bytes);
  // Adds `value`, read from a field of 16 or 32 bits.
  constexpr void AddBe16(uint16_t value) { sum_ += value; }
  constexpr void AddBe32(uint32_t value) {
    sum_ += value;
  }  // 2^16 counts 1, so halves need not be split
  // Removes a field from the sum.
  constexpr void SubtractBe16(uint16_t value) { AddBe16(static_cast<uint16_t>(~value)); }
  constexpr void SubtractBe32(uint32_t value) { AddBe32(~value); }
  // The sum so far, not complemented. It is zero only if all added bytes were zero.
  [[nodiscard]] constexpr uint16_t Folded() const { return Fold(sum_); }
  // The value for the checksum field: the complement of the sum.
  [[nodiscard]] constexpr uint16_t Checksum() const { return static_cast<uint16_t>(~Folded()); }

 private:
  static constexpr uint16_t Fold(uint64_t sum) {
    while (sum > 0xFFFF) sum = (sum & 0xFFFFU) + (sum >> 16U);
    return static_cast<uint16_t>(sum);
  }

  uint64_t sum_ = 0;  // cannot overflow: 2^32 additions would be needed
};

// The sum of the pseudo header of IPv6 (RFC 8200, 8.1), in front of a message of `size` bytes.
[[nodiscard]] ChecksumSum SumOfPseudoHeader(IpAddress source, IpAddress destination, size_t size,
                                            uint8_t protocol);

// The checksum in the form of a UDP header: 0 there means "none", so 0xFFFF, which is equal, is
// sent instead (RFC 768).
[[nodiscard]] constexpr uint16_t UdpChecksum(const ChecksumSum& sum) {
  const uint16_t checksum = sum.Checksum();
  return checksum == 0 ? uint16_t{0xFFFF} : checksum;
}

// Returns the finished value of the checksum field that `header` describes. The field holds the sum
// of the pseudo header before, as the kernel hands over partial checksums. The sum runs to the end
// of the frame, as in the kernel (skb_checksum_help). UDP is recognised by the place of its field;
// other protocols with a field there (DCCP) accept 0xFFFF for 0, too.
// Precondition: header is validated, needs_checksum, no GSO, not crc32c.
[[nodiscard]] uint16_t FinishedChecksum(const VirtioNetHeader& header,
                                        std::span<const std::byte> frame);

// Returns the CRC32c of an SCTP packet, from its header to the end of the frame, in the form of its
// field of 4 bytes. The field itself counts as zero (RFC 9260, 6.8 and appendix A).
// Precondition: header is validated, and crc32c.
[[nodiscard]] std::array<std::byte, 4> FinishedCrc32c(const VirtioNetHeader& header,
                                                      std::span<const std::byte> frame);

// Returns the sum of an IPv4 header, without the fields that differ between the segments of a GSO
// frame: total length, identification, and the checksum itself.
[[nodiscard]] ChecksumSum ConstantIpv4Sum(std::span<const std::byte> header);

}  // namespace tapswitch
