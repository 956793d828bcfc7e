// Reading and writing network byte order in frames.
//
// Precondition of all: the caller has checked the bounds.

#pragma once

#include <cstddef>
#include <cstdint>

namespace tapswitch {

[[nodiscard]] constexpr uint8_t LoadByte(const std::byte* at) { return static_cast<uint8_t>(*at); }

[[nodiscard]] constexpr uint16_t LoadBe16(const std::byte* at) {
  return static_cast<uint16_t>((static_cast<unsigned>(at[0]) << 8U) | static_cast<unsigned>(at[1]));
}

[[nodiscard]] constexpr uint32_t LoadBe32(const std::byte* at) {
  return (static_cast<uint32_t>(LoadBe16(at)) << 16U) | LoadBe16(at + 2);
}

[[nodiscard]] constexpr uint64_t LoadBe48(const std::byte* at) {
  return (static_cast<uint64_t>(LoadBe32(at)) << 16U) | LoadBe16(at + 4);
}

constexpr void StoreBe16(std::byte* at, uint16_t value) {
  at[0] = static_cast<std::byte>(value >> 8U);
  at[1] = static_cast<std::byte>(value);
}

constexpr void StoreBe32(std::byte* at, uint32_t value) {
  StoreBe16(at, static_cast<uint16_t>(value >> 16U));
  StoreBe16(at + 2, static_cast<uint16_t>(value));
}

constexpr void StoreBe48(std::byte* at, uint64_t value) {
  StoreBe32(at, static_cast<uint32_t>(value >> 16U));
  StoreBe16(at + 4, static_cast<uint16_t>(value));
}

}  // namespace tapswitch
