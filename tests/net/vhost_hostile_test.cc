// Front ends and guests that break every rule of vhost-user and virtio: each loses its ring or its
// connection, for a reason that has a name, and the switch and other guests lose nothing.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/hostile_guest_fixture.h"
#include "tests/support/vhost_front_end.h"
#include "tests/support/wait_until.h"

namespace tapswitch::vhost_hostile_test {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::byte>;
using Descriptor = DriverRing::Descriptor;

constexpr uint64_t kGuest = SharedTestMemory::kGuest;
constexpr uint16_t kNext = DriverRing::kNext;
constexpr uint16_t kWrite = DriverRing::kWrite;
constexpr uint16_t kIndirect = DriverRing::kIndirect;
constexpr uint64_t kPlace = kGuest + VhostFrontEnd::kBuffers + (uint64_t{3} << 20U);

// What a hostile front end does after an honest start, and what users are told of it.
struct HostileCase {
  std::string_view name;
  std::string_view reason;
  bool ends_connection;
  std::function<void(VhostFrontEnd&)> attack;
};

void PrintTo(const HostileCase& one, std::ostream* out) { *out << one.name; }

// The guest offers a chain to send, whose first descriptor is this one.
std::function<void(VhostFrontEnd&)> Sends(std::vector<Descriptor> chain) {
  return [chain = std::move(chain)](VhostFrontEnd& guest) {
    uint16_t index = 0;
    for (const Descriptor& one : chain) guest.ring(1).Describe(index++, one);
    guest.ring(1).Offer(0);
    guest.Kick(1);
  };
}

// A table of descriptors in the memory of buffers, for an indirect one.
std::function<void(VhostFrontEnd&)> SendsIndirect(Descriptor first, std::vector<Descriptor> table) {
  return [first, table = std::move(table)](VhostFrontEnd& guest) {
    std::memcpy(guest.memory().at(kPlace - kGuest), table.data(), table.size() * 16);
    Sends({first})(guest);
  };
}

std::function<void(VhostFrontEnd&)> Asks(VhostRequest request, Bytes payload) {
  return [request, payload = std::move(payload)](VhostFrontEnd& guest) {
    guest.Request(request, payload);
  };
}

template <typename... Numbers>
Bytes Of(Numbers... numbers) {
  return VhostFrontEnd::Payload(numbers...);
}

// A file that is no eventfd.
std::function<void(VhostFrontEnd&)> GivesFile(VhostRequest request, const char* path) {
  return [request, path](VhostFrontEnd& guest) {
    const FileDescriptor file(open(path, O_RDWR | O_CLOEXEC));
    const int fd = file.get();
    guest.Request(request, Of(uint64_t{0}), {&fd, 1});
  };
}

std::function<void(VhostFrontEnd&)> GivesMemory(VhostRegion region) {
  return [region](VhostFrontEnd& guest) {
    Bytes payload = Of(uint64_t{0});
    const Bytes numbers = VhostFrontEnd::RegionPayload(region);
    payload.insert(payload.end(), numbers.begin(), numbers.end());
    const int fd = guest.memory().fd();
    guest.Request(VhostRequest::kAddMemReg, payload, {&fd, 1});
  };
}

void SendsManyFiles(const VhostFrontEnd& guest, size_t count, const Bytes& message) {
  const std::vector<int> files(count, guest.kick(0));
  guest.SendRaw(message, files);
}

const std::vector<HostileCase>& HostileCases() {
  static const std::vector<HostileCase> kCases{
      // What a driver does to its rings.
      {"Loop", "a chain of descriptors is a loop", false,
       Sends({{.address = kPlace, .length = 64, .flags = kNext, .next = 0}})},
      {"NextOutside", "next one is outside", false,
       Sends({{.address = kPlace, .length = 64, .flags = kNext, .next = 256}})},
      {"HeadOutside", "no descriptor of the ring", false,
       [](VhostFrontEnd& guest) {
         guest.ring(1).Offer(256);
         guest.Kick(1);
       }},
      {"AddressOutside", "outside of its memory", false, Sends({{.address = 0x10, .length = 64}})},
      {"AcrossTheEnd", "outside of its memory", false,
       Sends({{.address = kGuest + (8U << 20U) - 32, .length = 64}})},
      {"WrapsRound", "outside of its memory", false,
       Sends({{.address = ~uint64_t{0} - 16, .length = 64}})},
      {"WritableInASendChain", "has a buffer to write to", false,
       Sends({{.address = kPlace, .length = 64, .flags = kWrite}})},
      {"IndirectNested", "inside of another", false,
       SendsIndirect({.address = kPlace, .length = 16, .flags = kIndirect},
                     {{.address = kPlace, .length = 16, .flags = kIndirect}})},
      {"IndirectEmpty", "no multiple", false,
       Sends({{.address = kPlace, .length = 0, .flags = kIndirect}})},
      {"IndirectUneven", "no multiple", false,
       Sends({{.address = kPlace, .length = 24, .flags = kIndirect}})},
      {"IndirectWithNext", "has a next one", false,
       Sends({{.address = kPlace, .length = 16, .flags = kIndirect | kNext, .next = 1}})},
      {"IndirectTooLong", "longer than the ring", false,
       Sends({{.address = kPlace, .length = 16 * 257, .flags = kIndirect}})},
      {"IndirectOutside", "table is outside", false,
       Sends({{.address = 0x10, .length = 16, .flags = kIndirect}})},
      {"IndirectLoop", "is a loop", false,
       SendsIndirect({.address = kPlace, .length = 32, .flags = kIndirect},
                     {{.address = kPlace, .length = 16, .flags = kNext, .next = 1},
                      {.address = kPlace, .length = 16, .flags = kNext, .next = 0}})},
      {"IndexTooFarAhead", "size ahead", false,
       [](VhostFrontEnd& guest) {
         guest.ring(1).SetIndex(static_cast<uint16_t>(guest.ring(1).next() + 257));
         guest.Kick(1);
       }},
      {"MemoryIsCut", "memory was cut", false,
       [](VhostFrontEnd& guest) {
         EXPECT_EQ(ftruncate(guest.memory().fd(), 3 << 20U), 0);
         guest.ring(1).Describe(
             0, {.address = kGuest + VhostFrontEnd::kBuffers + (4U << 20U), .length = 100});
         guest.ring(1).Offer(0);
         guest.Kick(1);
       }},
      {"RingAddressOutside", "share=on", false,
       [](VhostFrontEnd& guest) { guest.SetAddress(0, uint64_t{1} << 40U); }},
      {"RingAddressUnaligned", "not aligned", false,
       [](VhostFrontEnd& guest) { guest.SetAddress(0, 1); }},
      {"MemoryOfRunningRingsGone", "outside of the guest's shared memory", false,
       [](VhostFrontEnd& guest) {
         Bytes payload = Of(uint64_t{0});
         const Bytes numbers = VhostFrontEnd::RegionPayload(guest.memory().region());
         payload.insert(payload.end(), numbers.begin(), numbers.end());
         guest.Request(VhostRequest::kRemMemReg, payload);
       }},
      // What a front end says.
      {"HugeMessage", "announces", true,
       [](VhostFrontEnd& guest) { guest.SendRaw(Of(uint32_t{2}, uint32_t{1}, ~uint32_t{0})); }},
      {"OtherVersion", "no request of version 1", true,
       [](VhostFrontEnd& guest) { guest.SendRaw(Of(uint32_t{1}, uint32_t{2}, uint32_t{0})); }},
      {"UnknownRequest", "does not serve it", true, Asks(static_cast<VhostRequest>(77), {})},
      {"MigrationLog", "does not serve it", true,
       Asks(static_cast<VhostRequest>(6), Of(uint64_t{4096}, uint64_t{0}))},
      {"ShortPayload", "bytes instead of", true, Asks(VhostRequest::kSetFeatures, Of(uint32_t{1}))},
      {"FeaturesNotOffered", "were not offered", true,
       Asks(VhostRequest::kSetFeatures, Of(uint64_t{1} << 26U))},
      {"ProtocolFeaturesNotOffered", "were not offered", true,
       Asks(VhostRequest::kSetProtocolFeatures, Of(uint64_t{2}))},
      {"RingZero", "no size of a ring", true,
       Asks(VhostRequest::kSetVringNum, Of(uint32_t{0}, uint32_t{0}))},
      {"RingNoPowerOfTwo", "no size of a ring", true,
       Asks(VhostRequest::kSetVringNum, Of(uint32_t{0}, uint32_t{100}))},
      {"RingTooLarge", "no size of a ring", true,
       Asks(VhostRequest::kSetVringNum, Of(uint32_t{0}, uint32_t{65536}))},
      {"RingBeyond", "there is no ring", true,
       Asks(VhostRequest::kSetVringBase, Of(uint32_t{9}, uint32_t{0}))},
      {"RingFarBeyond", "there is no ring", true,
       Asks(VhostRequest::kGetVringBase, Of(~uint32_t{0}, uint32_t{0}))},
      {"KickWithoutFile", "file descriptors instead of", true,
       Asks(VhostRequest::kSetVringKick, Of(uint64_t{0}))},
      {"KickByPolling", "waits for one", true,
       Asks(VhostRequest::kSetVringKick, Of(uint64_t{0x100}))},
      {"KickIsAFile", "no eventfd", true, GivesFile(VhostRequest::kSetVringKick, "/dev/zero")},
      {"CallIsAFile", "no eventfd", true, GivesFile(VhostRequest::kSetVringCall, "/dev/null")},
      {"FilesWithAMessageThatTakesNone", "file descriptors instead of", true,
       [](VhostFrontEnd& guest) {
         SendsManyFiles(guest, 3, VhostFrontEnd::Message(VhostRequest::kSetOwner, {}));
       }},
      {"TooManyFiles", "file descriptors", true,
       [](VhostFrontEnd& guest) {
         SendsManyFiles(guest, 40, VhostFrontEnd::Message(VhostRequest::kSetOwner, {}));
       }},
      {"NineRegions", "regions", true,
       [](VhostFrontEnd& guest) {
         Bytes payload = Of(uint32_t{9}, uint32_t{0});
         payload.resize(8 + 9 * 32);
         guest.Request(VhostRequest::kSetMemTable, payload);
       }},
      {"RegionsOverlap", "overlaps", true,
       GivesMemory({.guest_address = kGuest + 4096,
                    .size = 4096,
                    .user_address = 0x1000,
                    .file_offset = 0})},
      {"RegionWraps", "beyond the last address", true,
       GivesMemory({.guest_address = ~uint64_t{0} - 4095,
                    .size = 8192,
                    .user_address = 0x1000,
                    .file_offset = 0})},
      {"RegionLongerThanItsFile", "bytes, and", true,
       GivesMemory({.guest_address = 0x4000'0000,
                    .size = 64 << 20U,
                    .user_address = 0x1000,
                    .file_offset = 0})},
      {"RegionImpossible", "impossible", true,
       GivesMemory({.guest_address = 0x4000'0000,
                    .size = uint64_t{1} << 60U,
                    .user_address = 0x1000,
                    .file_offset = 0})},
      {"ImpossibleMtu", "impossible", true, Asks(VhostRequest::kNetSetMtu, Of(uint64_t{20}))},
  };
  return kCases;
}

class VhostHostileTest : public HostileGuestFixture<SwitchCaseTest<HostileCase>> {
 protected:
  void SetUp() override {
    HostileGuestFixture::SetUp();
    if (!IsSkipped()) Join(hostile_, "bad");
  }
};
INSTANTIATE_TEST_SUITE_P(All, VhostHostileTest,
                         testing::Combine(kEachIo, testing::ValuesIn(HostileCases())),
                         IoAndCaseName<HostileCase>);

TEST_P(VhostHostileTest, LosesWhatItBrokeAndNobodyElseDoes) {
  test_case().attack(hostile_);
  if (test_case().ends_connection) {
    EXPECT_TRUE(hostile_.WaitForHangUp());
    ASSERT_TRUE(WaitUntil([] { return Show("bad")["details"].contains("last_error"); }));
    EXPECT_THAT(Show("bad")["details"]["last_error"].get<std::string>(),
                HasSubstr(std::string(test_case().reason)));
  } else {
    ASSERT_TRUE(WaitUntil([] { return Show("bad")["link"] == "down"; })) << switch_->log();
    EXPECT_THAT(Show("bad")["reason"].get<std::string>(),
                HasSubstr(std::string(test_case().reason)));
  }
  OthersTalk();
  // An honest one is served on its socket afterwards.
  VhostFrontEnd honest;
  hostile_.HangUp();
  Join(honest, "bad");
  const Bytes frame = TestFrame(kBroadcastAddress, Station(3), "honest");
  ASSERT_TRUE(honest.Send(frame));
  EXPECT_EQ(two_.Receive(), frame);
}

}  // namespace
}  // namespace tapswitch::vhost_hostile_test
