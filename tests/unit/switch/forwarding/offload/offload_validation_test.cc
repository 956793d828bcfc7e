#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "switch/forwarding/offload/validation.h"
#include "tests/support/ip_packet.h"

namespace tapswitch::offload_validation_test {
namespace {

constexpr VlanTag kTag{.protocol = EtherType::kVlan, .control = 10};
constexpr VlanTag kServiceTag{.protocol = EtherType::kServiceVlan, .control = 20};

IpPacket Tcp4() { return {.payload = Bytes(3000)}; }
IpPacket Tcp6() { return {.is_ipv6 = true, .payload = Bytes(3000)}; }
IpPacket Udp4() { return {.is_udp = true, .payload = Bytes(3000)}; }
IpPacket Udp6() { return {.is_ipv6 = true, .is_udp = true, .payload = Bytes(3000)}; }

void Put16(Bytes& frame, size_t offset, unsigned value) {
  frame.at(offset) = static_cast<std::byte>(value >> 8U);
  frame.at(offset + 1) = static_cast<std::byte>(value & 0xFFU);
}

// --- LocateNetworkHeader

TEST(LocateNetworkHeaderTest, StandsBehindAnyNumberOfTags) {
  IpPacket packet = Tcp6();
  for (size_t tags = 0; tags < 10; ++tags) {
    EXPECT_EQ(LocateNetworkHeader(UnfinishedFrame(packet)),
              (NetworkHeader{.type = EtherType::kIpv6, .offset = 14 + 4 * tags}));
    packet.tags.push_back(tags % 2 == 0 ? kTag : kServiceTag);
  }
}

TEST(LocateNetworkHeaderTest, NothingWhenTheTypeIsCutOff) {
  IpPacket packet = Tcp4();
  packet.tags = {kServiceTag, kTag};
  const Bytes frame = UnfinishedFrame(packet);
  for (size_t size = 0; size < 22; ++size) {
    EXPECT_FALSE(LocateNetworkHeader(std::span(frame).first(size)).has_value()) << size;
  }
  EXPECT_TRUE(LocateNetworkHeader(std::span(frame).first(22)).has_value());
}

// --- LocateTransportHeader

TEST(LocateTransportHeaderTest, StandsBehindOptionsAndExtensionHeaders) {
  IpPacket packet = Tcp4();
  packet.tags = {kTag};
  packet.ip_options = Bytes(8, std::byte{1});
  packet.tcp_options = Bytes(12);
  EXPECT_EQ(LocateTransportHeader(UnfinishedFrame(packet)),
            (TransportHeader{.network = {.type = EtherType::kIpv4, .offset = 18},
                             .protocol = 6,
                             .offset = 18 + 28,
                             .payload_offset = 18 + 28 + 32}));

  packet = Udp6();
  packet.extensions = {{.type = 0, .body = Bytes(6)},
                       {.type = 43, .body = Bytes(14)},
                       {.type = 60, .body = Bytes(22)}};
  EXPECT_EQ(LocateTransportHeader(UnfinishedFrame(packet)),
            (TransportHeader{.network = {.type = EtherType::kIpv6, .offset = 14},
                             .protocol = 17,
                             .offset = 14 + 40 + 8 + 16 + 24,
                             .payload_offset = 14 + 40 + 8 + 16 + 24 + 8}));
}

TEST(LocateTransportHeaderTest, NothingWhenAnyHeaderIsCutOff) {
  for (IpPacket packet : {Tcp4(), Tcp6(), Udp4(), Udp6()}) {
    packet.tags = {kTag};
    if (packet.is_ipv6) {
      packet.extensions.resize(2);
    } else {
      packet.ip_options.resize(12);
    }
    if (!packet.is_udp) packet.tcp_options.resize(20);
    const Bytes frame = UnfinishedFrame(packet);
    for (size_t size = 0; size < packet.header_size(); ++size) {
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_FALSE(LocateTransportHeader(cut).has_value()) << size;
    }
    EXPECT_TRUE(LocateTransportHeader(std::span(frame).first(packet.header_size())).has_value());
  }
}

// An edit of a frame after which it holds no transport header that could be believed.
struct BrokenFrame {
  std::string name;
  IpPacket packet;
  std::function<void(Bytes&)> edit;
};

TEST(LocateTransportHeaderTest, NothingWithoutAWholeTcpOrUdpPacket) {
  IpPacket extended = Tcp6();
  extended.extensions.resize(1);
  const std::vector<BrokenFrame> cases = {
      {"another type", Tcp4(), [](Bytes& f) { Put16(f, 12, 0x0806); }},
      {"802.3 length", Tcp4(), [](Bytes& f) { Put16(f, 12, 1500); }},
      {"IPv6 under the type of IPv4", Tcp6(), [](Bytes& f) { Put16(f, 12, 0x0800); }},
      {"IPv4 under the type of IPv6", Tcp4(), [](Bytes& f) { Put16(f, 12, 0x86DD); }},
      {"IPv4 header of version 6", Tcp4(), [](Bytes& f) { f[14] = std::byte{0x65}; }},
      {"IPv6 header of version 4", Tcp6(), [](Bytes& f) { f[14] = std::byte{0x40}; }},
      {"IPv4 header of 16 bytes", Udp4(), [](Bytes& f) { f[14] = std::byte{0x44}; }},
      {"first fragment", Tcp4(), [](Bytes& f) { Put16(f, 20, 0x2000); }},
      {"last fragment", Tcp4(), [](Bytes& f) { Put16(f, 20, 0x0001); }},
      {"ICMP", Tcp4(), [](Bytes& f) { f[23] = std::byte{1}; }},
      {"ICMPv6", Tcp6(), [](Bytes& f) { f[20] = std::byte{58}; }},
      {"IPv6 fragment header", extended, [](Bytes& f) { f[20] = std::byte{44}; }},
      {"no next header", extended, [](Bytes& f) { f[54] = std::byte{59}; }},
      {"extension beyond the frame", extended, [](Bytes& f) { f.resize(74); }},
      {"TCP header of 16 bytes", Tcp4(), [](Bytes& f) { f[46] = std::byte{0x40}; }},
      {"TCP header of 0 bytes", Tcp6(), [](Bytes& f) { f[66] = std::byte{0x00}; }},
  };
  for (const auto& [name, packet, edit] : cases) {
    Bytes frame = UnfinishedFrame(packet);
    ASSERT_TRUE(LocateTransportHeader(frame).has_value()) << name;
    edit(frame);
    EXPECT_FALSE(LocateTransportHeader(frame).has_value()) << name;
  }
}

TEST(LocateTransportHeaderTest, DontFragmentAndReservedBitMakeNoFragment) {
  Bytes frame = UnfinishedFrame(Tcp4());
  Put16(frame, 20, 0xC000);
  EXPECT_TRUE(LocateTransportHeader(frame).has_value());
}

// --- ValidateOffload without GSO

TEST(ValidateOffloadTest, AHeaderWithoutWorkLosesItsFields) {
  const VirtioNetHeader claimed{
      .header_length = 99, .gso_size = 1448, .checksum_start = 65535, .checksum_offset = 65535};
  EXPECT_EQ(ValidateOffload(claimed, {}), VirtioNetHeader{});
}

TEST(ValidateOffloadTest, DataValidIsPassedOn) {
  EXPECT_EQ(ValidateOffload({.data_valid = true}, {}), VirtioNetHeader{.data_valid = true});
}

TEST(ValidateOffloadTest, EcnWithoutGsoIsRefused) {
  EXPECT_FALSE(ValidateOffload({.ecn = true}, UnfinishedFrame(Tcp4())).has_value());
}

TEST(ValidateOffloadTest, AChecksumLosesTheFieldsOfGso) {
  VirtioNetHeader claimed = ChecksumHeader(Tcp4());
  claimed.header_length = 54;
  claimed.gso_size = 1448;
  EXPECT_EQ(ValidateOffload(claimed, UnfinishedFrame(Tcp4())), ChecksumHeader(Tcp4()));
}

TEST(ValidateOffloadTest, AChecksumFieldEndsWithinTheFrame) {
  const Bytes frame(60);
  const auto is_valid = [&](unsigned start, unsigned offset) {
    const VirtioNetHeader claimed{.needs_checksum = true,
                                  .checksum_start = static_cast<uint16_t>(start),
                                  .checksum_offset = static_cast<uint16_t>(offset)};
    return ValidateOffload(claimed, frame).has_value();
  };
  EXPECT_TRUE(is_valid(14, 44));
  EXPECT_FALSE(is_valid(14, 45));
  EXPECT_TRUE(is_valid(58, 0));
  EXPECT_FALSE(is_valid(59, 0));
  EXPECT_FALSE(is_valid(60, 0));
  EXPECT_FALSE(is_valid(40, 65535));
  EXPECT_FALSE(is_valid(65535, 65535));
}

TEST(ValidateOffloadTest, AChecksumIsNotStoredIntoAddressesOrTags) {
  IpPacket packet = Udp4();
  packet.tags = {kTag};
  const Bytes frame = UnfinishedFrame(packet);
  for (uint16_t start = 0; start < 18; ++start) {
    const VirtioNetHeader claimed{.needs_checksum = true, .checksum_start = start};
    EXPECT_FALSE(ValidateOffload(claimed, frame).has_value()) << start;
  }
  EXPECT_TRUE(ValidateOffload({.needs_checksum = true, .checksum_start = 18}, frame).has_value());
}

TEST(ValidateOffloadTest, AChecksumNeedsAnEthernetHeader) {
  EXPECT_FALSE(ValidateOffload({.needs_checksum = true}, {}).has_value());
  EXPECT_FALSE(ValidateOffload({.needs_checksum = true}, Bytes(13)).has_value());
}

// --- ValidateOffload with GSO

TEST(ValidateOffloadTest, AGsoFrameIsPassedWithItsHeaderLengthRecomputed) {
  for (IpPacket packet : {Tcp4(), Tcp6(), Udp4(), Udp6()}) {
    for (const auto& tags : {std::vector<VlanTag>{}, {kTag}, {kServiceTag, kTag}}) {
      packet.tags = tags;
      const VirtioNetHeader header = GsoHeader(packet, 1400);
      for (const uint16_t stale : std::initializer_list<uint16_t>{0, 1, 65535}) {
        VirtioNetHeader claimed = header;
        claimed.header_length = stale;
        EXPECT_EQ(ValidateOffload(claimed, UnfinishedFrame(packet)), header);
      }
    }
  }
}

TEST(ValidateOffloadTest, AGsoFrameMayHaveLittlePayloadOrNone) {
  for (const size_t payload : {0U, 1U, 1400U}) {
    const IpPacket packet{.payload = Bytes(payload)};
    EXPECT_TRUE(ValidateOffload(GsoHeader(packet, 1400), UnfinishedFrame(packet)).has_value());
  }
}

TEST(ValidateOffloadTest, AGsoFrameMayFillTheIpLength) {
  const IpPacket four{.payload = Bytes(65'535 - 20 - 20)};
  EXPECT_TRUE(ValidateOffload(GsoHeader(four, 1448), UnfinishedFrame(four)).has_value());
  const IpPacket six{.is_ipv6 = true, .payload = Bytes(65'535 - 20)};
  EXPECT_TRUE(ValidateOffload(GsoHeader(six, 1428), UnfinishedFrame(six)).has_value());
}

// A claim that contradicts its frame in one point.
struct Lie {
  std::string name;
  IpPacket packet;
  std::function<void(VirtioNetHeader&, Bytes&)> tell;
};

void ExpectRefused(const std::vector<Lie>& lies) {
  for (const auto& [name, packet, tell] : lies) {
    VirtioNetHeader header = GsoHeader(packet, 1400);
    Bytes frame = UnfinishedFrame(packet);
    ASSERT_TRUE(ValidateOffload(header, frame).has_value()) << name;
    tell(header, frame);
    EXPECT_FALSE(ValidateOffload(header, frame).has_value()) << name;
  }
}

TEST(ValidateOffloadTest, AGsoHeaderThatContradictsItsFrameIsRefused) {
  using Header = VirtioNetHeader;
  ExpectRefused({
      {"no checksum", Tcp4(), [](Header& h, Bytes&) { h.needs_checksum = false; }},
      {"gso_size 0", Tcp4(), [](Header& h, Bytes&) { h.gso_size = 0; }},
      {"GSO_BY_FRAGS", Tcp4(), [](Header& h, Bytes&) { h.gso_size = 0xFFFF; }},
      {"TCPv4 is TCPv6", Tcp6(), [](Header& h, Bytes&) { h.gso = GsoType::kTcpV4; }},
      {"TCPv6 is TCPv4", Tcp4(), [](Header& h, Bytes&) { h.gso = GsoType::kTcpV6; }},
      {"TCPv4 is UDP", Udp4(), [](Header& h, Bytes&) { h.gso = GsoType::kTcpV4; }},
      {"UDP is TCP", Tcp6(), [](Header& h, Bytes&) { h.gso = GsoType::kUdpL4; }},
      {"start before TCP", Tcp4(), [](Header& h, Bytes&) { h.checksum_start -= 1; }},
      {"start behind TCP", Tcp4(), [](Header& h, Bytes&) { h.checksum_start += 4; }},
      {"UDP's offset for TCP", Tcp4(), [](Header& h, Bytes&) { h.checksum_offset = 6; }},
      {"TCP's offset for UDP", Udp6(), [](Header& h, Bytes&) { h.checksum_offset = 16; }},
      {"ECN for UDP", Udp4(), [](Header& h, Bytes&) { h.ecn = true; }},
      {"UDP in too many parts", Udp4(), [](Header& h, Bytes&) { h.gso_size = 23; }},
  });
}

TEST(ValidateOffloadTest, AGsoFrameThatDoesNotEndWhereItsHeadersSayIsRefused) {
  using Header = VirtioNetHeader;
  ExpectRefused({
      {"byte behind IPv4", Tcp4(), [](Header&, Bytes& f) { f.resize(f.size() + 1); }},
      {"byte behind IPv6", Tcp6(), [](Header&, Bytes& f) { f.resize(f.size() + 1); }},
      {"byte missing, IPv4", Tcp4(), [](Header&, Bytes& f) { f.pop_back(); }},
      {"byte missing, IPv6", Tcp6(), [](Header&, Bytes& f) { f.pop_back(); }},
      {"IPv4 length 0", Tcp4(), [](Header&, Bytes& f) { Put16(f, 16, 0); }},
      {"IPv6 length 0", Tcp6(), [](Header&, Bytes& f) { Put16(f, 18, 0); }},
      {"UDP length 0", Udp4(), [](Header&, Bytes& f) { Put16(f, 38, 0); }},
      {"UDP length too short", Udp4(), [](Header&, Bytes& f) { Put16(f, 38, 3007); }},
      {"UDP length too long", Udp6(), [](Header&, Bytes& f) { Put16(f, 58, 3009); }},
      {"fragment", Tcp4(), [](Header&, Bytes& f) { Put16(f, 20, 0x2000); }},
      {"headers only", Tcp4(), [](Header&, Bytes& f) { f.resize(53); }},
      {"nothing", Tcp4(), [](Header&, Bytes& f) { f.clear(); }},
  });
}

TEST(ValidateOffloadTest, UdpIsCutInto128SegmentsAtMost) {
  const IpPacket packet{.is_udp = true, .payload = Bytes(size_t{128} * 10)};
  EXPECT_TRUE(ValidateOffload(GsoHeader(packet, 10), UnfinishedFrame(packet)).has_value());
  EXPECT_FALSE(ValidateOffload(GsoHeader(packet, 9), UnfinishedFrame(packet)).has_value());
}

TEST(ValidateOffloadTest, HeadersOfAGsoFrameAreLimited) {
  IpPacket packet = Tcp6();
  packet.tags = {kServiceTag, kTag};
  const size_t room = kMaxGsoHeaderSize - 22 - 40 - 20;
  packet.extensions = {{.type = 60, .body = Bytes(room / 8 * 8 - 2)}};
  EXPECT_TRUE(ValidateOffload(GsoHeader(packet, 1400), UnfinishedFrame(packet)).has_value());
  packet.extensions.push_back({});
  EXPECT_FALSE(ValidateOffload(GsoHeader(packet, 1400), UnfinishedFrame(packet)).has_value());
}

// --- NeededOffloads

OffloadSet SetOf(std::initializer_list<Offload> offloads) {
  OffloadSet set;
  for (const Offload offload : offloads) set.insert(offload);
  return set;
}

TEST(NeededOffloadsTest, NamesTheUnfinishedWork) {
  const auto needed = [](const IpPacket& packet) {
    return NeededOffloads(GsoHeader(packet, 1400), UnfinishedFrame(packet));
  };
  EXPECT_EQ(NeededOffloads({}, {}), OffloadSet{});
  EXPECT_EQ(NeededOffloads({.data_valid = true}, {}), OffloadSet{});
  EXPECT_EQ(NeededOffloads(ChecksumHeader(Udp4()), UnfinishedFrame(Udp4())),
            SetOf({Offload::kChecksum}));
  EXPECT_EQ(needed(Tcp4()), SetOf({Offload::kChecksum, Offload::kTcp4}));
  EXPECT_EQ(needed(Tcp6()), SetOf({Offload::kChecksum, Offload::kTcp6}));
  EXPECT_EQ(needed(Udp4()), SetOf({Offload::kChecksum, Offload::kUdp4}));
  EXPECT_EQ(needed(Udp6()), SetOf({Offload::kChecksum, Offload::kUdp6}));
  IpPacket congested = Tcp4();
  congested.tcp_flags |= 0x80;
  EXPECT_EQ(needed(congested), SetOf({Offload::kChecksum, Offload::kTcp4, Offload::kTcpEcn}));
  IpPacket tagged = Udp6();
  tagged.tags = {kServiceTag, kTag};
  EXPECT_EQ(needed(tagged), SetOf({Offload::kChecksum, Offload::kUdp6}));
}

}  // namespace
}  // namespace tapswitch::offload_validation_test
