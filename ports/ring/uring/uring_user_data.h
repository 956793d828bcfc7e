// The user_data of the entries of a UringQueue, by which a completion tells what has completed.

#pragma once

#include <cstdint>

#include "ports/ring/ring.h"

namespace tapswitch {

// user_data is a packed Tag, or begins with one of these bytes, which no Operation has.
inline constexpr uint8_t kPollMark = 0x80;
inline constexpr uint8_t kCancelMark = 0x81;
inline constexpr uint8_t kReceiveMark = 0x82;
inline constexpr uint8_t kAnswerMark = 0x83;

// Behind all but the mark of cancels: which file, and a sequence.
constexpr uint64_t UserData(uint8_t mark, FileSlot file, uint32_t sequence) {
  return mark | (uint64_t{file.value} << 8U) | (uint64_t{sequence} << 32U);
}

constexpr FileSlot FileOf(uint64_t user_data) {
  return {static_cast<uint32_t>(user_data >> 8U) & 0xFFFFFFU};
}

constexpr bool IsWrite(uint64_t user_data) {
  return static_cast<uint8_t>(user_data) == static_cast<uint8_t>(Operation::kWrite);
}

}  // namespace tapswitch
