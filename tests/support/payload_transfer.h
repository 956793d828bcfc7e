// Random bytes from one host to another through the switch, and whether they arrive as they were.

#pragma once

#include <cstddef>
#include <span>

#include "tests/support/test_network.h"

namespace tapswitch {

// A stream of `size` bytes over one connection, which is then closed.
void ExpectTcpCarries(const TestHost& from, const TestHost& to, IpVersion version, size_t size);

// A datagram with each of these numbers of bytes, the next when the last one has arrived. As UDP
// may lose, each is sent again until it does; fragments are made and put together by the hosts.
void ExpectUdpCarries(const TestHost& from, const TestHost& to, IpVersion version,
                      std::span<const size_t> sizes);

// `size` bytes in a single call, to be cut into datagrams of `segment` bytes on the way
// (UDP_SEGMENT, udp(7)). False when the sender's kernel needs checksum offload for it and has none
// (before Linux 6.11).
[[nodiscard]] bool ExpectUdpSegmentsArrive(const TestHost& from, const TestHost& to,
                                           IpVersion version, size_t segment, size_t size);

}  // namespace tapswitch
