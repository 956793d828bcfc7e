// A hostile guest: whatever bytes are in the memory of a ring, chains lie in that memory and have
// an end, and a queue that is broken stays so. With TAPSWITCH_SCRIBBLE in the environment the
// memory changes meanwhile (scribbler.h).

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>

#include "ports/vhost_user/virtqueue.h"
#include "tests/support/scribbler.h"

namespace {

using namespace tapswitch;

void Require(bool condition) {
  if (!condition) std::abort();
}

constexpr uint16_t kSize = 16;
constexpr size_t kMemory = 4096;
constexpr size_t kAvailable = 1024;
constexpr size_t kUsed = 2048;
constexpr uint64_t kGuest = 0x1000;

alignas(64) std::array<std::byte, kMemory> memory;

void FuzzQueue(std::span<const std::byte> input) {
  static std::once_flag once;
  std::call_once(once, [] { ScribbleIfAsked(memory); });
  memory.fill(std::byte{0});
  if (!input.empty()) std::memcpy(memory.data(), input.data(), std::min(kMemory, input.size()));
  const MemoryMap map({{.guest = kGuest, .user = 0, .bytes = std::span(memory).first(3000)},
                       {.guest = kGuest + 3000, .user = 0, .bytes = std::span(memory).last(1000)}});
  Virtqueue queue(kSize,
                  {.descriptors = memory.data(),
                   .available = memory.data() + kAvailable,
                   .used = memory.data() + kUsed},
                  map, {.event_index = true, .indirect = true});
  static const auto pieces = std::make_unique<BufferPieces>();
  for (int turn = 0; turn < 4; ++turn) {
    for (uint16_t waiting = queue.Available(); waiting > 0; --waiting) {
      pieces->clear();
      const auto access = turn % 2 == 0 ? Virtqueue::Access::kRead : Virtqueue::Access::kWrite;
      const auto chain = queue.Take(access, *pieces);
      Require(chain.has_value() == queue.fault().empty());
      if (!chain) break;
      size_t sum = 0;
      for (const std::span<std::byte> piece : pieces->all()) {
        Require(piece.data() >= memory.data());
        Require(piece.data() + piece.size() <= memory.data() + memory.size());
        sum += piece.size();
        // A guest writes while its memory is read, and so do frames.
        if (access == Virtqueue::Access::kWrite)
          std::fill(piece.begin(), piece.end(), std::byte{7});
      }
      Require(sum == chain->bytes);
      queue.PushUsed(chain->head, static_cast<uint32_t>(sum));
    }
    static_cast<void>(queue.Publish());
    static_cast<void>(queue.EnableKicks());
    queue.DisableKicks();
    if (!queue.fault().empty()) Require(queue.Available() == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzQueue(std::as_bytes(std::span(data, size)));
  return 0;
}
