// Whatever comes: frames joined are, cut again, the frames that there were, byte for byte, in the
// same order; and what good flows send is joined.

#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "switch/forwarding/egress/egress_builder.h"
#include "switch/forwarding/offload/validation.h"
#include "tests/support/finished_frames.h"
#include "tests/support/random_flows.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_frames.h"

namespace tapswitch::coalescing_property_test {
namespace {

constexpr uint64_t kSeeds = Rounds(3000U);

// Frames that a port would let in.
std::vector<OffloadedFrame> ValidFrames(RandomFlows& flows, size_t count) {
  std::vector<OffloadedFrame> frames;
  while (frames.size() < count) {
    OffloadedFrame frame = flows.Next();
    const auto header = ValidateOffload(frame.offload, frame.bytes);
    if (!header) continue;
    frame.offload = *header;
    frames.push_back(std::move(frame));
  }
  return frames;
}

void Append(std::vector<Bytes>& to, const std::vector<Bytes>& some) {
  to.insert(to.end(), some.begin(), some.end());
}

TEST(CoalescingPropertyTest, CutAgainItIsWhatItWas) {
  size_t joined = 0;
  size_t all = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomFlows flows(seed);
    const auto frames = ValidFrames(flows, flows.random().Number(2, 40));
    std::vector<Bytes> expected;
    for (const OffloadedFrame& frame : frames) Append(expected, FinishedFrames(frame));

    std::vector<Bytes> actual;
    for (std::span<const OffloadedFrame> rest(frames); !rest.empty(); ++all) {
      const size_t before = rest.size();
      const OffloadedFrame whole = JoinSome(rest);
      ASSERT_EQ(ValidateOffload(whole.offload, whole.bytes), whole.offload);
      Append(actual, FinishedFrames(whole));
      joined += before - rest.size() - 1;
    }
    ASSERT_EQ(actual, expected);
  }
  EXPECT_GT(joined, all / 2);  // else nearly nothing has been tested
}

TEST(CoalescingPropertyTest, GoodFlowsAreJoinedAsFarAsTheyGo) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomIpPackets random(seed);
    IpPacket packet = random.Packet(1400);
    packet.ip_options.clear();
    packet.extensions.clear();
    packet.final_destination.clear();
    packet.tcp_flags = 0x010;
    std::vector<OffloadedFrame> frames;
    for (int i = 0; i < 32; ++i) {
      frames.push_back(random.Chance()
                           ? OffloadedFrame{UnfinishedFrame(packet), ChecksumHeader(packet)}
                           : OffloadedFrame{FinishedFrame(packet), {}});
      ++packet.identification;
      packet.sequence += static_cast<uint32_t>(packet.payload.size());
    }
    std::span<const OffloadedFrame> rest(frames);
    std::ignore = JoinSome(rest);
    ASSERT_TRUE(rest.empty());
  }
}

// ----- on the way out ----------------------------------------------------------------------------

// The copies of a batch for one port, each with its edit.
std::vector<EgressFrame> RandomCopies(RandomIpPackets& random, std::span<const Frame> batch) {
  std::vector<EgressFrame> copies;
  TagEdit edit = TagEdit::kKeep;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (random.Number(0, 9) == 0) continue;  // does not leave by this port
    if (random.Number(0, 9) == 0) edit = random.Chance() ? TagEdit::kPush : TagEdit::kKeep;
    if (random.Number(0, 19) == 0) edit = TagEdit::kPop;
    const bool has_tag = IsVlanTag(static_cast<EtherType>(LoadBe16(&batch[i].bytes()[12])));
    EgressFrame copy{.frame = static_cast<uint16_t>(i), .edit = edit};
    if (edit == TagEdit::kPop && !has_tag) copy.edit = TagEdit::kKeep;
    if (copy.edit == TagEdit::kPush) copy.tag = {.protocol = EtherType::kVlan, .control = 5};
    copies.push_back(copy);
  }
  return copies;
}

// What goes over the wire when a port with these limits is handed the copies.
std::vector<Bytes> Sent(EgressBuilder& builder, std::span<const EgressFrame> copies,
                        const EgressLimits& limits) {
  std::vector<Bytes> sent;
  while (!copies.empty()) {
    const auto [result, count] = builder.Append(copies, limits);
    EXPECT_NE(result, EgressBuilder::Result::kNoRoom);
    copies = copies.subspan(count);
  }
  for (const WireFrame& frame : builder.frames()) {
    const Bytes wire = Gather(frame);
    EXPECT_EQ(wire.size(), kVirtioNetHeaderSize + frame.size);
    const Bytes bytes(wire.begin() + kVirtioNetHeaderSize, wire.end());
    const auto claimed = ParseVirtioNetHeader(std::span(wire).first<kVirtioNetHeaderSize>());
    const auto header = claimed ? ValidateOffload(*claimed, bytes) : std::nullopt;
    EXPECT_TRUE(header.has_value());
    if (header) Append(sent, FinishedFrames({bytes, *header}));
  }
  builder.ClearFrames();
  return sent;
}

TEST(CoalescingPropertyTest, APortThatTakesLargeFramesGetsTheSameAsOneThatDoesNot) {
  EgressBuilder builder;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomFlows flows(seed);
    TestFrames storage;
    std::vector<Frame> batch;
    for (const OffloadedFrame& frame : ValidFrames(flows, flows.random().Number(2, 60))) {
      batch.push_back(storage.WithOffload({0}, frame.bytes, frame.offload));
    }
    const auto copies = RandomCopies(flows.random(), batch);
    const auto mtu = static_cast<uint32_t>(flows.random().Chance() ? 1500 : 500);
    builder.Begin(batch);
    const auto plain = Sent(builder, copies, {.accepted = {}, .mtu = mtu});
    ASSERT_EQ(Sent(builder, copies, {.accepted = OffloadSet::All(), .mtu = mtu, .join = true}),
              plain);
    OffloadSet some{static_cast<uint8_t>(flows.random().Number(0, 0x3F))};
    ASSERT_EQ(Sent(builder, copies, {.accepted = some, .mtu = mtu, .join = true}), plain);
  }
}

}  // namespace
}  // namespace tapswitch::coalescing_property_test
