// Builds Ethernet frames for tests, byte by byte, in the order of the wire.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class FrameBuilder {
 public:
  FrameBuilder(MacAddress destination, MacAddress source) {
    Bytes(destination.bytes());
    Bytes(source.bytes());
  }

  FrameBuilder& Tag(EtherType protocol, uint16_t control) {
    return U16(static_cast<uint16_t>(protocol)).U16(control);
  }
  FrameBuilder& Type(EtherType type) { return U16(static_cast<uint16_t>(type)); }
  FrameBuilder& Length(uint16_t length) { return U16(length); }

  FrameBuilder& U8(uint8_t value) {
    bytes_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  FrameBuilder& U16(uint16_t value) {
    return U8(static_cast<uint8_t>(value >> 8U)).U8(static_cast<uint8_t>(value));
  }
  FrameBuilder& U32(uint32_t value) {
    return U16(static_cast<uint16_t>(value >> 16U)).U16(static_cast<uint16_t>(value));
  }
  FrameBuilder& Bytes(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  FrameBuilder& Text(std::string_view text) { return Bytes(std::as_bytes(std::span(text))); }

  // Appends zeros until the frame has `size` bytes.
  FrameBuilder& Pad(size_t size) {
    if (bytes_.size() < size) bytes_.resize(size);
    return *this;
  }

  [[nodiscard]] std::vector<std::byte> Build() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace tapswitch
