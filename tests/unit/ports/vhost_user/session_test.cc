// What front ends ask for, in order and out of it. Messages that break the protocol are in
// tests/net/vhost_hostile_test.cc.

#include "ports/vhost_user/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ports/vhost_user/features.h"
#include "tests/support/vhost_front_end.h"

namespace tapswitch::session_test {
namespace {

using testing::HasSubstr;

constexpr uint32_t kMtu = 1500;
constexpr uint64_t kUser = SharedTestMemory::kUser;
constexpr uint32_t kFromGuest = 1;

FileDescriptor CopyOf(int fd) { return FileDescriptor(dup(fd)); }

std::vector<FileDescriptor> One(int fd) {
  std::vector<FileDescriptor> files;
  files.push_back(CopyOf(fd));
  return files;
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    pairs_.push_back(std::make_unique<QueuePair>(WakeEvent::Create().value(), fault_,
                                                 GuestCaller::Create().value()));
    session_ = std::make_unique<VhostSession>(pairs_, kMtu);
  }
  absl::StatusOr<VhostSession::Reply> Ask(const VhostMessage& message,
                                          std::vector<FileDescriptor> files = {}) {
    return session_->Handle(message, std::move(files));
  }
  void Do(const VhostMessage& message, std::vector<FileDescriptor> files = {}) {
    const auto reply = Ask(message, std::move(files));
    ASSERT_TRUE(reply.ok()) << reply.status();
  }
  void Negotiate() {
    Do({.request = VhostRequest::kSetProtocolFeatures,
        .value = VhostSession::OfferedProtocolFeatures()});
    Do({.request = VhostRequest::kSetFeatures, .value = VhostFrontEnd::kUsualFeatures});
  }
  [[nodiscard]] VhostMessage Memory(const SharedTestMemory& memory) const {
    return {.request = VhostRequest::kSetMemTable, .regions = {memory.region()}};
  }
  void SetAddress(uint32_t index) {
    const DriverRing& ring = rings_[index];
    Do({.request = VhostRequest::kSetVringNum, .value = ring.size(), .ring = index});
    Do({.request = VhostRequest::kSetVringAddr,
        .ring = index,
        .descriptors = kUser + ring.descriptors(),
        .available = kUser + ring.available(),
        .used = kUser + ring.used()});
  }
  void SetFile(VhostRequest request, uint32_t index, int fd) {
    Do({.request = request, .ring = index, .has_descriptor = true}, One(fd));
  }
  void StartRing(uint32_t index) {
    SetAddress(index);
    SetFile(VhostRequest::kSetVringKick, index, event_.get());
    Do({.request = VhostRequest::kSetVringEnable, .value = 1, .ring = index});
  }
  void Start() {
    Negotiate();
    Do(Memory(memory_), One(memory_.fd()));
    for (uint32_t index : {0U, 1U}) StartRing(index);
    ASSERT_EQ(session_->Obstacle(), "");
  }
  // The guest offers a chain that is none, and a worker comes by.
  void BreakRing() {
    rings_[kFromGuest].Offer(5000);
    static_cast<void>(pairs_.front()->AwaitKick());
    static_cast<void>(Receive());
  }
  // A turn of a worker: the frames, and whether more wait.
  std::pair<uint64_t, bool> Receive() {
    PortCounters counters;
    std::vector<std::byte> bytes(ReceiveArena::kSize);
    ReceiveArena arena(bytes);
    FrameBatch received;
    const bool more =
        pairs_.front()->Receive({.id = PortId{1}, .counters = &counters}, 128, arena, received);
    return {counters.received.frames, more};
  }
  static uint64_t ValueOf(const absl::StatusOr<VhostSession::Reply>& reply) {
    uint64_t value = ~uint64_t{0};
    if (reply.ok() && reply->has_value()) {
      std::memcpy(&value, (*reply)->data() + kVhostHeaderSize, sizeof(value));
    }
    return value;
  }

  SharedTestMemory memory_{size_t{1} << 20U};
  std::vector<DriverRing> rings_{{memory_, 0, 256}, {memory_, DriverRing::kStride, 256}};
  FileDescriptor event_{eventfd(0, EFD_NONBLOCK)};
  WakeEvent fault_ = WakeEvent::Create().value();
  VhostSession::Pairs pairs_;
  std::unique_ptr<VhostSession> session_;
};

TEST_F(SessionTest, RingsRunOnceAllOfThemIsKnown) {
  EXPECT_THAT(session_->Obstacle(), HasSubstr("no driver"));
  Start();
  EXPECT_TRUE(session_->link().is_up);
  EXPECT_EQ(session_->summary().rings, 2);
}

// In any order: the address before the memory, say.
TEST_F(SessionTest, ARingStartsWithTheMemoryThatComesLast) {
  Negotiate();
  for (uint32_t index : {0U, 1U}) {
    SetFile(VhostRequest::kSetVringKick, index, event_.get());
    Do({.request = VhostRequest::kSetVringEnable, .value = 1, .ring = index});
  }
  Do(Memory(memory_), One(memory_.fd()));
  for (uint32_t index : {0U, 1U}) SetAddress(index);
  EXPECT_EQ(session_->Obstacle(), "");
}

TEST_F(SessionTest, MemoryMayBeReplacedWhileRingsRun) {
  Start();
  const SharedTestMemory other(size_t{1} << 20U);
  Do(Memory(other), One(other.fd()));
  EXPECT_EQ(session_->Obstacle(), "");
  EXPECT_EQ(session_->summary().regions, 1);
}

TEST_F(SessionTest, WhoAsksForAReplyGetsOne) {
  Negotiate();
  EXPECT_EQ(ValueOf(Ask({.request = VhostRequest::kSetOwner, .needs_reply = true})), 0);
}

// It goes on with what it had.
TEST_F(SessionTest, MemoryThatCannotBeIsRefusedInTheReplyThatWasAskedFor) {
  Start();
  VhostMessage message = Memory(memory_);
  message.request = VhostRequest::kAddMemReg;
  message.regions.front().guest_address += 4096;
  message.needs_reply = true;
  EXPECT_EQ(ValueOf(Ask(message, One(memory_.fd()))), 1);
  EXPECT_EQ(session_->Obstacle(), "");
  EXPECT_THAT(session_->summary().refused, HasSubstr("overlaps"));
}

TEST_F(SessionTest, WithoutSuchAReplyTheConnectionEnds) {
  Start();
  VhostMessage message = Memory(memory_);
  message.request = VhostRequest::kAddMemReg;
  message.regions.front().guest_address += 4096;
  EXPECT_FALSE(Ask(message, One(memory_.fd())).ok());
}

// Not only memory of the kernel can be mapped, but files are not asked for anything.
TEST_F(SessionTest, FilesOfOtherKindsAreNoMemory) {
  Negotiate();
  const FileDescriptor file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto reply = Ask(Memory(memory_), One(file.get()));
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr("no memory"));
}

TEST_F(SessionTest, GuestsHaveSoMuchMemoryAtMost) {
  const FileDescriptor huge(memfd_create("huge", MFD_CLOEXEC));
  constexpr uint64_t kSize = uint64_t{5} << 40U;
  ASSERT_EQ(ftruncate(huge.get(), kSize), 0);
  Negotiate();
  const auto add = [&](uint64_t place) {
    return Ask({.request = VhostRequest::kAddMemReg,
                .regions = {{.guest_address = place,
                             .size = kSize,
                             .user_address = place + 4096,
                             .file_offset = 0}}},
               One(huge.get()));
  };
  ASSERT_TRUE(add(0).ok());
  EXPECT_THAT(std::string(add(kSize).status().message()), HasSubstr("8 TiB"));
}

// So nobody waits long for a guest whose buffers are a byte each.
TEST_F(SessionTest, ATurnLooksAtSoManyDescriptorsOfARing) {
  Start();
  DriverRing& ring = rings_[kFromGuest];
  for (uint16_t i = 0; i < ring.size(); ++i) {
    const bool is_last = i + 1 == ring.size();
    ring.Describe(i, {.address = SharedTestMemory::kGuest + 0x40000,
                      .length = 1,
                      .flags = is_last ? uint16_t{0} : DriverRing::kNext,
                      .next = static_cast<uint16_t>(i + 1)});
  }
  constexpr size_t kOffered = 100;
  for (size_t i = 0; i < kOffered; ++i) ring.Offer(0);
  const auto [frames, more] = Receive();
  EXPECT_EQ(frames, 16);
  EXPECT_TRUE(more);
}

TEST_F(SessionTest, ABrokenRingIsToldByItsErrorFile) {
  Start();
  const FileDescriptor error(eventfd(0, EFD_NONBLOCK));
  SetFile(VhostRequest::kSetVringErr, kFromGuest, error.get());
  BreakRing();
  EXPECT_THAT(session_->TakeFaults(), HasSubstr("no descriptor of the ring"));
  eventfd_t count = 0;
  ASSERT_EQ(eventfd_read(error.get(), &count), 0);
  EXPECT_EQ(count, 1);
  EXPECT_FALSE(session_->link().is_up);
}

// Else whoever breaks its rings and sends requests would not be noticed.
TEST_F(SessionTest, ABrokenRingStaysSoUntilItsFaultWasTaken) {
  Start();
  BreakRing();
  Do(Memory(memory_), One(memory_.fd()));
  EXPECT_FALSE(pairs_.front()->runs(VringSide::kFromGuest));
  EXPECT_NE(session_->TakeFaults(), "");
  StartRing(kFromGuest);
  EXPECT_EQ(session_->Obstacle(), "");
}

TEST_F(SessionTest, ARingThatWasStoppedNeedsItsAddressAgain) {
  Start();
  static_cast<void>(Ask({.request = VhostRequest::kGetVringBase, .ring = kFromGuest}));
  SetFile(VhostRequest::kSetVringKick, kFromGuest, event_.get());
  EXPECT_FALSE(pairs_.front()->runs(VringSide::kFromGuest));
  SetAddress(kFromGuest);
  EXPECT_TRUE(pairs_.front()->runs(VringSide::kFromGuest));
}

TEST_F(SessionTest, ADeviceThatWasResetHasNoRingThatIsEnabled) {
  Start();
  Do({.request = VhostRequest::kResetDevice});
  for (uint32_t index : {0U, 1U}) {
    SetAddress(index);
    SetFile(VhostRequest::kSetVringKick, index, event_.get());
  }
  EXPECT_THAT(session_->Obstacle(), HasSubstr("not enabled"));
}

// The ring itself is in it, and reads as if nothing came.
TEST_F(SessionTest, MemoryThatWasCutIsNoticedByAGuestThatIsSilent) {
  Start();
  ASSERT_EQ(ftruncate(memory_.fd(), 0), 0);
  static_cast<void>(pairs_.front()->HasInput());
  static_cast<void>(pairs_.front()->AwaitKick());
  EXPECT_THAT(session_->TakeFaults(), HasSubstr("memory was cut"));
}

}  // namespace
}  // namespace tapswitch::session_test
