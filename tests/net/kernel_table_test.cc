// The kernel's table of conversations: it has room for so many, those that stop go by themselves, and
// what has no place stays with the switch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "ports/interface/fastpath/fastpath_abi.h"
#include "tests/support/carried_hosts.h"

namespace tapswitch::kernel_table_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Stations below this are behind the first host, others behind the second one.
constexpr int kFirstBehindSecond = 1000;

class KernelTableTest : public CarriedHostsTest {
 protected:
  void Know(int station) {
    const std::string dev = station < kFirstBehindSecond ? "vnet1" : "vnet2";
    client_->Call("fdb.replace",
                  {{"mac", Station(station).ToString()}, {"dev", dev}, {"state", "static"}});
  }
  void SendSome(int from, int to, int frames, uint32_t number = 0) {
    const auto frame = Numbered(Station(to), Station(from), number);
    for (int i = 0; i < frames; ++i) sockets_[0].Send(frame);
    sent_ += static_cast<uint64_t>(frames);
  }
  [[nodiscard]] json TraceOf(int from, int to) {
    return client_->Call("trace", {{"in", "vnet1"},
                                   {"src", Station(from).ToString()},
                                   {"dst", Station(to).ToString()},
                                   {"type", 0x88B5}});
  }
  [[nodiscard]] bool IsCarried(int from, int to) { return TraceOf(from, to).at("kernel") == "yes"; }
  [[nodiscard]] bool GetsCarried(int from, int to) {
    return WaitUntil([&] {
      SendSome(from, to, 10);
      return IsCarried(from, to);
    });
  }
  // Lost ones included.
  [[nodiscard]] uint64_t Received() {
    return Port("vnet1").at("stats64").at("rx").at("packets").get<uint64_t>();
  }
  [[nodiscard]] size_t size() { return Kernel().at("flows").size(); }

  uint64_t sent_ = 0;  // by the first host
};
// How frames are read makes no difference to the table.
INSTANTIATE_TEST_SUITE_P(Io, KernelTableTest, testing::Values("epoll"), IoName);

// Its stations do not age, so nothing else takes it back.
TEST_P(KernelTableTest, AConversationThatStopsIsTakenBackAndOneThatGoesOnIsNot) {
  Start({"--ageing_time=1s"});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP();
  for (const int station : {1, 2, 1001, 1002}) Know(station);
  ASSERT_TRUE(GetsCarried(1, 1001)) << TraceOf(1, 1001);
  ASSERT_TRUE(GetsCarried(2, 1002)) << TraceOf(2, 1002);
  EXPECT_TRUE(WaitUntil([&] {
    SendSome(1, 1001, 1);
    return size() == 1;
  })) << Kernel().dump();
  EXPECT_TRUE(IsCarried(1, 1001)) << TraceOf(1, 1001);
  EXPECT_EQ(TraceOf(2, 1002).at("kernel"), "not yet");
  EXPECT_TRUE(GetsCarried(2, 1002)) << TraceOf(2, 1002);
}

TEST_P(KernelTableTest, WhatHasNoPlaceStaysWithTheSwitchUntilThereIsOne) {
  constexpr int kSources = 128;
  constexpr size_t kRoom = TAPSWITCH_MOST_FLOWS;
  constexpr int kDestinations = static_cast<int>(kRoom) / kSources;
  constexpr int kMostRounds = 20;
  constexpr int kKeepEvery = 16;
  Start();
  if (IsSkipped()) return;
  for (int i = 1; i <= kSources + 1; ++i) Know(i);
  for (int i = 0; i < kDestinations; ++i) Know(kFirstBehindSecond + i);
  const auto send_to_all = [&](int from, int frames) {
    for (int to = 0; to < kDestinations; ++to) SendSome(from, kFirstBehindSecond + to, frames);
  };
  for (int round = 0; round < kMostRounds && size() < kRoom; ++round) {
    for (int from = 1; from <= kSources; ++from) {
      // The switch looks at some frames of each batch.
      send_to_all(from, 64);
      // A flow begins when no frame of the port is on its way through the switch.
      for (int pass = 0; pass < 3; ++pass) {
        ASSERT_TRUE(WaitUntil([&] { return Received() == sent_; }));
        send_to_all(from, 1);
      }
      // A busy machine may take longer for all of them than the switch keeps one without frames.
      if (from % kKeepEvery != 0) continue;
      const int last = round == 0 ? from : kSources;
      for (int one = 1; one <= last; ++one) send_to_all(one, 1);
    }
  }
  ASSERT_EQ(size(), kRoom);

  const int source = kSources + 1;
  const PacketSocket receiver = network_->host(2).OpenPacketSocket();
  for (uint32_t i = 1; i <= 100; ++i) SendSome(source, kFirstBehindSecond, 1, i);
  for (uint32_t i = 1; i <= 100; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
  EXPECT_GT(Kernel().at("refused").get<uint64_t>(), 0U);
  const json trace = TraceOf(source, kFirstBehindSecond);
  EXPECT_EQ(trace.at("kernel"), "no");
  EXPECT_THAT(trace.at("stages").dump(), HasSubstr("as many conversations as it has room for"));
  EXPECT_TRUE(IsCarried(kSources, kFirstBehindSecond));

  client_->Call("fdb.del", {{"mac", Station(1).ToString()}, {"dev", "vnet1"}});
  EXPECT_TRUE(GetsCarried(source, kFirstBehindSecond)) << TraceOf(source, kFirstBehindSecond);
}

}  // namespace
}  // namespace tapswitch::kernel_table_test
