// Netdev ports accepted segmentation of UDP from any kernel; before Linux 6.2 each such write
// fails, and the datagrams were lost.

#include "ports/interface/netdev/packet_offloads.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

namespace tapswitch::packet_offloads_test {
namespace {

TEST(PacketOffloadsTest, WhatIsTriedIsWhatTheReleaseSays) {
  utsname system{};
  ASSERT_EQ(uname(&system), 0);
  const OffloadSet offloads = PacketSocketOffloads();
  EXPECT_EQ(offloads.contains(Offload::kUdp4), ReleaseKnowsUdpSegmentation(system.release));
  EXPECT_EQ(offloads.contains(Offload::kUdp6), offloads.contains(Offload::kUdp4));
  EXPECT_TRUE(offloads.contains(Offload::kTcp4));
  EXPECT_TRUE(offloads.contains(Offload::kTcp6));
  EXPECT_TRUE(offloads.contains(Offload::kChecksum));
}

TEST(PacketOffloadsTest, ReleasesAreComparedByNumber) {
  EXPECT_FALSE(ReleaseKnowsUdpSegmentation("6.1.0-18-amd64"));
  EXPECT_FALSE(ReleaseKnowsUdpSegmentation("5.15.0"));
  EXPECT_TRUE(ReleaseKnowsUdpSegmentation("6.2.0"));
  EXPECT_TRUE(ReleaseKnowsUdpSegmentation("6.10-rc1"));
  EXPECT_FALSE(ReleaseKnowsUdpSegmentation("unknown"));
}

}  // namespace
}  // namespace tapswitch::packet_offloads_test
