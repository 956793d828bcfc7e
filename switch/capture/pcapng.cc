#include "switch/capture/pcapng.h"

namespace tapswitch::pcapng {
namespace {

constexpr uint32_t kByteOrderMagic = 0x1A2B3C4D;
constexpr uint16_t kLinkTypeEthernet = 1;
constexpr size_t kAlignment = 4;

enum Option : uint16_t {
  kEndOfOptions = 0,
  kComment = 1,      // of any block
  kApplication = 4,  // of a section
  kName = 2,         // of an interface
  kResolution = 9,
  kFlags = 2,  // of a packet
  kDropCount = 4,
  kStartTime = 2,  // of statistics
  kEndTime = 3,
  kReceived = 4,
  kDropped = 5,
  kFilterAccept = 6,
};

// Bits 0 and 1 of kFlags.
constexpr uint32_t kInbound = 1;
constexpr uint32_t kOutbound = 2;

constexpr uint8_t kNanoseconds = 9;  // 10^-9 seconds

// Appends one block, which is complete when this object is destroyed.
class Block {
 public:
  Block(uint32_t type, std::string& out) : out_(out), start_(out.size()) {
    U32(type);
    U32(0);  // its length, which is not known yet
  }
  ~Block() {
    const auto length = static_cast<uint32_t>(out_.size() - start_ + sizeof(uint32_t));
    U32(length);
    for (size_t i = 0; i < sizeof(length); ++i) {
      out_[start_ + sizeof(uint32_t) + i] = static_cast<char>(length >> (8 * i));
    }
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  Block& U16(uint16_t value) { return Number(value, sizeof(value)); }
  Block& U32(uint32_t value) { return Number(value, sizeof(value)); }
  Block& U64(uint64_t value) { return Number(value, sizeof(value)); }
  // A time stamp is written as its upper and its lower half.
  Block& Time(uint64_t time) {
    return U32(static_cast<uint32_t>(time >> 32U)).U32(static_cast<uint32_t>(time));
  }
  Block& Bytes(std::string_view bytes) {
    out_.append(bytes);
    while ((out_.size() - start_) % kAlignment != 0) out_.push_back('\0');
    return *this;
  }

  Block& Text(Option option, std::string_view text) {
    return U16(option).U16(static_cast<uint16_t>(text.size())).Bytes(text);
  }
  Block& Counter(Option option, uint64_t value) {
    return U16(option).U16(sizeof(value)).U64(value);
  }
  Block& Stamp(Option option, uint64_t time) { return U16(option).U16(sizeof(time)).Time(time); }
  Block& EndOptions() { return U16(kEndOfOptions).U16(0); }

 private:
  Block& Number(uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) out_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }

  std::string& out_;
  size_t start_;
};

}  // namespace

void AppendSectionHeader(std::string_view application, std::string& out) {
  constexpr uint64_t kUnknownLength = ~uint64_t{0};
  Block block(kSectionHeaderBlock, out);
  block.U32(kByteOrderMagic).U16(1).U16(0);  // version 1.0
  block.U64(kUnknownLength).Text(kApplication, application).EndOptions();
}

void AppendInterface(std::string_view name, uint32_t snap_length, std::string& out) {
  Block block(kInterfaceBlock, out);
  block.U16(kLinkTypeEthernet).U16(0).U32(snap_length).Text(kName, name);
  constexpr char kResolutionText = kNanoseconds;
  block.Text(kResolution, {&kResolutionText, 1}).EndOptions();
}

void AppendPacket(const Packet& packet, std::string& out) {
  Block block(kPacketBlock, out);
  block.U32(packet.interface).Time(packet.time);
  block.U32(static_cast<uint32_t>(packet.bytes.size())).U32(packet.length);
  block.Bytes({reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()});
  block.U16(kFlags).U16(sizeof(uint32_t)).U32(packet.outbound ? kOutbound : kInbound);
  if (packet.lost != 0) block.Counter(kDropCount, packet.lost);
  if (!packet.comment.empty()) block.Text(kComment, packet.comment);
  block.EndOptions();
}

void AppendStatistics(const Statistics& statistics, std::string& out) {
  Block block(kStatisticsBlock, out);
  block.U32(statistics.interface).Time(statistics.time);
  block.Stamp(kStartTime, statistics.start).Stamp(kEndTime, statistics.time);
  if (statistics.received) block.Counter(kReceived, *statistics.received);
  block.Counter(kDropped, statistics.lost);
  if (statistics.filtered) block.Counter(kFilterAccept, *statistics.filtered);
  block.EndOptions();
}

}  // namespace tapswitch::pcapng
