// An IP address with the length of its prefix: 10.0.0.5/24, fd00::5/64. Pure.

#pragma once

#include <cstdint>

#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

struct IpPrefix {
  IpAddress address;
  unsigned length = 0;  // 0 to 32, or to 128

  // Whether `other` is of the same family and begins with the same `length` bits.
  [[nodiscard]] bool Contains(IpAddress other) const;
  // Whether `other` is the last address of an IPv4 prefix of up to 30 bits, which is for all.
  [[nodiscard]] bool IsBroadcast(IpAddress other) const;

  bool operator==(const IpPrefix&) const = default;
};

}  // namespace tapswitch
