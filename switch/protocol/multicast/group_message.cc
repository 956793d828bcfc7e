#include "switch/protocol/multicast/group_message.h"

#include "switch/forwarding/fdb/group_address.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/protocol/multicast/group_packet.h"
#include "switch/protocol/multicast/group_wire.h"

namespace tapswitch {
namespace {

using Kind = GroupMessage::Kind;

IpAddress AddressAt(const std::byte* at, bool is_v4) {
  if (is_v4) return IpAddress::FromV4(LoadBe32(at));
  return IpAddress::FromV6(std::span<const std::byte, IpAddress::kV6Size>(at, IpAddress::kV6Size));
}

// A number of few bits as mantissa and exponent (RFC 3376, 4.1.1; RFC 3810, 5.1.3).
uint32_t Expanded(uint32_t code, unsigned bits) {
  const uint32_t top = 1U << (bits - 1);
  if (code < top) return code;
  const unsigned mantissa_bits = bits - 4;
  const uint32_t mantissa = code & ((1U << mantissa_bits) - 1);
  const uint32_t exponent = (code >> mantissa_bits) & 7U;
  return (mantissa | 1U << mantissa_bits) << (exponent + 3);
}

// The parts of a query that only the newest version of a family has.
bool ReadNewQuery(const GroupPacket& packet, size_t flags, size_t sources, GroupMessage& message) {
  const std::byte* const at = packet.message.data();
  message.suppresses = (LoadByte(at + flags) & kSuppressFlag) != 0;
  message.robustness = LoadByte(at + flags) & kRobustnessMask;
  const size_t unit = packet.is_v4 ? IpAddress::kV4Size : IpAddress::kV6Size;
  const size_t size = LoadBe16(at + sources - 2) * unit;
  if (size > packet.message.size() - sources) return false;
  message.sources = AddressList(packet.message.subspan(sources, size), packet.is_v4);
  return true;
}

bool IsQuerySound(const GroupPacket& packet, const GroupMessage& message) {
  const bool is_general = message.group.is_unspecified();
  return packet.hops == GroupWire::kTtl && packet.destination.is_multicast() &&
         (is_general || message.group.is_multicast());
}

bool ReadIgmpQuery(const GroupPacket& packet, GroupMessage& message) {
  const std::byte* const at = packet.message.data();
  const uint8_t code = LoadByte(at + IgmpWire::kMaxResponse);
  const bool is_v3 = packet.message.size() >= IgmpWire::kSources;
  if (!is_v3 && packet.message.size() != IgmpWire::kSize) return false;
  message.kind = Kind::kQuery;
  message.version = is_v3 ? 3 : code == 0 ? 1 : 2;
  message.group = AddressAt(at + IgmpWire::kGroup, true);
  constexpr uint32_t kVersion1Response = 100;  // tenths of a second
  const uint32_t tenths = message.version == 1 ? kVersion1Response
                          : is_v3              ? Expanded(code, 8)
                                               : code;
  message.max_response = Ticks{uint64_t{tenths} * 10};
  if (is_v3 && !ReadNewQuery(packet, IgmpWire::kFlags, IgmpWire::kSources, message)) return false;
  return IsQuerySound(packet, message);
}

bool ReadMldQuery(const GroupPacket& packet, GroupMessage& message) {
  const std::byte* const at = packet.message.data();
  const bool is_v2 = packet.message.size() >= MldWire::kSources;
  if (!is_v2 && packet.message.size() != MldWire::kSize) return false;
  message.kind = Kind::kQuery;
  message.version = is_v2 ? 2 : 1;
  message.group = AddressAt(at + MldWire::kGroup, false);
  const uint32_t code = LoadBe16(at + MldWire::kMaxResponse);
  message.max_response = Ticks{(is_v2 ? Expanded(code, 16) : code) / 10};  // of milliseconds
  if (is_v2 && !ReadNewQuery(packet, MldWire::kFlags, MldWire::kSources, message)) return false;
  return packet.has_router_alert && packet.source.is_link_local_v6() &&
         IsQuerySound(packet, message);
}

bool ReadOneGroup(const GroupPacket& packet, Kind kind, uint8_t version, size_t group,
                  GroupMessage& message) {
  message.kind = kind;
  message.version = version;
  message.group = AddressAt(packet.message.data() + group, packet.is_v4);
  return message.group.is_multicast();
}

bool ReadRecords(const GroupPacket& packet, uint8_t version, GroupMessage& message) {
  if (packet.message.size() < RecordsWire::kRecords) return false;
  message.kind = Kind::kRecords;
  message.version = version;
  message.record_count = LoadBe16(packet.message.data() + RecordsWire::kCount);
  message.records = packet.message.subspan(RecordsWire::kRecords);
  GroupMessage all = message;
  RecordReader reader(all);
  while (reader.Next()) {
  }
  return !reader.was_cut() || message.record_count > RecordReader::kMostRecords;
}

GroupReading Judged(bool is_sound) {
  return is_sound ? GroupReading::kMessage : GroupReading::kMalformed;
}

GroupReading ReadIgmp(const GroupPacket& packet, GroupMessage& message) {
  if (packet.message.size() < IgmpWire::kSize) return GroupReading::kMalformed;
  switch (LoadByte(packet.message.data())) {
    case IgmpWire::kQuery:
      return Judged(ReadIgmpQuery(packet, message));
    case IgmpWire::kV1Report:
      return Judged(ReadOneGroup(packet, Kind::kReport, 1, IgmpWire::kGroup, message));
    case IgmpWire::kV2Report:
      return Judged(ReadOneGroup(packet, Kind::kReport, 2, IgmpWire::kGroup, message));
    case IgmpWire::kLeave:
      return Judged(ReadOneGroup(packet, Kind::kLeave, 2, IgmpWire::kGroup, message));
    case IgmpWire::kV3Report:
      return Judged(ReadRecords(packet, 3, message));
    case IgmpWire::kRouterAdvertisement:
      message.kind = Kind::kRouter;
      return Judged(packet.hops == GroupWire::kTtl);
    default:
      return GroupReading::kNothing;
  }
}

// A host that has no address yet reports from :: (RFC 3590).
bool IsReportSound(const GroupPacket& packet) {
  return packet.hops == GroupWire::kTtl && packet.has_hop_by_hop &&
         (packet.source.is_link_local_v6() || packet.source.is_unspecified());
}

GroupReading ReadMld(const GroupPacket& packet, GroupMessage& message) {
  const uint8_t type = LoadByte(packet.message.data());
  const bool has_room = packet.message.size() >= MldWire::kSize;
  switch (type) {
    case MldWire::kQuery:
      return Judged(has_room && ReadMldQuery(packet, message));
    case MldWire::kV1Report:
    case MldWire::kDone:
      return Judged(has_room && IsReportSound(packet) &&
                    ReadOneGroup(packet, type == MldWire::kDone ? Kind::kLeave : Kind::kReport, 1,
                                 MldWire::kGroup, message));
    case MldWire::kV2Report:
      return Judged(IsReportSound(packet) && ReadRecords(packet, 2, message));
    case MldWire::kRouterAdvertisement:
      message.kind = Kind::kRouter;
      return Judged(packet.hops == GroupWire::kTtl && packet.source.is_link_local_v6());
    default:
      return GroupReading::kNothing;
  }
}

GroupReading ReadPim(const GroupPacket& packet, GroupMessage& message) {
  if (packet.message.size() < PimWire::kSize ||
      LoadByte(packet.message.data()) != PimWire::kVersion2Hello) {
    return GroupReading::kNothing;
  }
  message.kind = Kind::kRouter;
  return Judged(packet.hops == GroupWire::kTtl && !packet.source.is_unspecified());
}

GroupReading ReadOf(const GroupPacket& packet, GroupMessage& message) {
  switch (packet.protocol) {
    case GroupWire::kProtocolIgmp:
      return packet.is_v4 ? ReadIgmp(packet, message) : GroupReading::kNothing;
    case GroupWire::kProtocolPim:
      return ReadPim(packet, message);
    default:
      return packet.is_v4 ? GroupReading::kNothing : ReadMld(packet, message);
  }
}

}  // namespace

IpAddress AddressList::at(size_t index) const {
  return AddressAt(bytes_.data() + index * unit(), is_v4_);
}

GroupReading ReadGroupMessage(const ParsedFrame& frame, GroupMessage& message) {
  const auto packet = FindGroupPacket(frame);
  if (!packet) return GroupReading::kNothing;
  message = {.is_v4 = packet->is_v4, .sender = packet->source};
  const GroupReading reading = ReadOf(*packet, message);
  if (reading != GroupReading::kMessage || frame.has_unfinished_checksum) return reading;
  return Judged(IsIntact(*packet));
}

std::optional<GroupRecord> RecordReader::Next() {
  const size_t unit = is_v4_ ? IpAddress::kV4Size : IpAddress::kV6Size;
  const size_t head = RecordsWire::kGroup + unit;
  while (left_ > 0 && looked_at_ < kMostRecords) {
    if (rest_.size() < head) return std::nullopt;
    const size_t sources = LoadBe16(rest_.data() + RecordsWire::kSourceCount) * unit;
    const size_t size =
        head + sources + LoadByte(rest_.data() + RecordsWire::kAuxiliaryWords) * size_t{4};
    if (rest_.size() < size) return std::nullopt;
    const uint8_t type = LoadByte(rest_.data());
    const GroupRecord record{.type = static_cast<RecordType>(type),
                             .group = AddressAt(rest_.data() + RecordsWire::kGroup, is_v4_),
                             .sources = AddressList(rest_.subspan(head, sources), is_v4_)};
    rest_ = rest_.subspan(size);
    --left_;
    ++looked_at_;
    const bool is_known = type >= static_cast<uint8_t>(RecordType::kIsInclude) &&
                          type <= static_cast<uint8_t>(RecordType::kBlock);
    if (is_known) return record;
  }
  return std::nullopt;
}

}  // namespace tapswitch
