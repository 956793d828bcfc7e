// Finds the frames in a stream of bytes, in the format of QEMU's `-netdev stream`: each frame
// follows its length, 4 bytes in network byte order. The bytes stay in one piece of memory until
// whole frames can be taken. The stream may arrive in pieces of any size.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tapswitch {

inline constexpr size_t kStreamPrefixSize = 4;

// The longest frame that a socket carries: an MTU of 65535, an Ethernet header and a VLAN tag. QEMU
// accepts frames of up to 69632 bytes, but no network card that it emulates sends more than this. A
// greater length is invalid, and means that the sender is out of step.
inline constexpr size_t kMaxSocketFrame = 65535 + 14 + 4;

[[nodiscard]] std::array<std::byte, kStreamPrefixSize> StreamPrefix(size_t frame_size);

// The size that a prefix announces.
[[nodiscard]] constexpr size_t FrameSizeIn(std::span<const std::byte, kStreamPrefixSize> prefix) {
  size_t size = 0;
  for (const std::byte byte : prefix) size = size << 8U | std::to_integer<size_t>(byte);
  return size;
}

class StreamFramer {
 public:
  // Uses `memory`, which must outlive the framer.
  // Precondition: memory.size() >= kStreamPrefixSize + kMaxSocketFrame.
  explicit StreamFramer(std::span<std::byte> memory) : memory_(memory) {}

  // The place for the next bytes of the stream; Add then says how many were stored. Frames that
  // Next returned become invalid. Not empty after Next has returned nothing.
  [[nodiscard]] std::span<std::byte> Room();
  void Add(size_t count) { end_ += count; }

  // The next frame, of any size up to kMaxSocketFrame, 0 included. Nothing if its end is still to
  // come, or if the stream is out of step.
  [[nodiscard]] std::optional<std::span<const std::byte>> Next();

  // The invalid length that put the stream out of step. Nothing can be found behind it.
  [[nodiscard]] std::optional<uint32_t> bad_length() const { return bad_length_; }
  // Whether the stream could end here without cutting a frame.
  [[nodiscard]] bool between_frames() const { return begin_ == end_; }

  // The bytes that were added but not handed out.
  [[nodiscard]] std::span<const std::byte> rest() const {
    return memory_.subspan(begin_, end_ - begin_);
  }

  // Begins a new stream.
  void Reset();

 private:
  std::span<std::byte> memory_;
  size_t begin_ = 0;  // of the bytes that were added but not handed out
  size_t end_ = 0;
  std::optional<uint32_t> bad_length_;
};

}  // namespace tapswitch
