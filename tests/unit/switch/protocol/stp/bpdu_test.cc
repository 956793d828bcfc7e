// Reading and writing of BPDUs (IEEE 802.1D-2004, clause 9): nothing malformed gets through.

#include "switch/protocol/stp/bpdu.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tapswitch::bpdu_test {
namespace {

using stp::Bpdu;

constexpr MacAddress kSource = MacAddress::FromNumber(0x020000000001);

Bpdu Some(Bpdu::Kind kind) {
  Bpdu bpdu{.kind = kind,
            .topology_change = true,
            .priority = {.root = {.priority = 0x1000, .address = kSource},
                         .root_path_cost = 20000,
                         .bridge = {.priority = 0x8000, .address = MacAddress::FromNumber(7)},
                         .port = 0x8002},
            .times = {.message_age = stp::kWireSecond}};
  if (kind == Bpdu::Kind::kConfig) bpdu.topology_change_ack = true;
  if (kind == Bpdu::Kind::kRst) bpdu.role = stp::BpduRole::kRoot;
  if (kind == Bpdu::Kind::kRst) bpdu.agreement = bpdu.learning = bpdu.forwarding = true;
  if (kind == Bpdu::Kind::kTcn) bpdu = {.kind = kind};
  return bpdu;
}

std::optional<Bpdu> Read(std::span<const std::byte> frame) {
  return stp::ReadBpdu(frame.subspan(kEthernetHeaderSize), LoadBe16(frame.data() + kTypeOffset));
}

TEST(BpduTest, ReadsWhatItWrites) {
  for (const auto kind : {Bpdu::Kind::kConfig, Bpdu::Kind::kTcn, Bpdu::Kind::kRst}) {
    const auto frame = stp::WriteBpdu(Some(kind), kSource);
    EXPECT_EQ(Read(frame), Some(kind));
  }
}

TEST(BpduTest, IsNothingWithAWrongHeader) {
  for (const size_t at : {14U, 15U, 16U, 17U, 18U, 20U}) {  // LLC, protocol, type
    auto frame = stp::WriteBpdu(Some(Bpdu::Kind::kRst), kSource);
    frame[at] ^= std::byte{0x10};
    EXPECT_EQ(Read(frame), std::nullopt) << at;
  }
}

TEST(BpduTest, IsNothingWhenItIsShort) {
  const auto frame = stp::WriteBpdu(Some(Bpdu::Kind::kRst), kSource);
  const std::span payload = std::span(frame).subspan(kEthernetHeaderSize);
  for (size_t length = 0; length < 39; ++length) {
    EXPECT_EQ(stp::ReadBpdu(payload, length), std::nullopt) << length;
    EXPECT_EQ(stp::ReadBpdu(payload.first(length), 39), std::nullopt) << length;
  }
}

TEST(BpduTest, IsNothingWhenItsInformationIsTooOld) {
  Bpdu old = Some(Bpdu::Kind::kConfig);
  old.times.message_age = old.times.max_age;
  EXPECT_EQ(Read(stp::WriteBpdu(old, kSource)), std::nullopt);
}

TEST(BpduTest, LaterVersionsAreReadAsRst) {
  auto frame = stp::WriteBpdu(Some(Bpdu::Kind::kRst), kSource);
  frame[19] = std::byte{3};
  EXPECT_EQ(Read(frame), Some(Bpdu::Kind::kRst));
}

TEST(BpduTest, AnUnknownRoleIsTakenForAConfigurationBpdu) {
  Bpdu unknown = Some(Bpdu::Kind::kRst);
  unknown.role = stp::BpduRole::kUnknown;
  const auto read = Read(stp::WriteBpdu(unknown, kSource));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, Bpdu::Kind::kConfig);
  EXPECT_EQ(read->priority, unknown.priority);
}

TEST(BpduTest, TimesAreBroughtIntoTheirRange) {
  Bpdu hasty = Some(Bpdu::Kind::kRst);
  hasty.times.forward_delay = hasty.times.hello_time = 0;
  const auto read = Read(stp::WriteBpdu(hasty, kSource));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->times.forward_delay, 2 * stp::kWireSecond);
  EXPECT_EQ(read->times.hello_time, stp::kWireSecond);
}

}  // namespace
}  // namespace tapswitch::bpdu_test
