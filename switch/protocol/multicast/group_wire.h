// The positions of fields in IGMP, MLD, PIM, and the headers in front of them.

#pragma once

#include <cstddef>
#include <cstdint>

namespace tapswitch {

struct GroupWire {
  static constexpr uint8_t kProtocolHopByHop = 0;
  static constexpr uint8_t kProtocolIgmp = 2;
  static constexpr uint8_t kProtocolPim = 103;
  static constexpr uint8_t kTtl = 1;
};

// From the first byte of the message. RFC 1112, RFC 2236, RFC 3376, RFC 4286.
struct IgmpWire {
  static constexpr uint8_t kQuery = 0x11;
  static constexpr uint8_t kV1Report = 0x12;
  static constexpr uint8_t kV2Report = 0x16;
  static constexpr uint8_t kLeave = 0x17;
  static constexpr uint8_t kV3Report = 0x22;
  static constexpr uint8_t kRouterAdvertisement = 0x30;
  static constexpr size_t kMaxResponse = 1;
  static constexpr size_t kGroup = 4;
  static constexpr size_t kSize = 8;   // of versions 1 and 2
  static constexpr size_t kFlags = 8;  // suppress, and the robustness
  static constexpr size_t kQueryInterval = 9;
  static constexpr size_t kSourceCount = 10;
  static constexpr size_t kSources = 12;
};

// From the first byte of the message. RFC 2710, RFC 3810, RFC 4286.
struct MldWire {
  static constexpr uint8_t kQuery = 130;
  static constexpr uint8_t kV1Report = 131;
  static constexpr uint8_t kDone = 132;
  static constexpr uint8_t kV2Report = 143;
  static constexpr uint8_t kRouterAdvertisement = 151;
  static constexpr size_t kMaxResponse = 4;
  static constexpr size_t kGroup = 8;
  static constexpr size_t kSize = 24;  // of version 1
  static constexpr size_t kFlags = 24;
  static constexpr size_t kQueryInterval = 25;
  static constexpr size_t kSourceCount = 26;
  static constexpr size_t kSources = 28;
};

// Reports with records: the same layout in both families.
struct RecordsWire {
  static constexpr size_t kCount = 6;
  static constexpr size_t kRecords = 8;
  // Offsets in a record.
  static constexpr size_t kAuxiliaryWords = 1;
  static constexpr size_t kSourceCount = 2;
  static constexpr size_t kGroup = 4;
};

struct PimWire {
  static constexpr uint8_t kVersion2Hello = 0x20;
  static constexpr size_t kChecksum = 2;
  static constexpr size_t kSize = 4;
};

// The option of a hop-by-hop header that says "routers look at this" (RFC 2711).
struct RouterAlertWire {
  static constexpr uint8_t kOption = 5;
  static constexpr uint8_t kLength = 2;
  static constexpr size_t kUnit = 8;  // of the header's length
};

inline constexpr uint8_t kSuppressFlag = 0x08;
inline constexpr uint8_t kRobustnessMask = 0x07;

}  // namespace tapswitch
