// Filter programs: what is none is refused, and what is one says what libpcap says.

#include "switch/forwarding/observers/packet_filter.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <random>
#include <string>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/frame_builder.h"

namespace tapswitch::packet_filter_test {
namespace {

using Instruction = PacketFilter::Instruction;
using Bytes = std::vector<std::byte>;

constexpr uint16_t kRet = 0x06;
constexpr uint16_t kJa = 0x05;
constexpr uint16_t kJeq = 0x15;
constexpr uint16_t kLoadMemory = 0x60;
constexpr uint16_t kStore = 0x02;
constexpr uint16_t kDivide = 0x34;

bool IsTaken(const std::vector<Instruction>& program) {
  return PacketFilter::Make(program).has_value();
}

TEST(PacketFilterTest, AProgramEnds) {
  EXPECT_TRUE(IsTaken({{kRet, 0, 0, 1}}));
  EXPECT_FALSE(IsTaken({}));
  EXPECT_FALSE(IsTaken({{kStore, 0, 0, 0}}));
  EXPECT_FALSE(IsTaken({{kJa, 0, 0, 0}, {kJa, 0, 0, 0}}));
  EXPECT_FALSE(IsTaken(std::vector<Instruction>(4097, {kRet, 0, 0, 1})));
}

TEST(PacketFilterTest, JumpsLeadForwardAndNotBeyondTheEnd) {
  EXPECT_TRUE(IsTaken({{kJa, 0, 0, 0}, {kRet, 0, 0, 1}}));
  EXPECT_FALSE(IsTaken({{kJa, 0, 0, 1}, {kRet, 0, 0, 1}}));
  EXPECT_FALSE(IsTaken({{kJa, 0, 0, 0xFFFFFFFF}, {kRet, 0, 0, 1}}));
  EXPECT_FALSE(IsTaken({{kJeq, 1, 0, 0}, {kRet, 0, 0, 1}}));
  EXPECT_FALSE(IsTaken({{kJeq, 0, 1, 0}, {kRet, 0, 0, 1}}));
}

TEST(PacketFilterTest, TheCostIsThatOfTheLongestWay) {
  constexpr uint16_t kLoadWord = 0x20;
  const auto cost = [](const std::vector<Instruction>& program) {
    return PacketFilter::Make(program).value().cost();
  };
  EXPECT_EQ(PacketFilter().cost(), 0U);
  EXPECT_EQ(cost({{kRet, 0, 0, 1}}), 1U);
  EXPECT_EQ(cost({{kLoadWord, 0, 0, 0}, {kJeq, 0, 1, 5}, {kRet, 0, 0, 1}, {kRet, 0, 0, 0}}), 3U);
  EXPECT_EQ(cost({{kJeq, 2, 0, 5}, {kStore, 0, 0, 0}, {kRet, 0, 0, 1}, {kRet, 0, 0, 0}}), 5U);
  EXPECT_EQ(cost({{kJa, 0, 0, 1}, {kRet, 0, 0, 1}, {kRet, 0, 0, 0}}), 4U)
      << "a return is passed over";
}

TEST(PacketFilterTest, MemoryHasSixteenCells) {
  for (const uint16_t code : {kLoadMemory, kStore}) {
    EXPECT_TRUE(IsTaken({{code, 0, 0, 15}, {kRet, 0, 0, 1}}));
    EXPECT_FALSE(IsTaken({{code, 0, 0, 16}, {kRet, 0, 0, 1}}));
  }
}

TEST(PacketFilterTest, NothingIsDividedByZero) {
  EXPECT_FALSE(IsTaken({{kDivide, 0, 0, 0}, {kRet, 0, 0, 1}}));
  constexpr uint16_t kDivideByX = 0x3C;
  const auto filter =
      PacketFilter::Make(std::vector<Instruction>{{kDivideByX, 0, 0, 0}, {kRet, 0, 0, 1}});
  const Bytes wire(kVirtioNetHeaderSize + 60);
  const Piece piece{wire.data(), wire.size()};
  EXPECT_FALSE(filter->Takes({.pieces = {&piece, 1}, .size = 60})) << "X is zero";
}

TEST(PacketFilterTest, WithoutAProgramItTakesAll) {
  const Bytes wire(kVirtioNetHeaderSize + 60);
  const Piece piece{wire.data(), wire.size()};
  EXPECT_TRUE(PacketFilter().Takes({.pieces = {&piece, 1}, .size = 60}));
}

// Anything at all, run if it is a program: it ends, and reads nothing that is not there.
TEST(PacketFilterTest, WhateverIsTakenCanBeRun) {
  std::mt19937 random(11);
  size_t taken = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::vector<Instruction> program(1 + random() % 6);
    for (Instruction& one : program) {
      one = {static_cast<uint16_t>(random() % 0xB8), static_cast<uint8_t>(random() % 4),
             static_cast<uint8_t>(random() % 4), static_cast<uint32_t>(random() % 80)};
      if (random() % 8 == 0) one.k = static_cast<uint32_t>(random());
    }
    program.back().code = kRet;
    const auto filter = PacketFilter::Make(program);
    if (!filter) continue;
    ++taken;
    const Bytes wire(kVirtioNetHeaderSize + 14 + random() % 60);
    const Piece piece{wire.data(), wire.size()};
    static_cast<void>(
        filter->Takes({.pieces = {&piece, 1}, .size = wire.size() - kVirtioNetHeaderSize}));
  }
  EXPECT_GT(taken, 1000U);
}

// ----- against libpcap ---------------------------------------------------------------------------

class Expression {
 public:
  explicit Expression(const std::string& text) : handle_(pcap_open_dead(DLT_EN10MB, 262144)) {
    EXPECT_EQ(pcap_compile(handle_, &program_, text.c_str(), 1, PCAP_NETMASK_UNKNOWN), 0) << text;
    std::vector<Instruction> instructions;
    for (u_int i = 0; i < program_.bf_len; ++i) {
      const bpf_insn& one = program_.bf_insns[i];
      instructions.push_back({one.code, one.jt, one.jf, one.k});
    }
    const auto filter = PacketFilter::Make(instructions);
    EXPECT_TRUE(filter.has_value()) << text;
    filter_ = filter.value_or(PacketFilter());
  }
  ~Expression() {
    pcap_freecode(&program_);
    pcap_close(handle_);
  }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  [[nodiscard]] bool PcapTakes(const Bytes& frame) const {
    const pcap_pkthdr header{.ts = {},
                             .caplen = static_cast<bpf_u_int32>(frame.size()),
                             .len = static_cast<bpf_u_int32>(frame.size())};
    return pcap_offline_filter(&program_, &header, reinterpret_cast<const u_char*>(frame.data())) !=
           0;
  }

  // In one piece, and in several.
  [[nodiscard]] bool Takes(const Bytes& frame, size_t cut) const {
    Bytes wire(kVirtioNetHeaderSize);
    wire.insert(wire.end(), frame.begin(), frame.end());
    const std::vector<Piece> pieces{{wire.data(), kVirtioNetHeaderSize + cut},
                                    {wire.data() + kVirtioNetHeaderSize + cut, 0},
                                    {wire.data() + kVirtioNetHeaderSize + cut, frame.size() - cut}};
    return filter_.Takes({.pieces = pieces, .size = frame.size()});
  }

 private:
  pcap_t* handle_;
  bpf_program program_{};
  PacketFilter filter_;
};

Bytes RandomFrame(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<uint16_t> values) {
    return *(values.begin() + random() % values.size());
  };
  FrameBuilder frame(MacAddress::FromNumber(random() % 2 == 0 ? 0xFFFFFFFFFFFF : 0x020000000001),
                     MacAddress::FromNumber(0x020000000002));
  if (random() % 3 == 0) frame.Tag(EtherType::kVlan, pick({10, 20, 0x600A}));
  const uint16_t type = pick({0x0800, 0x86DD, 0x0806, 0x88CC});
  frame.U16(type);
  const auto protocol = static_cast<uint8_t>(pick({1, 6, 17}));
  if (type == 0x0800) {
    frame.U8(static_cast<uint8_t>(pick({0x45, 0x46}))).U8(0).U16(60).U16(1).U16(pick({0, 0x2001}));
    frame.U8(64).U8(protocol).U16(0).U32(0x0A000001).U32(0x0A000000 + pick({0, 1, 2}));
  } else if (type == 0x86DD) {
    frame.U32(0x60000000).U16(40).U8(protocol).U8(64);
    for (int i = 0; i < 8; ++i) frame.U32(i % 4 == 3 ? 1 : 0xFD830000);
  }
  for (int i = 0; i < 12; ++i) frame.U16(pick({53, 80, 443, 0x5010, 0x5002}));
  Bytes bytes = frame.Build();
  bytes.resize(std::min<size_t>(bytes.size(), 14 + random() % 100));
  return bytes;
}

TEST(PacketFilterTest, AgreesWithLibpcap) {
  std::mt19937 random(7);
  for (const std::string text :
       {"icmp", "tcp port 80", "udp and not port 53", "vlan", "vlan 10 and ip",
        "arp or (ip6 and tcp)", "ether host 02:00:00:00:00:01", "ip host 10.0.0.1",
        "net 10.0.0.0/24 and len > 40", "tcp[tcpflags] & (tcp-syn|tcp-ack) != 0",
        "ip[0] & 0xf != 5", "portrange 50-100", "ether[12:2] > 1500 and greater 60", "broadcast",
        "ip and (len - 14) / 4 > 10", "len % 7 = 3", "ether[0] << 3 >> 1 = 0x3fc"}) {
    const Expression expression(text);
    size_t taken = 0;
    constexpr size_t kFrames = 3000;
    for (size_t i = 0; i < kFrames; ++i) {
      const Bytes frame = RandomFrame(random);
      const bool expected = expression.PcapTakes(frame);
      taken += expected ? 1 : 0;
      ASSERT_EQ(expression.Takes(frame, frame.size()), expected) << text;
      ASSERT_EQ(expression.Takes(frame, random() % (frame.size() + 1)), expected) << text;
    }
    EXPECT_GT(taken, 0U) << text;
    EXPECT_LT(taken, kFrames) << text;
  }
}

}  // namespace
}  // namespace tapswitch::packet_filter_test
