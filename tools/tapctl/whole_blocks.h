// Cuts a stream of pcapng blocks at the end of a block, so that a file of it is valid at any time.

#pragma once

#include <cstddef>
#include <cstdint>
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

 private:
  static constexpr size_t kBlockHeader = 8;
  static constexpr uint32_t kLeastBlock = 12;
  static constexpr uint32_t kMostBlock = 16U << 20U;
  static constexpr uint32_t kPacketBlock = 6;

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
};

}  // namespace tapswitch
