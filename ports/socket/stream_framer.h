// Frames in a stream of bytes, as QEMU's `-netdev stream` has them: each behind its length, 4 bytes
// in network byte order. What has been read stands in one piece of memory until whole frames can be
// taken from it; pieces may be cut anywhere.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tapswitch {

inline constexpr size_t kStreamPrefixSize = 4;

// The longest frame that a socket carries: an MTU of 65535, an Ethernet header and a VLAN tag. QEMU
// itself takes frames of up to 69632 bytes, but no network card that it emulates sends more than
// this. A greater length is no length: whoever sends it is out of step.
inline constexpr size_t kMaxSocketFrame = 65535 + 14 + 4;

[[nodiscard]] std::array<std::byte, kStreamPrefixSize> StreamPrefix(size_t frame_size);

class StreamFramer {
 public:
  // Frames are found in `memory`, which outlives the framer.
  // Precondition: memory.size() >= kStreamPrefixSize + kMaxSocketFrame.
  explicit StreamFramer(std::span<std::byte> memory) : memory_(memory) {}

  // Where the next bytes of the stream go; then Add says how many. Frames handed out before are
  // gone. Not empty once Next has said that no whole frame is left.
  [[nodiscard]] std::span<std::byte> Room();
  void Add(size_t count) { end_ += count; }

  // The next frame, which may have any size up to kMaxSocketFrame, 0 included; nothing when there
  // is none, because its end is still to come or because the stream is out of step.
  [[nodiscard]] std::optional<std::span<const std::byte>> Next();

  // The length that no frame has, and behind which nothing can be found any more.
  [[nodiscard]] std::optional<uint32_t> bad_length() const { return bad_length_; }
  // The stream could end here, with no frame cut off.
  [[nodiscard]] bool between_frames() const { return begin_ == end_; }

  // A new stream begins.
  void Reset();

 private:
  std::span<std::byte> memory_;
  size_t begin_ = 0;  // of what has been added and not been handed out
  size_t end_ = 0;
  std::optional<uint32_t> bad_length_;
};

}  // namespace tapswitch
