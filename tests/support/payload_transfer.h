// Sends random bytes from one host to another through the switch, and checks that they arrive
// unchanged.

#pragma once

#include <cstddef>
#include <span>

#include "tests/support/test_network.h"

namespace tapswitch {

// Sends a stream of `size` bytes over one connection, which is then closed.
void ExpectTcpCarries(const TestHost& from, const TestHost& to, IpVersion version, size_t size);

// Sends a datagram of each of these sizes, the next when the last has arrived. As UDP may lose it,
// each is sent again until it arrives. The hosts make and reassemble fragments.
void ExpectUdpCarries(const TestHost& from, const TestHost& to, IpVersion version,
                      std::span<const size_t> sizes);

// Sends `size` bytes in a single call, to be cut into datagrams of `segment` bytes on the way
// (UDP_SEGMENT, udp(7)). Returns false if the sender's kernel needs checksum offload for it and has
// none (before Linux 6.11).
[[nodiscard]] bool ExpectUdpSegmentsArrive(const TestHost& from, const TestHost& to,
                                           IpVersion version, size_t segment, size_t size);

}  // namespace tapswitch
