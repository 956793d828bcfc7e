// Guests are told of their carrier, whatever their QEMU does meanwhile.

#include "switch/control/guests/guest_links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_qemu.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait_until.h"

namespace tapswitch::guest_links_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GuestLinksTest : public testing::Test {
 protected:
  // Steps as the control thread does, until the condition holds.
  template <typename Condition>
  bool StepUntil(Condition condition) {
    return WaitUntil([&] {
      const auto wait = links_.Wait().value_or(std::chrono::milliseconds(5));
      pollfd ready{.fd = links_.fd(), .events = POLLIN, .revents = 0};
      poll(&ready, 1, static_cast<int>(std::min(wait, std::chrono::milliseconds(5)).count()));
      links_.Step();
      return condition();
    });
  }
  [[nodiscard]] bool IsTold(bool is_on) const {
    const GuestLinks::Status status = links_.StatusOf(guest_);
    return status.told == is_on && status.problem.empty();
  }

  TemporaryDirectory folder_;
  const GuestPlace guest_{.socket = folder_.Path("qmp"), .id = "net0"};
  GuestLinks links_;
};

TEST_F(GuestLinksTest, GuestIsToldAndLeftAlone) {
  FakeQemu qemu(guest_.socket, "net0", FakeQemu::Habit::kNoisy);
  EXPECT_FALSE(links_.Wait());
  links_.Tell(guest_, false);
  EXPECT_TRUE(StepUntil([&] { return IsTold(false); }));
  EXPECT_GT(links_.Wait(), std::chrono::milliseconds(0)) << "only its socket is looked at";
  links_.Tell(guest_, true);
  EXPECT_TRUE(StepUntil([&] { return IsTold(true); }));
  EXPECT_THAT(qemu.links(), ElementsAre(false, true));
}

TEST_F(GuestLinksTest, TheLastWordCounts) {
  FakeQemu qemu(guest_.socket);
  for (int i = 0; i < 5; ++i) {
    links_.Tell(guest_, false);
    links_.Tell(guest_, true);
  }
  links_.Tell(guest_, false);
  EXPECT_TRUE(StepUntil([&] { return IsTold(false) && qemu.Has(false); }));
}

// QEMU gives it a carrier when it starts.
TEST_F(GuestLinksTest, GuestThatStartsAnewIsToldThatItHasNone) {
  std::optional<FakeQemu> qemu(std::in_place, guest_.socket);
  links_.Tell(guest_, false);
  EXPECT_TRUE(StepUntil([&] { return IsTold(false); }));
  qemu.reset();
  EXPECT_TRUE(StepUntil([&] { return !links_.StatusOf(guest_).told; }));
  qemu.emplace(guest_.socket);
  EXPECT_TRUE(StepUntil([&] { return IsTold(false); }));
  EXPECT_THAT(qemu->links(), ElementsAre(false));
  links_.Tell(guest_, true);
  EXPECT_TRUE(StepUntil([&] { return IsTold(true); }));
  EXPECT_FALSE(links_.Wait()) << "a guest with a carrier has one when it starts anew, too";
}

TEST_F(GuestLinksTest, GuestThatStartsLaterIsTold) {
  links_.Tell(guest_, false);
  EXPECT_THAT(links_.StatusOf(guest_).problem, HasSubstr("No such file"));
  EXPECT_TRUE(links_.Wait());
  FakeQemu qemu(guest_.socket);
  EXPECT_TRUE(StepUntil([&] { return IsTold(false); }));
}

TEST_F(GuestLinksTest, RefusalOfQemuIsShownAndTriedAgain) {
  FakeQemu qemu(guest_.socket, "net5");
  links_.Tell(guest_, false);
  EXPECT_TRUE(StepUntil([&] { return !links_.StatusOf(guest_).problem.empty(); }));
  EXPECT_EQ(links_.StatusOf(guest_).problem, "QEMU says: Device 'other' not found");
  EXPECT_TRUE(StepUntil([&] { return qemu.clients() >= 2; }));
}

TEST_F(GuestLinksTest, SilentQemuDelaysNobodyElse) {
  FakeQemu silent(guest_.socket, "net0", FakeQemu::Habit::kSilent);
  const GuestPlace other{.socket = folder_.Path("other"), .id = "net0"};
  FakeQemu qemu(other.socket);
  links_.Tell(guest_, false);
  links_.Tell(other, false);
  EXPECT_TRUE(StepUntil([&] { return links_.StatusOf(other).told == false; }));
  EXPECT_FALSE(links_.StatusOf(guest_).told);
  EXPECT_TRUE(StepUntil([&] { return !links_.StatusOf(guest_).problem.empty(); }));
  EXPECT_THAT(links_.StatusOf(guest_).problem, HasSubstr("does not answer"));
}

TEST_F(GuestLinksTest, ManyGuestsAreToldInTurn) {
  constexpr size_t kGuests = 3 * GuestLinks::kMostExchanges;
  std::deque<FakeQemu> qemus;
  std::vector<GuestPlace> guests;
  for (size_t i = 0; i < kGuests; ++i) {
    guests.push_back({.socket = folder_.Path(std::to_string(i)), .id = "net0"});
    qemus.emplace_back(guests.back().socket);
  }
  for (const GuestPlace& guest : guests) links_.Tell(guest, false);
  EXPECT_TRUE(StepUntil([&] {
    return std::all_of(guests.begin(), guests.end(), [&](const GuestPlace& guest) {
      return links_.StatusOf(guest).told == false;
    });
  }));
}

TEST_F(GuestLinksTest, AbandonedGuestIsToldOnceOrNotAtAll) {
  {
    FakeQemu qemu(guest_.socket);
    links_.Tell(guest_, true);
    links_.Abandon(guest_);
    EXPECT_TRUE(StepUntil([&] { return qemu.Has(true) && !links_.Wait(); }));
    EXPECT_FALSE(links_.StatusOf(guest_).told);
  }
  links_.Tell(guest_, true);
  links_.Abandon(guest_);
  EXPECT_FALSE(links_.Wait());
}

}  // namespace
}  // namespace tapswitch::guest_links_test
