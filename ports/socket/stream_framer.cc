#include "ports/socket/stream_framer.h"

#include <cstring>

namespace tapswitch {

std::array<std::byte, kStreamPrefixSize> StreamPrefix(size_t frame_size) {
  std::array<std::byte, kStreamPrefixSize> prefix{};
  for (size_t i = 0; i < prefix.size(); ++i) {
    prefix[i] = static_cast<std::byte>(frame_size >> (8 * (prefix.size() - 1 - i)));
  }
  return prefix;
}

std::span<std::byte> StreamFramer::Room() {
  if (begin_ > 0) {
    std::memmove(memory_.data(), memory_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return memory_.subspan(end_);
}

std::optional<std::span<const std::byte>> StreamFramer::Next() {
  const std::span<const std::byte> rest = memory_.subspan(begin_, end_ - begin_);
  if (rest.size() < kStreamPrefixSize || bad_length_) return std::nullopt;
  const auto length = static_cast<uint32_t>(FrameSizeIn(rest.first<kStreamPrefixSize>()));
  if (length > kMaxSocketFrame) {
    bad_length_ = length;
    return std::nullopt;
  }
  if (rest.size() < kStreamPrefixSize + length) return std::nullopt;
  begin_ += kStreamPrefixSize + length;
  return rest.subspan(kStreamPrefixSize, length);
}

void StreamFramer::Reset() {
  begin_ = 0;
  end_ = 0;
  bad_length_.reset();
}

}  // namespace tapswitch
