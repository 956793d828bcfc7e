// A pcapng file in words, for tests.

#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tapswitch {

// A block as it is in a file, as far as that has been written.
class PcapngBlock {
 public:
  static constexpr uint64_t kPacket = 6;  // an enhanced packet block

  PcapngBlock(std::string_view file, size_t at) : file_(file), at_(at) {}

  [[nodiscard]] bool is_end() const { return at_ >= file_.size(); }
  // False where the file ends before the block does.
  [[nodiscard]] bool is_whole() const {
    return at_ + 12 <= file_.size() && length() >= 12 && length() <= file_.size() - at_;
  }
  [[nodiscard]] uint64_t type() const { return Number(0, 4); }
  [[nodiscard]] uint64_t length() const { return Number(4, 4); }
  // In the order of bytes of this machine, as the switch writes it.
  [[nodiscard]] uint64_t Number(size_t offset, size_t size) const {
    uint64_t value = 0;
    for (size_t i = size; i > 0; --i) {
      value = (value << 8U) | static_cast<uint8_t>(file_.at(at_ + offset + i - 1));
    }
    return value;
  }
  [[nodiscard]] std::string Text(size_t offset, size_t size) const {
    return std::string(file_.substr(at_ + offset, size));
  }
  // The frame of a packet block.
  [[nodiscard]] std::string_view frame() const { return file_.substr(at_ + 28, Number(20, 4)); }
  [[nodiscard]] PcapngBlock next() const { return {file_, at_ + length()}; }

 private:
  std::string_view file_;
  size_t at_;
};

// Each block in words: "section", "interface NAME", "packet INTERFACE LENGTH [lost N] [# COMMENT]",
// "statistics INTERFACE [seen N] lost N".
inline std::vector<std::string> PcapngBlocks(const std::string& file) {
  std::vector<std::string> blocks;
  for (PcapngBlock block(file, 0); !block.is_end(); block = block.next()) {
    EXPECT_TRUE(block.is_whole());
    if (!block.is_whole()) break;
    EXPECT_EQ(block.Number(block.length() - 4, 4), block.length());
    const uint64_t type = block.type();
    const auto number = [&](size_t at) { return std::to_string(block.Number(at, 8)); };
    const auto word = [&](size_t at) { return std::to_string(block.Number(at, 4)); };
    // The words for the fixed part of the block, and the place of the options behind it.
    std::string words = "section";
    size_t options = 24;
    if (type == 1) {
      words = "interface";
      options = 16;
    } else if (type == PcapngBlock::kPacket) {
      words = "packet " + word(8) + " " + word(24);
      options = 28 + (block.Number(20, 4) + 3) / 4 * 4;
    } else if (type == 5) {
      words = "statistics " + word(8);
      options = 20;
    }
    for (uint64_t code = block.Number(options, 2); code != 0; code = block.Number(options, 2)) {
      const uint64_t size = block.Number(options + 2, 2);
      const size_t value = options + 4;
      if (type == 1 && code == 2) words += " " + block.Text(value, size);
      if (type == 6 && code == 1) words += " # " + block.Text(value, size);
      if (type == 6 && code == 4) words += " lost " + number(value);
      if (type == 5 && code == 4) words += " seen " + number(value);
      if (type == 5 && code == 5) words += " lost " + number(value);
      options = value + (size + 3) / 4 * 4;
    }
    blocks.push_back(words);
  }
  return blocks;
}

}  // namespace tapswitch
