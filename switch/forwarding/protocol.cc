#include "switch/forwarding/protocol.h"

#include <algorithm>
#include <utility>

namespace tapswitch {
namespace {

// The protocol that an IP header names; of IPv6, the one right behind the fixed header.
std::optional<uint8_t> IpProtocolOf(const ParsedFrame& frame) {
  constexpr size_t kIpv4Protocol = 9;
  constexpr size_t kIpv6NextHeader = 6;
  const auto type = static_cast<EtherType>(frame.header.type_or_length);
  if (type != EtherType::kIpv4 && type != EtherType::kIpv6) return std::nullopt;
  const size_t at =
      frame.header.payload_offset + (type == EtherType::kIpv4 ? kIpv4Protocol : kIpv6NextHeader);
  if (frame.bytes.size() <= at) return std::nullopt;
  return std::to_integer<uint8_t>(frame.bytes[at]);
}

}  // namespace

void Protocols::Add(Protocol& protocol) { protocols_.push_back(&protocol); }

void Protocols::Remove(Protocol& protocol) {
  std::erase(protocols_, &protocol);
  static_cast<void>(OnPorts(ForwardingView()));
}

bool Protocols::OnPorts(const ForwardingView& view) {
  types_.clear();
  const uint64_t filter_before = std::exchange(type_filter_, 0);
  group_type_filter_ = 0;
  std::ranges::fill(reserved_, Bits{0});
  guarded_ = 0;
  wants_reserved_ = false;
  for (size_t i = 0; i < protocols_.size(); ++i) {
    const auto bit = static_cast<Bits>(1U << i);
    protocols_[i]->OnPorts(view);
    const ProtocolInterests interests = protocols_[i]->interests();
    for (const auto& type : interests.types) {
      types_.push_back({.type = type, .who = bit});
      const uint64_t bit_of_type = uint64_t{1} << FilterBit(type.ether_type);
      group_type_filter_ |= bit_of_type;
      if (!type.to_groups) type_filter_ |= bit_of_type;
    }
    for (size_t x = 0; x < reserved_.size(); ++x) {
      if (((interests.reserved >> x) & 1U) != 0) reserved_[x] |= bit;
    }
    wants_reserved_ |= interests.reserved != 0;
    if (interests.is_guarded) guarded_ |= bit;
  }
  return type_filter_ != filter_before;
}

void Protocols::OnTick(ProtocolContext& context) {
  for (Protocol* const protocol : protocols_) protocol->OnTick(context);
}

void Protocols::OnClosed(PortId port) {
  for (Protocol* const protocol : protocols_) protocol->OnClosed(port);
}

void Protocols::OnLinkSpeed(PortId port, uint32_t speed) {
  for (Protocol* const protocol : protocols_) protocol->OnLinkSpeed(port, speed);
}

std::optional<Tick> Protocols::next_deadline() const {
  std::optional<Tick> next;
  for (const Protocol* const protocol : protocols_) {
    const auto deadline = protocol->next_deadline();
    if (deadline) next = std::min(next.value_or(*deadline), *deadline);
  }
  return next;
}

Protocols::Bits Protocols::WantedBy(const ParsedFrame& frame) const {
  // A tag that is payload hides what is behind it.
  if (frame.header.tag && frame.as.tag == FrameTag::kNone) return 0;
  Bits who = 0;
  for (const WantedType& wanted : types_) {
    if (frame.header.type_or_length != wanted.type.ether_type) continue;
    if (wanted.type.to_groups && !frame.header.destination.is_multicast()) continue;
    if (!wanted.type.ip_protocol || wanted.type.ip_protocol == IpProtocolOf(frame)) {
      who |= wanted.who;
    }
  }
  return who;
}

bool Protocols::Show(Bits who, const ParsedFrame& frame, ProtocolContext& context,
                     ProtocolVerdict& verdict) {
  for (size_t i = 0; i < protocols_.size(); ++i) {
    if (((who >> i) & 1U) == 0) continue;
    const ProtocolVerdict one = protocols_[i]->See(frame, context);
    if (one.action == ProtocolVerdict::Action::kPass) continue;
    verdict.action = one.action;
    verdict.reason = one.reason;
    verdict.excluded |= one.excluded;
    if (one.action == ProtocolVerdict::Action::kConsume) return true;
  }
  return false;
}

}  // namespace tapswitch
