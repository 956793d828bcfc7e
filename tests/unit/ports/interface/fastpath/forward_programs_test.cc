// The programs for the kernel alone, run by it on frames that a test makes (BPF_PROG_TEST_RUN). No
// interface is needed: to the programs the frames come in by lo.

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/interface/fastpath/kernel_forwarding.h"
#include "tests/support/program_run.h"

namespace tapswitch::forward_programs_test {
namespace {

constexpr uint32_t kLoopback = 1;
constexpr uint32_t kEgress = 77;
constexpr PortId kFrom{3};
constexpr PortId kTo{9};
constexpr uint32_t kFromCell = 5;
constexpr uint32_t kToCell = 6;
constexpr uint32_t kMaxLength = 1514;
constexpr size_t kHeader = 14;
constexpr uint32_t kCaught = 0x7fffffff;  // all bytes, for the switch

using Bytes = std::vector<uint8_t>;

constexpr std::array<uint8_t, 12> kAddresses{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};

Bytes FrameOf(size_t size, uint16_t type = 0x0800) {
  Bytes frame(std::max(size, kHeader));
  std::copy(kAddresses.begin(), kAddresses.end(), frame.begin());
  frame[12] = static_cast<uint8_t>(type >> 8U);
  frame[13] = static_cast<uint8_t>(type);
  frame.resize(size);
  return frame;
}

class ForwardProgramsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = KernelForwarding::Load();
    if (!loaded.ok()) GTEST_SKIP() << loaded.status().ToString();
    kernel_ = *std::move(loaded);
    seat_ = kernel_->NewSeat();
    ASSERT_TRUE(kernel_->SetSeat(kLoopback, *seat_).ok());
  }

  [[nodiscard]] static FlowKey Key() {
    FlowKey key{.ifindex = kLoopback};
    std::copy(kAddresses.begin(), kAddresses.end(), key.addresses);
    return key;
  }

  [[nodiscard]] Flow NewFlow() const {
    const auto generations = kernel_->GenerationsOf(kFrom, kTo);
    return {.view_generation = generations.view,
            .ingress_generation = generations.ingress,
            .egress_generation = generations.egress,
            .egress_ifindex = kEgress,
            .seat = seat_->number(),
            .ingress_cell = kFromCell,
            .egress_cell = kToCell,
            .max_length = kMaxLength,
            .max_gso_size = 1400,
            .ingress_slot = kFrom.value,
            .egress_slot = kTo.value};
  }

  void Put(const Flow& flow) const { ASSERT_TRUE(kernel_->Put(Key(), flow).ok()); }

  // A filter gets a frame behind whose header the kernel has already read.
  [[nodiscard]] ProgramRun Filter(const Bytes& frame, __sk_buff skb = EmptySkb()) const {
    Bytes behind_header(kHeader);
    // The type of the first header is what the kernel takes for the frame's.
    behind_header[12] = frame.size() > 13 ? frame[12] : 0;
    behind_header[13] = frame.size() > 13 ? frame[13] : 0;
    behind_header.insert(behind_header.end(), frame.begin(), frame.end());
    return RunProgram(kernel_->filter(), behind_header, skb);
  }
  [[nodiscard]] bool Carries(const Bytes& frame, __sk_buff skb = EmptySkb()) const {
    return Filter(frame, skb).result == 0;
  }

  [[nodiscard]] ProgramRun Carry(const Bytes& frame, const __sk_buff& verdict) const {
    __sk_buff skb = EmptySkb();
    std::copy(std::begin(verdict.cb), std::end(verdict.cb), skb.cb);
    return RunProgram(kernel_->carrier().get(), frame, skb);
  }

  std::unique_ptr<KernelForwarding> kernel_;
  std::shared_ptr<KernelSeat> seat_;
};

// ---- What the filter decides

TEST_F(ForwardProgramsTest, AFrameWithoutAFlowIsTheSwitchs) {
  const ProgramRun run = Filter(FrameOf(60));
  EXPECT_EQ(run.result, kCaught);
  EXPECT_EQ(run.skb.cb[0], 0U);
}

TEST_F(ForwardProgramsTest, AFrameOfAFlowGetsAVerdictAndIsCounted) {
  Put(NewFlow());
  const ProgramRun run = Filter(FrameOf(60));
  EXPECT_EQ(run.result, 0U);
  EXPECT_NE(run.skb.cb[0], 0U);
  EXPECT_EQ(run.skb.cb[1], kEgress);
  EXPECT_EQ(kernel_->Find(Key())->hits, 1U);
  EXPECT_EQ(kernel_->ReadCell(kFromCell).received_frames, 1U);
  EXPECT_EQ(kernel_->ReadCell(kFromCell).received_bytes, 60U);
  EXPECT_EQ(kernel_->ReadCell(kToCell).sent_frames, 1U);
  EXPECT_EQ(kernel_->ReadCell(kToCell).sent_bytes, 60U);
  EXPECT_EQ(kernel_->ReadCell(kFromCell).sent_frames, 0U);
}

TEST_F(ForwardProgramsTest, OtherAddressesAndAnotherInterfaceAreOtherFlows) {
  FlowKey key = Key();
  key.addresses[5] ^= 1U;
  ASSERT_TRUE(kernel_->Put(key, NewFlow()).ok());
  key = Key();
  key.ifindex = kLoopback + 1;
  ASSERT_TRUE(kernel_->Put(key, NewFlow()).ok());
  key = Key();
  key.tag_type = 0x8100;
  key.vid = 5;
  ASSERT_TRUE(kernel_->Put(key, NewFlow()).ok());
  EXPECT_FALSE(Carries(FrameOf(60)));
}

TEST_F(ForwardProgramsTest, AFrameThatIsCutShortIsTheSwitchs) {
  Put(NewFlow());
  EXPECT_FALSE(Carries(Bytes(11)));
}

TEST_F(ForwardProgramsTest, ALongerFrameIsTheSwitchs) {
  Put(NewFlow());
  EXPECT_TRUE(Carries(FrameOf(kMaxLength)));
  EXPECT_FALSE(Carries(FrameOf(kMaxLength + 1)));
}

TEST_F(ForwardProgramsTest, AFrameThatIsToBeCutIsJudgedByItsSegments) {
  Put(NewFlow());
  __sk_buff skb = EmptySkb();
  skb.gso_segs = 2;
  skb.gso_size = 1400;
  EXPECT_TRUE(Carries(FrameOf(2800), skb));
  skb.gso_size = 1401;
  EXPECT_FALSE(Carries(FrameOf(2800), skb));
}

TEST_F(ForwardProgramsTest, AFlowEndsWithEachOfItsGenerations) {
  const std::function<void()> kEnds[] = {[&] { kernel_->EndAll(); }, [&] { kernel_->End(kFrom); },
                                         [&] { kernel_->End(kTo); }};
  for (const auto& end : kEnds) {
    Put(NewFlow());
    EXPECT_TRUE(Carries(FrameOf(60)));
    end();
    EXPECT_FALSE(Carries(FrameOf(60)));
  }
  Put(NewFlow());
  kernel_->End(PortId{4});  // nobody's
  EXPECT_TRUE(Carries(FrameOf(60)));
}

TEST_F(ForwardProgramsTest, TypesThatTheSwitchLooksAtAreItsOwn) {
  Put(NewFlow());
  constexpr unsigned kArp = 0x0806;
  kernel_->SetTypeFilter(uint64_t{1} << ((kArp ^ (kArp >> 6U)) & 63U));
  EXPECT_FALSE(Carries(FrameOf(60, kArp)));
  EXPECT_TRUE(Carries(FrameOf(60)));
  kernel_->SetTypeFilter(0);
  EXPECT_TRUE(Carries(FrameOf(60, kArp)));
}

TEST_F(ForwardProgramsTest, ARemovedFlowIsGone) {
  Put(NewFlow());
  kernel_->Remove(Key());
  EXPECT_FALSE(Carries(FrameOf(60)));
  EXPECT_FALSE(kernel_->Find(Key()).has_value());
}

TEST_F(ForwardProgramsTest, MoreFlowsThanThereIsRoomForAreRefused) {
  FlowKey key = Key();
  absl::Status put;
  for (uint32_t i = 0; i <= TAPSWITCH_MOST_FLOWS && put.ok(); ++i) {
    key.ifindex = i + 2;
    put = kernel_->Put(key, NewFlow());
  }
  EXPECT_EQ(put.code(), absl::StatusCode::kResourceExhausted) << put.ToString();
}

// ---- The hand-over

TEST_F(ForwardProgramsTest, APendingFlowBeginsWhenNoFrameOfThePortIsOnItsWay) {
  Flow flow = NewFlow();
  flow.state = TAPSWITCH_FLOW_PENDING;
  EXPECT_FALSE(Carries(FrameOf(60)));
  Put(flow);
  EXPECT_FALSE(Carries(FrameOf(60)));
  EXPECT_FALSE(seat_->is_empty());
  seat_->Done(1);
  EXPECT_FALSE(Carries(FrameOf(60)));
  seat_->Lost(2);
  EXPECT_TRUE(seat_->is_empty());
  EXPECT_TRUE(Carries(FrameOf(60)));
  EXPECT_EQ(kernel_->Find(Key())->state, uint32_t{TAPSWITCH_FLOW_ACTIVE});
  // From now on it does not matter what else is on its way.
  EXPECT_FALSE(Carries(FrameOf(11)));
  EXPECT_TRUE(Carries(FrameOf(60)));
}

TEST_F(ForwardProgramsTest, FramesOfPendingFlowsAreDroppedWhileTheSeatDrains) {
  Flow flow = NewFlow();
  flow.state = TAPSWITCH_FLOW_PENDING;
  EXPECT_FALSE(Carries(FrameOf(60)));
  Put(flow);
  seat_->Drain(true);
  const ProgramRun run = Filter(FrameOf(60));
  EXPECT_EQ(run.result, 0U);
  EXPECT_EQ(run.skb.cb[0], 0U);
  EXPECT_EQ(Carry(FrameOf(60), run.skb).result, uint32_t{TC_ACT_SHOT});
  EXPECT_EQ(kernel_->ReadCell(kFromCell).drained, 1U);
  EXPECT_EQ(kernel_->ReadCell(kFromCell).received_frames, 0U);
  seat_->Done(1);
  EXPECT_TRUE(Carries(FrameOf(60)));
}

// ---- What is carried out

TEST_F(ForwardProgramsTest, AVerdictIsCarriedOutAndLeavesNoTrace) {
  Put(NewFlow());
  const ProgramRun run = Carry(FrameOf(60), Filter(FrameOf(60)).skb);
  EXPECT_EQ(run.result, uint32_t{TC_ACT_REDIRECT});
  for (const uint32_t word : run.skb.cb) EXPECT_EQ(word, 0U);
  EXPECT_EQ(run.frame, FrameOf(60));
}

TEST_F(ForwardProgramsTest, WithoutAVerdictAFrameIsDropped) {
  Put(NewFlow());
  __sk_buff verdict = Filter(FrameOf(60)).skb;
  EXPECT_EQ(Carry(FrameOf(60), {}).result, uint32_t{TC_ACT_SHOT});
  verdict.cb[0] ^= 2U;  // of another interface, or of another switch
  EXPECT_EQ(Carry(FrameOf(60), verdict).result, uint32_t{TC_ACT_SHOT});
}

TEST_F(ForwardProgramsTest, ATagIsTakenOff) {
  Flow flow = NewFlow();
  flow.edit = TAPSWITCH_EDIT_POP;
  Put(flow);
  Bytes tagged = FrameOf(64, 0x8100);
  tagged[14] = 0;
  tagged[15] = 5;
  tagged[16] = 0x08;
  tagged[17] = 0x00;
  const ProgramRun run = Carry(tagged, Filter(FrameOf(60)).skb);
  EXPECT_EQ(run.result, uint32_t{TC_ACT_REDIRECT});
  EXPECT_EQ(run.frame, FrameOf(60));
}

TEST_F(ForwardProgramsTest, BytesAreCountedAsTheyComeAndAsTheyLeave) {
  Flow flow = NewFlow();
  flow.edit = TAPSWITCH_EDIT_PUSH;
  flow.tag_type = 0x8100;
  flow.tag_control = 5;
  Put(flow);
  const ProgramRun decided = Filter(FrameOf(60));
  EXPECT_EQ(decided.skb.cb[2], 0x81000005U);
  EXPECT_EQ(Carry(FrameOf(60), decided.skb).result, uint32_t{TC_ACT_REDIRECT});
  const FlowCell cell = kernel_->ReadCell(kToCell);
  EXPECT_EQ(cell.forwarded_bytes, 60U);
  EXPECT_EQ(cell.sent_bytes, 64U);
  EXPECT_EQ(cell.failed, 0U);
}

// ---- Seats

TEST_F(ForwardProgramsTest, ASeatIsNotUsedAgainBeforeAllOthers) {
  const uint32_t number = seat_->number();
  EXPECT_NE(kernel_->NewSeat()->number(), number);
  seat_.reset();
  for (uint32_t i = 0; i < 100; ++i) EXPECT_NE(kernel_->NewSeat()->number(), number);
}

}  // namespace
}  // namespace tapswitch::forward_programs_test
