#include "switch/protocol/neighbours/neighbour_answer.h"

#include <algorithm>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

constexpr size_t kAdvertisementSize = NdWire::kOptions + NdWire::kOptionUnit;

void StoreByte(std::byte* at, uint8_t value) { *at = static_cast<std::byte>(value); }

void StoreIpv6(std::byte* at, IpAddress address) { std::ranges::copy(address.bytes(), at); }

}  // namespace

AnswerFrame::AnswerFrame(const NeighbourAnswer& answer) {
  if (answer.question.target.is_v4()) {
    AddHeader(answer, EtherType::kArp);
    AddArp(answer);
  } else {
    AddHeader(answer, EtherType::kIpv6);
    AddAdvertisement(answer);
  }
}

std::byte* AnswerFrame::Take(size_t size) {
  std::byte* const taken = bytes_.data() + size_;
  size_ += size;
  return taken;
}

void AnswerFrame::AddHeader(const NeighbourAnswer& answer, EtherType type) {
  StoreBe48(Take(kMacAddressSize), answer.asker.number());
  StoreBe48(Take(kMacAddressSize), answer.target.number());
  StoreBe16(Take(2), static_cast<uint16_t>(type));
}

void AnswerFrame::AddArp(const NeighbourAnswer& answer) {
  std::byte* const arp = Take(ArpWire::kSize);
  StoreBe48(arp, ArpWire::kEthernetAndIpv4);
  StoreBe16(arp + ArpWire::kOperation, ArpWire::kReply);
  StoreBe48(arp + ArpWire::kSenderMac, answer.target.number());
  StoreBe32(arp + ArpWire::kSenderIp, answer.question.target.v4());
  StoreBe48(arp + ArpWire::kTargetMac, answer.asker.number());
  StoreBe32(arp + ArpWire::kTargetIp, answer.question.asker.v4());
}

void AnswerFrame::AddAdvertisement(const NeighbourAnswer& answer) {
  constexpr uint32_t kVersion6 = 6U << 28U;
  std::byte* const ip = Take(ipv6::kHeaderSize);
  StoreBe32(ip, kVersion6);
  StoreBe16(ip + ipv6::kPayloadLength, kAdvertisementSize);
  StoreByte(ip + ipv6::kNextHeader, kProtocolIcmpv6);
  StoreByte(ip + ipv6::kHopLimit, NdWire::kOnLink);
  StoreIpv6(ip + ipv6::kAddresses, answer.question.target);
  StoreIpv6(ip + ipv6::kAddresses + ipv6::kAddressSize, answer.question.asker);

  std::byte* const icmp = Take(kAdvertisementSize);
  StoreByte(icmp, NdWire::kAdvertisement);
  const uint8_t router = answer.target_is_router ? NdWire::kRouter : uint8_t{0};
  StoreByte(icmp + NdWire::kFlags,
            static_cast<uint8_t>(router | NdWire::kSolicited | NdWire::kOverride));
  StoreIpv6(icmp + NdWire::kTarget, answer.question.target);
  std::byte* const option = icmp + NdWire::kOptions;
  StoreByte(option, NdWire::kTargetAddress);
  StoreByte(option + 1, 1);
  StoreBe48(option + 2, answer.target.number());

  ChecksumSum sum = SumOfPseudoHeader(answer.question.target, answer.question.asker,
                                      kAdvertisementSize, kProtocolIcmpv6);
  sum.Add({icmp, kAdvertisementSize});
  StoreBe16(icmp + NdWire::kChecksum, sum.Checksum());
}

}  // namespace tapswitch
