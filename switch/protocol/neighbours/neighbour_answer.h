// The answer to a question for a neighbour, as the neighbour itself would give it.

#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_headers.h"
#include "switch/protocol/neighbours/neighbour_message.h"
#include "switch/protocol/neighbours/neighbour_wire.h"

namespace tapswitch {

struct NeighbourAnswer {
  NeighbourQuestion question;
  MacAddress asker{};
  MacAddress target{};
  bool target_is_router = false;
};

class AnswerFrame {
 public:
  // An ARP reply (RFC 826) or a solicited neighbour advertisement (RFC 4861, 7.2.4), without a tag.
  explicit AnswerFrame(const NeighbourAnswer& answer);

  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(bytes_).first(size_); }

 private:
  std::byte* Take(size_t size);
  void AddHeader(const NeighbourAnswer& answer, EtherType type);
  void AddArp(const NeighbourAnswer& answer);
  void AddAdvertisement(const NeighbourAnswer& answer);

  // An Ethernet header, an IPv6 header, an advertisement with one option.
  static constexpr size_t kMostBytes =
      kEthernetHeaderSize + ipv6::kHeaderSize + NdWire::kOptions + NdWire::kOptionUnit;

  std::array<std::byte, kMostBytes> bytes_{};
  size_t size_ = 0;
};

}  // namespace tapswitch
