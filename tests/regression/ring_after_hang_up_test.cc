// A front end that has hung up uses its memory for something else, and connects again at once.
// Before, a ring that was broken so was an offence, for which the next connection waited.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>

#include "tests/support/hostile_guest_fixture.h"
#include "tests/support/switch_test.h"
#include "tests/support/wait_until.h"

namespace tapswitch::ring_after_hang_up_test {
namespace {

using RingAfterHangUpTest = HostileGuestFixture<SwitchTest>;
INSTANTIATE_TEST_SUITE_P(Io, RingAfterHangUpTest, kEachIo, IoName);

// The switch is held meanwhile, so that it may see either first.
TEST_P(RingAfterHangUpTest, IsNoOffence) {
  for (int i = 0; i < 30 && !HasFatalFailure(); ++i) {
    Join(hostile_, "bad");
    kill(switch_->pid(), SIGSTOP);
    hostile_.HangUp();
    hostile_.ring(1).SetIndex(static_cast<uint16_t>(hostile_.ring(1).size() + 1));
    hostile_.Kick(1);
    kill(switch_->pid(), SIGCONT);
    ASSERT_TRUE(WaitUntil([] { return Show("bad")["details"]["peer"] == "nobody"; }));
    ASSERT_FALSE(Show("bad")["details"].contains("offences")) << Show("bad").dump(1);
  }
  OthersTalk();
}

}  // namespace
}  // namespace tapswitch::ring_after_hang_up_test
