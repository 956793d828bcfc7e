// Blocks of a pcapng file, byte by byte (draft-ietf-opsawg-pcapng).

#include "switch/capture/pcapng.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "spdlog/fmt/fmt.h"

namespace tapswitch::pcapng {
namespace {

// Words of four bytes in hexadecimal, as they stand in the file.
std::string Hex(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0 && i % 4 == 0) text += ' ';
    text += fmt::format("{:02x}", static_cast<uint8_t>(bytes[i]));
  }
  return text;
}

TEST(PcapngTest, SectionHeader) {
  std::string out;
  AppendSectionHeader("switch", out);
  EXPECT_EQ(Hex(out),
            "0a0d0d0a 2c000000 4d3c2b1a 01000000 ffffffff ffffffff "  // type, length, 1.0, endless
            "04000600 73776974 63680000 "                             // shb_userappl
            "00000000 2c000000");
}

TEST(PcapngTest, Interface) {
  std::string out;
  AppendInterface("vnet1", 0x40000, out);
  EXPECT_EQ(Hex(out),
            "01000000 2c000000 01000000 00000400 "  // Ethernet, snap length
            "02000500 766e6574 31000000 "           // if_name
            "09000100 09000000 "                    // if_tsresol: nanoseconds
            "00000000 2c000000");
}

TEST(PcapngTest, PacketIsPaddedToFourBytes) {
  constexpr std::array bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
  std::string out;
  AppendPacket({.interface = 2, .time = 0x1122334455667788, .length = 60, .bytes = bytes}, out);
  EXPECT_EQ(Hex(out),
            "06000000 34000000 02000000 44332211 88776655 05000000 3c000000 "
            "01020304 05000000 "
            "02000400 01000000 "  // epb_flags: inbound
            "00000000 34000000");
}

TEST(PcapngTest, PacketSaysHowManyWereLostBeforeIt) {
  std::string out;
  AppendPacket({.outbound = true, .lost = 0x1234}, out);
  EXPECT_EQ(Hex(out),
            "06000000 38000000 00000000 00000000 00000000 00000000 00000000 "
            "02000400 02000000 "           // epb_flags: outbound
            "04000800 34120000 00000000 "  // epb_dropcount
            "00000000 38000000");
}

TEST(PcapngTest, StatisticsAtTheEnd) {
  std::string out;
  AppendStatistics({.interface = 1,
                    .start = 0x0000000100000002,
                    .time = 0x0000000300000004,
                    .lost = 5,
                    .received = 7,
                    .filtered = 6},
                   out);
  EXPECT_EQ(Hex(out),
            "05000000 58000000 01000000 03000000 04000000 "
            "02000800 01000000 02000000 "  // isb_starttime
            "03000800 03000000 04000000 "  // isb_endtime
            "04000800 07000000 00000000 "  // isb_ifrecv
            "05000800 05000000 00000000 "  // isb_ifdrop
            "06000800 06000000 00000000 "  // isb_filteraccept
            "00000000 58000000");
}

TEST(PcapngTest, StatisticsInBetweenSayOnlyWhatWasLost) {
  std::string out;
  AppendStatistics({.lost = 5}, out);
  EXPECT_EQ(Hex(out),
            "05000000 40000000 00000000 00000000 00000000 "
            "02000800 00000000 00000000 03000800 00000000 00000000 "
            "05000800 05000000 00000000 "
            "00000000 40000000");
}

TEST(PcapngTest, BlocksFollowOneAnother) {
  std::string both;
  AppendInterface("a", 1, both);
  const size_t first = both.size();
  AppendInterface("b", 2, both);
  std::string second;
  AppendInterface("b", 2, second);
  EXPECT_EQ(both.substr(first), second);
}

}  // namespace
}  // namespace tapswitch::pcapng
