// A frame comes out as it went in, whatever is in it; and those that no bridge forwards stay
// inside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/frame_builder.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::transparency_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

using Frame = std::vector<std::byte>;

struct Ports {
  std::string_view name;
  std::vector<std::string> ports;

  friend void PrintTo(const Ports& printed, std::ostream* out) { *out << printed.name; }
};

const std::array<Ports, 2> kPorts{{
    {.name = "tap", .ports = {"", "", "offload=off"}},
    {.name = "netdev", .ports = {"netdev", "netdev", "offload=off"}},
}};

class TransparencyTest : public SwitchCaseTest<Ports> {
 protected:
  void SetUp() override {
    SwitchCaseTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(TestNetwork::Options{
        .io = io(), .ports = test_case().ports, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
    exchange_.emplace(*network_);
  }

  // Sent from h1, they reach h2 and h3. They are of different flows, which several workers may
  // carry.
  void ExpectToPass(const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) exchange_->Send(1, frame);
    auto received = exchange_->Collect();
    EXPECT_THAT(received.at(2), UnorderedElementsAreArray(frames));
    EXPECT_THAT(received.at(3), UnorderedElementsAreArray(frames));
  }

  // Sent from h1, they reach nobody.
  void ExpectToStay(const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) exchange_->Send(1, frame);
    auto received = exchange_->Collect();
    for (const int host : {1, 2, 3}) EXPECT_THAT(received.at(host), IsEmpty()) << host;
  }

  std::optional<TestNetwork> network_;
  std::optional<FrameExchange> exchange_;
};
INSTANTIATE_TEST_SUITE_P(All, TransparencyTest,
                         testing::Combine(kEachIo, testing::ValuesIn(kPorts)),
                         IoAndCaseName<Ports>);

constexpr MacAddress kUnknown = Station(99);
constexpr MacAddress kSource = Station(1);

// Appends random bytes until the frame has `size`.
Frame Filled(FrameBuilder builder, size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  while (builder.Build().size() < size) builder.U8(static_cast<uint8_t>(random()));
  return builder.Build();
}

TEST_P(TransparencyTest, FramesOfEverySizePassByteForByte) {
  std::vector<Frame> frames;
  for (size_t size = kEthernetHeaderSize; size <= 70; ++size) {
    frames.push_back(Filled(FrameBuilder(kUnknown, kSource).Type(kTestType), size));
  }
  for (const size_t size : {71, 127, 128, 129, 1000, 1513, 1514}) {
    frames.push_back(Filled(FrameBuilder(kUnknown, kSource).Type(kTestType), size));
  }
  ExpectToPass(frames);
}

TEST_P(TransparencyTest, FramesWithALengthInPlaceOfATypePass) {
  const auto with_length = [](uint16_t length) {
    return FrameBuilder(kUnknown, kSource).Length(length);
  };
  ExpectToPass({
      Filled(with_length(3).U8(0x42).U8(0x42).U8(0x03), 60),         // LLC, padded
      Filled(with_length(46).U8(0xAA).U8(0xAA).U8(0x03).U8(0), 60),  // SNAP
      Filled(with_length(30).U16(0xFFFF), 60),                       // raw 802.3
      Filled(with_length(1500).U8(0xE0).U8(0xE0).U8(0x03), 1514), Filled(with_length(0), 14),
      Filled(with_length(0x05FF), 60),  // neither a length nor a type
  });
}

TEST_P(TransparencyTest, TaggedFramesPassWithTheirTags) {
  const auto tagged = [](EtherType protocol, uint16_t control) {
    return FrameBuilder(kUnknown, kSource).Tag(protocol, control);
  };
  ExpectToPass({
      Filled(tagged(EtherType::kVlan, 100).Type(kTestType), 64),
      Filled(tagged(EtherType::kVlan, 0xE000).Type(kTestType), 64),  // a priority tag
      Filled(tagged(EtherType::kVlan, 0xBFFF).Type(kTestType), 64),  // PCP 5, DEI, VID 4095
      Filled(tagged(EtherType::kServiceVlan, 7).Type(kTestType), 64),
      Filled(tagged(EtherType::kServiceVlan, 7).Tag(EtherType::kVlan, 100).Type(kTestType), 68),
      Filled(tagged(EtherType::kVlan, 7).Tag(EtherType::kVlan, 100).Type(kTestType), 68),
      Filled(tagged(EtherType::kVlan, 100).Length(40).U8(0x42).U8(0x42).U8(3), 64),
      Filled(tagged(EtherType::kVlan, 100).Type(kTestType), 20),
      Filled(tagged(EtherType::kVlan, 100).Type(kTestType), 1518),  // full, and a tag
  });
}

TEST_P(TransparencyTest, FramesToReservedAddressesStay) {
  std::vector<Frame> frames;
  for (uint64_t last = 0; last <= 0xF; ++last) {
    frames.push_back(TestFrame(MacAddress::FromNumber(0x0180C2000000 + last), kSource, "reserved"));
  }
  ExpectToStay(frames);
  ExpectToPass({TestFrame(MacAddress::FromNumber(0x0180C2000010), kSource, "not reserved")});
  network_->tapswitchd().Stop();
  EXPECT_EQ(network_->tapswitchd().CountInLog("reserved_address=16"), 1U);
}

TEST_P(TransparencyTest, FramesToReservedAddressesTeachNothing) {
  exchange_->Send(2, TestFrame(MacAddress::FromNumber(0x0180C2000000), kUnknown, "BPDU"));
  static_cast<void>(exchange_->Collect());
  ExpectToPass({TestFrame(kUnknown, kSource, "flooded, as it is not known to be behind h2")});
}

TEST_P(TransparencyTest, FramesFromImpossibleSourcesStayAndTeachNothing) {
  constexpr MacAddress kGroup = MacAddress::FromNumber(0x01005E000009);
  ExpectToStay({TestFrame(kBroadcastAddress, kGroup, "from a group"),
                TestFrame(kBroadcastAddress, kBroadcastAddress, "from all"),
                TestFrame(kBroadcastAddress, MacAddress(), "from nobody")});
  const auto frame = TestFrame(kGroup, Station(2), "to the group");
  exchange_->Send(2, frame);
  auto received = exchange_->Collect();
  EXPECT_THAT(received.at(1), ElementsAre(frame));
  EXPECT_THAT(received.at(3), ElementsAre(frame));
  network_->tapswitchd().Stop();
  EXPECT_EQ(network_->tapswitchd().CountInLog("source_multicast=2 source_zero=1"), 1U);
}

}  // namespace
}  // namespace tapswitch::transparency_test
