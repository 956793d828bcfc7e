// A stream of frames as a hostile peer would send it: whatever comes, in pieces of any size, frames
// that are found lie in what was received, one behind the other, and none is longer than allowed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "ports/socket/stream_framer.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

// The first byte says how large the pieces are that the rest comes in.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tapswitch::kMaxSocketFrame;
  using tapswitch::kStreamPrefixSize;
  if (size == 0) return 0;
  const size_t piece = 1 + size_t{data[0]} * data[0];
  const auto stream = std::as_bytes(std::span(data, size)).subspan(1);
  std::vector<std::byte> memory(kStreamPrefixSize + kMaxSocketFrame);
  tapswitch::StreamFramer framer(memory);
  size_t fed = 0;
  size_t found = 0;
  while (fed < stream.size() && !framer.bad_length()) {
    const auto room = framer.Room();
    Require(!room.empty());
    const size_t count = std::min({room.size(), piece, stream.size() - fed});
    std::memcpy(room.data(), stream.data() + fed, count);
    framer.Add(count);
    fed += count;
    while (const auto frame = framer.Next()) {
      Require(frame->size() <= kMaxSocketFrame);
      found += kStreamPrefixSize + frame->size();
      Require(found <= fed);
      const auto expected = stream.subspan(found - frame->size(), frame->size());
      Require(std::equal(frame->begin(), frame->end(), expected.begin()));
    }
  }
  Require(framer.between_frames() == (found == fed));
  return 0;
}
