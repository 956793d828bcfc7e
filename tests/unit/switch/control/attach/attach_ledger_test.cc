// Interfaces come and go in every order; what is to be attached and removed follows.

#include "switch/control/attach/attach_ledger.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace tapswitch::attach_ledger_test {
namespace {

class AttachLedgerTest : public testing::Test {
 protected:
  void Comes(int ifindex, const std::string& name, bool up = true) {
    ledger_.OnLink({.netns = {}, .ifindex = ifindex, .name = name, .up = up});
  }
  void Goes(int ifindex) { ledger_.OnLink({.netns = {}, .ifindex = ifindex, .removed = true}); }

  // "attach vnet0", "detach vnet0"; what is attached is noted, as the attacher does.
  std::vector<std::string> Done() {
    std::vector<std::string> done;
    while (const auto task = ledger_.Next()) {
      const bool attaches = task->kind == AttachLedger::Task::Kind::kAttach;
      done.push_back((attaches ? "attach " : "detach ") + task->name);
      if (attaches) ledger_.NotePort(task->ifindex, task->name);
    }
    EXPECT_FALSE(ledger_.has_tasks());
    return done;
  }
  using Tasks = std::vector<std::string>;

  AttachLedger ledger_{[](std::string_view name) { return name.starts_with("vnet"); }};
};

TEST_F(AttachLedgerTest, AnInterfaceIsAttachedOnceItIsUp) {
  Comes(5, "vnet0", false);
  EXPECT_EQ(Done(), Tasks{});
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{}) << "it is attached";
}

TEST_F(AttachLedgerTest, OthersAreLeftAlone) {
  Comes(1, "lo");
  Comes(2, "eth0");
  Goes(2);
  EXPECT_EQ(Done(), Tasks{});
}

TEST_F(AttachLedgerTest, ItsPortGoesWithIt) {
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
  Goes(5);
  EXPECT_EQ(Done(), Tasks{"detach vnet0"});
  Comes(6, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
}

TEST_F(AttachLedgerTest, OneThatGoesBeforeItsTurnIsForgotten) {
  Comes(5, "vnet0");
  Goes(5);
  EXPECT_EQ(Done(), Tasks{});
}

TEST_F(AttachLedgerTest, DownIsNotGone) {
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
  Comes(5, "vnet0", false);
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{});
}

TEST_F(AttachLedgerTest, OneThatFailedIsTriedAgainWhenItComesUpAnew) {
  Comes(5, "vnet0");
  const auto task = ledger_.Next();
  ASSERT_TRUE(task);
  ledger_.Postpone(5);
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{}) << "no change is no reason to try again";
  Comes(5, "vnet0", false);
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
}

TEST_F(AttachLedgerTest, OneThatIsSettledIsLeftAloneUntilItHasGone) {
  Comes(5, "vnet0");
  ledger_.Settle(5);
  Comes(5, "vnet0", false);
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{});
  Goes(5);
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
}

TEST_F(AttachLedgerTest, ANewNameMakesItAnotherInterface) {
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
  Comes(5, "vnet7");
  EXPECT_EQ(Done(), (Tasks{"detach vnet0", "attach vnet7"}));
  Comes(5, "mine");
  EXPECT_EQ(Done(), Tasks{"detach vnet7"});
}

TEST_F(AttachLedgerTest, OneThatWasAwayInAnotherNamespaceIsANewOne) {
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
  Goes(5);
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), (Tasks{"detach vnet0", "attach vnet0"}));
}

// After lost events what is there is announced before what has gone.
TEST_F(AttachLedgerTest, APortThatIsOnTheSuccessorByNowIsNotRemoved) {
  Comes(5, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
  Comes(6, "vnet0");
  EXPECT_EQ(Done(), Tasks{"attach vnet0"});
  Goes(5);
  EXPECT_EQ(Done(), Tasks{});
  EXPECT_EQ(ledger_.InterfaceOf("vnet0"), 6);
}

TEST_F(AttachLedgerTest, PortsMayDependOnInterfacesThatNoPatternNames) {
  ledger_.NotePort(9, "tap0");
  Comes(9, "tap0");
  EXPECT_EQ(Done(), Tasks{});
  Goes(9);
  EXPECT_EQ(Done(), Tasks{"detach tap0"});
  ledger_.NotePort(10, "tap0");
  ledger_.ForgetPort(10);
  Goes(10);
  EXPECT_EQ(Done(), Tasks{});
}

TEST_F(AttachLedgerTest, AThousandAreNoMoreThanAThousandTasks) {
  Tasks expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "vnet" + std::to_string(i);
    for (const bool up : {false, true, true}) Comes(i + 1, name, up);
    expected.push_back("attach " + name);
  }
  EXPECT_EQ(Done(), expected);
}

}  // namespace
}  // namespace tapswitch::attach_ledger_test
