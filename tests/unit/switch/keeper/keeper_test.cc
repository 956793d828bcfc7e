// A keeper holds what it is given, and hands it to the next switch.

#include "switch/keeper/keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "switch/keeper/keeper_client.h"
#include "switch/keeper/recovery.h"

namespace tapswitch::keeper_test {
namespace {

PortHandover OneFile(const std::string& text) {
  PortHandover files;
  EXPECT_TRUE(files.AddBytes("queue0", std::as_bytes(std::span(text))));
  files.numbers["ifindex"] = 7;
  return files;
}

std::string TextOf(PortHandover& files) {
  const auto bytes = files.TakeBytes("queue0", 100);
  std::string text;
  for (const std::byte byte : bytes) text += static_cast<char>(byte);
  return text;
}

// A keeper on a thread, which serves one switch after the other.
class KeeperTest : public testing::Test {
 protected:
  // Another switch, while no other lives.
  KeeperClient& Begin() {
    End();
    auto ends = DescriptorChannel::MakePair().value();
    client_.emplace(std::move(ends.first));
    serving_ = std::thread([this, channel = std::move(ends.second)] {
      for (;;) {
        last_ = keeper_.Serve(channel);
        if (last_ == Keeper::Event::kGone || last_ == Keeper::Event::kEnd) return;
      }
    });
    return *client_;
  }

  void End() {
    client_.reset();
    if (serving_.joinable()) serving_.join();
  }

  void Die() {
    End();
    keeper_.OnDeath();
  }

  void TearDown() override { End(); }

  Keeper keeper_;
  Keeper::Event last_ = Keeper::Event::kServed;
  std::optional<KeeperClient> client_;
  std::thread serving_;
};

TEST_F(KeeperTest, TheFirstSwitchGetsNothing) {
  const auto answer = Begin().Hello();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->parts.empty());
  EXPECT_EQ(answer->died_at.count(), 0);
}

TEST_F(KeeperTest, TheNextSwitchGetsWhatTheLastOneHad) {
  KeeperClient& first = Begin();
  ASSERT_TRUE(first.Keep("vnet1", OneFile("old")).ok());
  ASSERT_TRUE(first.Keep("vnet2", OneFile("gone")).ok());
  ASSERT_TRUE(first.Keep("vnet1", OneFile("new")).ok());
  ASSERT_TRUE(first.Forget("vnet2").ok());
  Die();
  for (int i = 0; i < 2; ++i) {
    auto answer = Begin().Hello();
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->parts.size(), 1U);
    EXPECT_EQ(answer->parts["vnet1"].number("ifindex"), 7U);
    EXPECT_EQ(TextOf(answer->parts["vnet1"]), "new");
    EXPECT_GT(answer->died_at.count(), 0);
    Die();
  }
}

TEST_F(KeeperTest, WhatAReadySwitchDoesNotKeepIsForgotten) {
  ASSERT_TRUE(Begin().Keep("vnet1", OneFile("one")).ok());
  ASSERT_TRUE(client_->Keep("vnet2", OneFile("two")).ok());
  Die();
  ASSERT_TRUE(Begin().Keep("vnet2", OneFile("two")).ok());
  client_->Ready();
  auto answer = client_->Hello();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->parts.size(), 1U);
  EXPECT_TRUE(answer->parts.contains("vnet2"));
}

TEST_F(KeeperTest, ShadowPortsAreGivenUpUnlessANewSwitchHasThem) {
  ASSERT_TRUE(Begin().Keep(kOverlayPart, OneFile("shadow")).ok());
  keeper_.GiveUpOverlay();
  EXPECT_TRUE(client_->Hello()->parts.contains(kOverlayPart)) << "the switch lives";
  Die();
  ASSERT_TRUE(Begin().Keep(kOverlayPart, OneFile("shadow")).ok());
  keeper_.GiveUpOverlay();
  EXPECT_TRUE(client_->Hello()->parts.contains(kOverlayPart)) << "a new one has them";
  Die();
  keeper_.GiveUpOverlay();
  EXPECT_FALSE(Begin().Hello()->parts.contains(kOverlayPart));
}

TEST_F(KeeperTest, NothingIsKeptOfASwitchThatWasToldToEnd) {
  ASSERT_TRUE(Begin().Keep("vnet1", OneFile("one")).ok());
  client_->End();
  End();
  EXPECT_EQ(last_, Keeper::Event::kEnd);
  EXPECT_TRUE(Begin().Hello()->parts.empty());
}

TEST_F(KeeperTest, ASwitchThatSaysNonsenseIsGone) {
  auto ends = DescriptorChannel::MakePair().value();
  for (const std::string text : {"nonsense", R"({"kind":"dance"})", R"({"kind":7})",
                                 R"({"kind":"keep","files":{"queue0":3}})"}) {
    const auto deadline = DescriptorChannel::Clock::now() + std::chrono::seconds(5);
    ASSERT_TRUE(ends.first.Send(text, {}, deadline).ok());
    EXPECT_EQ(keeper_.Serve(ends.second), Keeper::Event::kGone) << text;
  }
}

TEST(RecoveryTest, WithoutAWholeStateThereIsNone) {
  EXPECT_FALSE(HasState({}));
  EXPECT_FALSE(Recover({}).ok());
  KeptParts parts;
  parts[kBridgePart] = OneFile("no state");
  EXPECT_TRUE(HasState(parts));
  EXPECT_FALSE(Recover(std::move(parts)).ok());
}

}  // namespace
}  // namespace tapswitch::keeper_test
