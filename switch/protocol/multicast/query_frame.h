// The queries that the bridge sends: general ones, for a group, and for sources of a group.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/fdb/group_member.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

struct GroupQuery {
  bool is_v4 = true;
  uint8_t version = 2;  // of IGMP, 2 or 3, or of MLD, 1 or 2
  MacAddress bridge{};
  IpAddress source;                      // of the packet; of IPv6 a link-local one
  IpAddress group;                       // default: a general query
  std::span<const IpAddress> sources{};  // looked at in the newest version, at most kMostSources
  Ticks max_response{1000};
  Ticks query_interval{12500};
  bool suppresses = false;
};

class QueryFrame {
 public:
  // Without a tag.
  explicit QueryFrame(const GroupQuery& query);

  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(bytes_).first(size_); }

 private:
  std::byte* Take(size_t size);
  void AddEthernet(const GroupQuery& query);
  void AddIpv4(const GroupQuery& query, size_t message_size);
  void AddIpv6(const GroupQuery& query, size_t message_size);
  void AddIgmp(const GroupQuery& query, size_t message_size);
  void AddMld(const GroupQuery& query, size_t message_size);

  static constexpr size_t kMostBytes = 14 + 40 + 8 + 28 + 16 * GroupMember::kMostSources;

  std::array<std::byte, kMostBytes> bytes_{};
  size_t size_ = 0;
};

// The link-local address that is made of a MAC address (RFC 4291, appendix A).
[[nodiscard]] IpAddress LinkLocalOf(MacAddress address);

}  // namespace tapswitch
