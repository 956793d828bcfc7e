// Frames of full size with two tags: once the outer one was counted where it was not the bridge's
// own, so customers' trunks lost what the Linux bridge passes.

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "switch/forwarding/egress/egress_builder.h"
#include "tests/support/frame_builder.h"
#include "tests/support/test_frames.h"

namespace tapswitch::outer_tag_mtu_test {
namespace {

constexpr EtherType kC = EtherType::kVlan;
constexpr EtherType kS = EtherType::kServiceVlan;
constexpr size_t kHeader = kEthernetHeaderSize;

class OuterTagMtuTest : public ::testing::Test {
 protected:
  // What becomes of a frame with these tags and so many bytes behind them, on a port of MTU 1500.
  EgressBuilder::Result Append(std::initializer_list<EtherType> tags, size_t payload) {
    FrameBuilder frame(MacAddress::FromNumber(0x020000000002),
                       MacAddress::FromNumber(0x020000000001));
    for (const EtherType tag : tags) frame.Tag(tag, 5);
    const size_t size = kHeader + tags.size() * kVlanTagSize + payload;
    batch_ = {frames_.Plain(PortId{0}, frame.Type(EtherType::kIpv4).Pad(size).Build())};
    builder_.Begin(batch_);
    return builder_.Append(EgressFrame{.frame = 0}, {.accepted = {}, .mtu = 1500});
  }

  TestFrames frames_;
  std::vector<Frame> batch_;
  EgressBuilder builder_;
};

// net/core/dev.c, is_skb_forwardable, after skb_vlan_untag.
TEST_F(OuterTagMtuTest, TheOutermostTagIsNeverCountedAndOneMoreIsAllowed) {
  using Result = EgressBuilder::Result;
  EXPECT_EQ(Append({}, 1504), Result::kAppended);
  EXPECT_EQ(Append({}, 1505), Result::kTooLong);
  for (const EtherType outer : {kC, kS}) {
    EXPECT_EQ(Append({outer}, 1504), Result::kAppended);
    EXPECT_EQ(Append({outer}, 1505), Result::kTooLong);
    EXPECT_EQ(Append({outer, kC}, 1500), Result::kAppended);
    EXPECT_EQ(Append({outer, kC}, 1501), Result::kTooLong);
    EXPECT_EQ(Append({outer, kC, kC}, 1500), Result::kTooLong);
  }
}

}  // namespace
}  // namespace tapswitch::outer_tag_mtu_test
