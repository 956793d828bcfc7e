// A pcapng file in words, for tests.

#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tapswitch {

// Each block in words: "section", "interface NAME", "packet INTERFACE LENGTH [lost N] [# COMMENT]",
// "statistics INTERFACE [seen N] lost N".
inline std::vector<std::string> PcapngBlocks(const std::string& file) {
  std::vector<std::string> blocks;
  const auto number = [&](size_t at, size_t size) {
    uint64_t value = 0;
    for (size_t i = size; i > 0; --i) {
      value = (value << 8U) | static_cast<uint8_t>(file.at(at + i - 1));
    }
    return value;
  };
  const auto text = [&](size_t at, size_t size) { return std::to_string(number(at, size)); };
  for (size_t at = 0; at < file.size();) {
    const uint64_t type = number(at, 4);
    const uint64_t length = number(at + 4, 4);
    EXPECT_EQ(number(at + length - 4, 4), length);
    // The words for the fixed part of the block, and the place of the options behind it.
    std::string words = "section";
    size_t options = at + 24;
    if (type == 1) {
      words = "interface";
      options = at + 16;
    } else if (type == 6) {
      words = "packet " + text(at + 8, 4) + " " + text(at + 24, 4);
      options = at + 28 + (number(at + 20, 4) + 3) / 4 * 4;
    } else if (type == 5) {
      words = "statistics " + text(at + 8, 4);
      options = at + 20;
    }
    for (uint64_t code = number(options, 2); code != 0; code = number(options, 2)) {
      const uint64_t size = number(options + 2, 2);
      if (type == 1 && code == 2) words += " " + file.substr(options + 4, size);
      if (type == 6 && code == 1) words += " # " + file.substr(options + 4, size);
      if (type == 6 && code == 4) words += " lost " + text(options + 4, 8);
      if (type == 5 && code == 4) words += " seen " + text(options + 4, 8);
      if (type == 5 && code == 5) words += " lost " + text(options + 4, 8);
      options += 4 + (size + 3) / 4 * 4;
    }
    blocks.push_back(words);
    at += length;
  }
  return blocks;
}

}  // namespace tapswitch
