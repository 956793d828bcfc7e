// Input: frames, each a virtio-net header (10 bytes), a length (2 bytes, big endian, capped by what
// is left), and the bytes. Whatever they are: joined as far as they go and cut again, they are what
// they were.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/wire/bytes.h"
#include "tests/support/finished_frames.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void Append(std::vector<Bytes>& to, const std::vector<Bytes>& some) {
  to.insert(to.end(), some.begin(), some.end());
}

// Those that a port would let in.
std::vector<OffloadedFrame> FramesFrom(std::span<const std::byte> input) {
  constexpr size_t kLengthSize = 2;
  std::vector<OffloadedFrame> frames;
  while (input.size() >= kVirtioNetHeaderSize + kLengthSize) {
    const auto claimed = ParseVirtioNetHeader(input.first<kVirtioNetHeaderSize>());
    input = input.subspan(kVirtioNetHeaderSize);
    const auto rest = input.subspan(kLengthSize);
    const auto bytes = rest.first(std::min<size_t>(LoadBe16(input.data()), rest.size()));
    input = rest.subspan(bytes.size());
    if (!claimed || bytes.size() < kEthernetHeaderSize) continue;
    const auto header = ValidateOffload(*claimed, bytes);
    if (header) frames.push_back({Bytes(bytes.begin(), bytes.end()), *header});
  }
  return frames;
}

void Check(std::span<const std::byte> input) {
  const auto frames = FramesFrom(input);
  std::vector<Bytes> expected;
  for (const OffloadedFrame& frame : frames) Append(expected, FinishedFrames(frame));
  std::vector<Bytes> actual;
  for (std::span<const OffloadedFrame> rest(frames); !rest.empty();) {
    const OffloadedFrame whole = JoinSome(rest);
    Require(ValidateOffload(whole.offload, whole.bytes) == whole.offload);
    Append(actual, FinishedFrames(whole));
  }
  Require(actual == expected);
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tapswitch::Check(std::as_bytes(std::span(data, size)));
  return 0;
}
