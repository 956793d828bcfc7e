// The messages about multicast groups, of IPv4 and IPv6 alike: queries, reports, leaves, and what
// tells that a multicast router is there.
//
// Frames come from anybody. What is read is within bounds and consistent: lengths, checksums
// (unless they are yet to be finished), types, group addresses. Of queries, which may turn a port
// into a router's, more is asked: a TTL or hop limit of 1, so that they come from this link; of MLD
// moreover a link-local source and the router alert (RFC 3810, 5.1.14). A report of MLD has a hop
// limit of 1, a link-local source or none, and a hop-by-hop header. A report of IGMP is taken with
// any TTL, as in Linux: it can only add a member.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/parsed_frame.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// Numbers of RFC 3376, 4.2.12, and RFC 3810, 5.2.12.
enum class RecordType : uint8_t {
  kIsInclude = 1,
  kIsExclude = 2,
  kToInclude = 3,
  kToExclude = 4,
  kAllow = 5,
  kBlock = 6,
};

// A list of addresses on the wire.
class AddressList {
 public:
  AddressList() = default;
  AddressList(std::span<const std::byte> bytes, bool is_v4) : bytes_(bytes), is_v4_(is_v4) {}

  [[nodiscard]] size_t size() const { return bytes_.size() / unit(); }
  // Precondition: index < size().
  [[nodiscard]] IpAddress at(size_t index) const;

 private:
  [[nodiscard]] size_t unit() const { return is_v4_ ? IpAddress::kV4Size : IpAddress::kV6Size; }

  std::span<const std::byte> bytes_;
  bool is_v4_ = true;
};

struct GroupRecord {
  RecordType type = RecordType::kIsExclude;
  IpAddress group;
  AddressList sources;
};

struct GroupMessage {
  enum class Kind : uint8_t {
    kQuery,
    kReport,   // of one group, without sources: IGMPv1, IGMPv2, MLDv1
    kLeave,    // IGMPv2, MLDv1 done
    kRecords,  // IGMPv3, MLDv2
    kRouter,   // PIM hello, or an advertisement of RFC 4286
  };

  Kind kind = Kind::kQuery;
  bool is_v4 = true;
  uint8_t version = 0;      // of IGMP or MLD
  IpAddress sender;         // unspecified: 0.0.0.0 or ::
  IpAddress group;          // of a query for all groups: default
  Ticks max_response{0};    // of a query
  bool suppresses = false;  // of a query: routers that are not the querier leave their timers alone
  uint8_t robustness = 0;   // of a query; 0: it does not say
  AddressList sources;      // of a query
  std::span<const std::byte> records;  // of kRecords; see RecordReader
  uint16_t record_count = 0;
};

enum class GroupReading : uint8_t {
  kNothing,    // it is not about groups
  kMalformed,  // it is, and is not to be believed
  kMessage,
};

[[nodiscard]] GroupReading ReadGroupMessage(const ParsedFrame& frame, GroupMessage& message);

// Takes the records of a report one by one. Those of an unknown type are left out (RFC 3376,
// 4.2.12).
class RecordReader {
 public:
  // More records of one frame are not looked at: more than fit in 1,500 bytes.
  static constexpr size_t kMostRecords = 256;

  explicit RecordReader(const GroupMessage& message)
      : rest_(message.records), left_(message.record_count), is_v4_(message.is_v4) {}

  // Nothing at the end.
  [[nodiscard]] std::optional<GroupRecord> Next();
  // Whether Next has ended before the last record.
  [[nodiscard]] bool was_cut() const { return left_ > 0; }

 private:
  std::span<const std::byte> rest_;
  size_t left_;
  size_t looked_at_ = 0;
  bool is_v4_;
};

}  // namespace tapswitch
