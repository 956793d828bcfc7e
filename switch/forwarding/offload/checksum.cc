#include "switch/forwarding/offload/checksum.h"

#include <bit>
#include <cstring>

#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

uint64_t LoadWord(const std::byte* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// A running sum of 64-bit words whose carries are kept beside it. Two of them side by side let the
// processor add two words a cycle.
struct PartialSum {
  uint64_t sum = 0;
  uint64_t carries = 0;

  void Add(uint64_t word) {
    sum += word;
    carries += static_cast<uint64_t>(sum < word);
  }
};

// The polynomial of Castagnoli, its bits in reverse.
constexpr std::array<uint32_t, 256> MakeCrc32cTable() {
  constexpr uint32_t kPolynomial = 0x82F63B78;
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1U) ^ ((value & 1U) != 0 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}

constexpr auto kCrc32cTable = MakeCrc32cTable();

uint32_t AddToCrc32c(uint32_t crc, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    crc = (crc >> 8U) ^ kCrc32cTable[(crc ^ static_cast<uint32_t>(byte)) & 0xFFU];
  }
  return crc;
}

}  // namespace

// Sums in the byte order of the machine and swaps the result: the sum does not care which of its
// bytes is called the high one (RFC 1071, 2.B). A carry out of 64 bits counts 1, as 2^64 does here.
void ChecksumSum::Add(std::span<const std::byte> bytes) {
  constexpr size_t kWord = sizeof(uint64_t);
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  PartialSum even;
  PartialSum odd;
  for (; left >= 4 * kWord; left -= 4 * kWord, at += 4 * kWord) {
    even.Add(LoadWord(at));
    odd.Add(LoadWord(at + kWord));
    even.Add(LoadWord(at + 2 * kWord));
    odd.Add(LoadWord(at + 3 * kWord));
  }
  for (; left >= kWord; left -= kWord, at += kWord) even.Add(LoadWord(at));
  if (left != 0) {
    uint64_t tail = 0;  // zeros behind an odd byte are the padding that RFC 1071 asks for
    std::memcpy(&tail, at, left);
    odd.Add(tail);
  }
  const unsigned sum = Fold(uint64_t{Fold(even.sum)} + Fold(odd.sum) + even.carries + odd.carries);
  if constexpr (std::endian::native == std::endian::little) {
    sum_ += ((sum & 0xFFU) << 8U) | (sum >> 8U);
  } else {
    sum_ += sum;
  }
}

ChecksumSum SumOfPseudoHeader(IpAddress source, IpAddress destination, size_t size,
                              uint8_t protocol) {
  ChecksumSum sum;
  sum.Add(source.bytes());
  sum.Add(destination.bytes());
  sum.AddBe32(static_cast<uint32_t>(size));
  sum.AddBe16(protocol);
  return sum;
}

uint16_t FinishedChecksum(const VirtioNetHeader& header, std::span<const std::byte> frame) {
  ChecksumSum sum;
  sum.Add(frame.subspan(header.checksum_start));
  return header.checksum_offset == udp::kChecksum ? UdpChecksum(sum) : sum.Checksum();
}

std::array<std::byte, 4> FinishedCrc32c(const VirtioNetHeader& header,
                                        std::span<const std::byte> frame) {
  constexpr std::array<std::byte, 4> kField{};
  const auto packet = frame.subspan(header.checksum_start);
  uint32_t crc = AddToCrc32c(~uint32_t{0}, packet.first(sctp::kChecksum));
  crc = AddToCrc32c(crc, kField);
  crc = ~AddToCrc32c(crc, packet.subspan(sctp::kChecksum + kField.size()));
  std::array<std::byte, 4> field{};
  for (size_t i = 0; i < field.size(); ++i) field[i] = static_cast<std::byte>(crc >> (8 * i));
  return field;
}

ChecksumSum ConstantIpv4Sum(std::span<const std::byte> header) {
  ChecksumSum sum;
  sum.Add(header);
  sum.SubtractBe16(LoadBe16(&header[ipv4::kTotalLength]));
  sum.SubtractBe16(LoadBe16(&header[ipv4::kIdentification]));
  sum.SubtractBe16(LoadBe16(&header[ipv4::kChecksum]));
  return sum;
}

}  // namespace tapswitch
