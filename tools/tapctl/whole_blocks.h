// Cuts a stream of pcapng blocks at the end of a block, so that a file of it is valid at any time.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tapswitch {

class WholeBlocks {
 public:
  // Adds bytes. Returns false if they are not pcapng: a block has an impossible length.
  [[nodiscard]] bool Append(std::string_view bytes) {
    waiting_ += bytes;
    while (waiting_.size() - whole_ >= kBlockHeader) {
      const uint32_t length = U32At(whole_ + sizeof(uint32_t));
      if (length < kLeastBlock || length > kMostBlock) return false;
      if (length > waiting_.size() - whole_) break;
      if (U32At(whole_) == kPacketBlock) ++packets_;
      if (U32At(whole_) == kStatisticsBlock) NoteStatistics(length);
      whole_ += length;
    }
    return true;
  }

  // Returns the complete blocks that were not taken yet.
  [[nodiscard]] std::string Take() {
    std::string whole = waiting_.substr(0, whole_);
    waiting_.erase(0, whole_);
    whole_ = 0;
    return whole;
  }

  // The number of packets in all complete blocks.
  [[nodiscard]] uint64_t packets() const { return packets_; }

  // The number of packets that were lost, of all interfaces, as far as the blocks tell.
  [[nodiscard]] uint64_t lost() const {
    uint64_t sum = 0;
    for (const auto& [interface, lost] : lost_) sum += lost;
    return sum;
  }

 private:
  static constexpr size_t kBlockHeader = 8;
  static constexpr uint32_t kLeastBlock = 12;
  static constexpr uint32_t kMostBlock = 16U << 20U;
  static constexpr uint32_t kPacketBlock = 6;
  static constexpr uint32_t kStatisticsBlock = 5;

  // Looks for the count of lost packets (isb_ifdrop) among the options of the block of this length
  // at whole_. A later block of an interface counts from the same beginning.
  void NoteStatistics(uint32_t length) {
    constexpr uint32_t kDropped = 5;
    constexpr size_t kOptions = 20;  // behind type, length, interface and time
    constexpr size_t kOptionHeader = 4;
    constexpr size_t kTrailer = 4;
    const size_t end = whole_ + length - kTrailer;
    for (size_t at = whole_ + kOptions; at + kOptionHeader <= end;) {
      const uint32_t code = U32At(at) & 0xFFFFU;
      const size_t size = U32At(at) >> 16U;
      if (code == 0) return;
      if (code == kDropped && size == sizeof(uint64_t) && at + kOptionHeader + size <= end) {
        lost_[U32At(whole_ + kBlockHeader)] =
            uint64_t{U32At(at + kOptionHeader + 4)} << 32U | U32At(at + kOptionHeader);
      }
      at += kOptionHeader + (size + 3) / 4 * 4;
    }
  }

  [[nodiscard]] uint32_t U32At(size_t at) const {
    uint32_t value = 0;
    for (size_t i = sizeof(value); i > 0; --i) {
      value = (value << 8U) | static_cast<uint8_t>(waiting_[at + i - 1]);
    }
    return value;
  }

  std::string waiting_;
  size_t whole_ = 0;  // bytes of waiting_ in complete blocks
  uint64_t packets_ = 0;
  std::map<uint32_t, uint64_t> lost_;  // by interface
};

}  // namespace tapswitch
