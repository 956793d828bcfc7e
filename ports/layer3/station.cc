#include "ports/layer3/station.h"

#include <algorithm>

#include "switch/forwarding/fdb/group_address.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

constexpr size_t kPacketAt = kVirtioNetHeaderSize + kEthernetHeaderSize;
constexpr uint32_t kLimitedBroadcast = 0xFFFFFFFF;
static_assert(Layer3Station::kEnoughBytes == kEthernetHeaderSize + ipv6::kHeaderSize + 1);

// Nothing if it is no whole IP header.
std::optional<IpAddress> DestinationOf(std::span<const std::byte> packet) {
  if (packet.empty()) return std::nullopt;
  const unsigned version = LoadByte(packet.data()) >> 4U;
  if (version == 4 && packet.size() >= ipv4::kMinHeaderSize) {
    return IpAddress::FromV4(LoadBe32(&packet[ipv4::kAddresses + ipv4::kAddressSize]));
  }
  if (version == 6 && packet.size() >= ipv6::kHeaderSize) {
    return IpAddress::FromV6(
        packet.subspan(ipv6::kAddresses + ipv6::kAddressSize).first<IpAddress::kV6Size>());
  }
  return std::nullopt;
}

}  // namespace

Layer3Station::Layer3Station(StationConfig config)
    : config_(std::move(config)),
      neighbours_({.ask = [this](IpAddress target, auto to) { Ask(target, to); },
                   .give_up = [this](IpAddress next_hop) { GiveUp(next_hop); }}) {}

// ---- What it knows of addresses

bool Layer3Station::IsForAll(IpAddress destination) const {
  if (destination.is_v4() && destination.v4() == kLimitedBroadcast) return true;
  return std::ranges::any_of(
      config_.addresses, [&](const IpPrefix& prefix) { return prefix.IsBroadcast(destination); });
}

bool Layer3Station::IsOwn(IpAddress address) const {
  return std::ranges::any_of(config_.addresses,
                             [&](const IpPrefix& own) { return own.address == address; });
}

bool Layer3Station::AnswersFor(IpAddress address) const {
  return IsOwn(address) || std::ranges::any_of(config_.routes, [&](const IpPrefix& prefix) {
           return prefix.Contains(address);
         });
}

bool Layer3Station::IsOnLink(IpAddress address) const {
  if (address.is_link_local_v6()) return true;
  return std::ranges::any_of(config_.addresses,
                             [&](const IpPrefix& prefix) { return prefix.Contains(address); }) ||
         std::ranges::find(config_.gateways, address) != config_.gateways.end();
}

std::optional<IpAddress> Layer3Station::NextHop(IpAddress destination) const {
  if (IsOnLink(destination)) return destination;
  const auto gateway = std::ranges::find_if(
      config_.gateways, [&](IpAddress one) { return one.is_v4() == destination.is_v4(); });
  return gateway == config_.gateways.end() ? std::nullopt : std::optional(*gateway);
}

// With which of its addresses it speaks to a neighbour: one of the same prefix, else of the family.
std::optional<StationIdentity> Layer3Station::SpeakTo(IpAddress neighbour) const {
  std::optional<StationIdentity> identity;
  for (const IpPrefix& own : config_.addresses) {
    if (own.address.is_v4() != neighbour.is_v4()) continue;
    const bool is_near = own.Contains(neighbour);
    if (!identity || is_near) identity = {.mac = config_.mac, .address = own.address};
    if (is_near) break;
  }
  return identity;
}

// ---- From the device

Layer3Station::Outgoing Layer3Station::OnPacket(std::span<std::byte> wire, Tick now) {
  const auto destination =
      wire.size() < kPacketAt ? std::nullopt : DestinationOf(wire.subspan(kPacketAt));
  if (!destination) return Outgoing::kNoRoute;
  if (destination->is_multicast() || IsForAll(*destination)) {
    AddHeader(wire, destination->is_multicast() ? MacOfIpGroup(*destination) : kBroadcastAddress);
    return Outgoing::kSend;
  }
  const auto next_hop = NextHop(*destination);
  if (!next_hop || !next_hop->is_station() || !SpeakTo(*next_hop)) return Outgoing::kNoRoute;
  const auto mac = neighbours_.Find(*next_hop, now);
  if (!mac) return Hold(wire, *next_hop);
  AddHeader(wire, *mac);
  return Outgoing::kSend;
}

void Layer3Station::AddHeader(std::span<std::byte> wire, MacAddress destination) const {
  std::byte* const header = &wire[kVirtioNetHeaderSize];
  const unsigned version = LoadByte(&wire[kPacketAt]) >> 4U;
  StoreBe48(header, destination.number());
  StoreBe48(header + kMacAddressSize, config_.mac.number());
  StoreBe16(header + kTypeOffset,
            static_cast<uint16_t>(version == 4 ? EtherType::kIpv4 : EtherType::kIpv6));
}

Layer3Station::Outgoing Layer3Station::Hold(std::span<const std::byte> wire, IpAddress next_hop) {
  std::vector<Bytes>& waiting = held_[next_hop];
  if (waiting.size() == kMostHeldEach || held_bytes_ + wire.size() > kMostHeldBytes) {
    if (waiting.empty()) held_.erase(next_hop);
    return Outgoing::kNoNeighbour;
  }
  waiting.emplace_back(wire.begin(), wire.end());
  held_bytes_ += wire.size();
  return Outgoing::kHeld;
}

void Layer3Station::Release(IpAddress next_hop, MacAddress mac) {
  const auto waiting = held_.extract(next_hop);
  if (waiting.empty()) return;
  for (Bytes& wire : waiting.mapped()) {
    held_bytes_ -= wire.size();
    AddHeader(wire, mac);
    frames_.push_back(std::move(wire));
  }
}

void Layer3Station::GiveUp(IpAddress next_hop) {
  const auto waiting = held_.extract(next_hop);
  if (waiting.empty()) return;
  for (const Bytes& wire : waiting.mapped()) {
    held_bytes_ -= wire.size();
    ++given_up_.packets;
    given_up_.bytes += wire.size() - kVirtioNetHeaderSize;
  }
}

// ---- From the network

bool Layer3Station::NeedsWhole(std::span<const std::byte> start) {
  if (start.size() < kEthernetHeaderSize) return false;
  const auto type = static_cast<EtherType>(LoadBe16(&start[kTypeOffset]));
  if (type == EtherType::kArp) return true;
  return type == EtherType::kIpv6 && start.size() >= kEnoughBytes &&
         LoadByte(&start[kEthernetHeaderSize + ipv6::kNextHeader]) == kProtocolIcmpv6;
}

Layer3Station::Incoming Layer3Station::OnFrame(std::span<const std::byte> frame, Tick now) {
  if (frame.size() < kEthernetHeaderSize) return Incoming::kNotIp;
  const MacAddress destination = MacAddress::FromNumber(LoadBe48(frame.data()));
  if (!destination.is_multicast() && destination != config_.mac) return Incoming::kOtherStation;
  if (NeedsWhole(frame)) {
    const NeighbourPacket packet = ReadNeighbourPacket(frame);
    if (packet.is_neighbour_packet) {
      TakeNeighbourPacket(packet, MacAddress::FromNumber(LoadBe48(&frame[kMacAddressSize])), now);
      return Incoming::kTaken;
    }
  }
  const auto type = static_cast<EtherType>(LoadBe16(&frame[kTypeOffset]));
  const bool is_ip = type == EtherType::kIpv4 || type == EtherType::kIpv6;
  if (!is_ip || frame.size() == kEthernetHeaderSize) return Incoming::kNotIp;
  const unsigned version = LoadByte(&frame[kEthernetHeaderSize]) >> 4U;
  return version == (type == EtherType::kIpv4 ? 4U : 6U) ? Incoming::kDeliver : Incoming::kNotIp;
}

void Layer3Station::TakeNeighbourPacket(const NeighbourPacket& packet, MacAddress source,
                                        Tick now) {
  if (source == config_.mac) return;  // it came back by a loop
  const bool is_asked = packet.question && AnswersFor(packet.question->target);
  if (packet.claim && !IsOwn(packet.claim->address) && IsOnLink(packet.claim->address)) {
    const bool was_awaited =
        neighbours_.Learn(packet.claim->address, source, packet.claim->overrides, is_asked, now);
    if (was_awaited) Release(packet.claim->address, source);
  }
  if (!is_asked || frames_.size() >= kMostFrames) return;
  Originate(MakeAnswer({.mac = config_.mac, .address = packet.question->target}, *packet.question,
                       source));
}

// ---- Its own frames

void Layer3Station::Ask(IpAddress target, std::optional<MacAddress> to) {
  const auto own = SpeakTo(target);
  if (own && frames_.size() < kMostFrames) Originate(MakeQuestion(*own, target, to));
}

void Layer3Station::Announce() {
  for (const IpPrefix& own : config_.addresses) {
    Originate(MakeAnnouncement({.mac = config_.mac, .address = own.address}));
  }
}

void Layer3Station::Originate(const Bytes& frame) {
  Bytes& wire = frames_.emplace_back(kVirtioNetHeaderSize);
  wire.insert(wire.end(), frame.begin(), frame.end());
}

void Layer3Station::Reset() {
  neighbours_.Clear();
  while (!held_.empty()) GiveUp(held_.begin()->first);
}

std::vector<std::byte> Layer3Station::TakeFrame() {
  Bytes frame = std::move(frames_.front());
  frames_.pop_front();
  return frame;
}

}  // namespace tapswitch
