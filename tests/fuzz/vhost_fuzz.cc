// A hostile guest and its front end: whatever bytes are in the memory of a ring, chains lie in that
// memory and have an end, and a queue that is broken stays so; whatever messages come, the session
// serves or refuses them. In each input the first byte chooses. With TAPSWITCH_SCRIBBLE in the
// environment a second thread writes to the memory of the ring meanwhile, as a guest can; what is
// found then need not happen again with the same input.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "ports/vhost_user/message.h"
#include "ports/vhost_user/session.h"
#include "ports/vhost_user/virtqueue.h"

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

// Copies bytes of the memory to other places of it, so that what is written makes sense at times.
void Scribble() {
  for (uint32_t state = 1;; state = state * 1664525 + 1013904223) {
    const size_t to = (state >> 8U) % (kMemory - 16);
    const size_t from = (state >> 20U) % (kMemory - 16);
    std::memmove(memory.data() + to, memory.data() + from, 1 + state % 16);
  }
}

bool StartScribbling() {
  if (std::getenv("TAPSWITCH_SCRIBBLE") == nullptr) return false;
  std::thread(Scribble).detach();
  return true;
}

void FuzzQueue(std::span<const std::byte> input) {
  static const bool scribbles = StartScribbling();
  static_cast<void>(scribbles);
  memory.fill(std::byte{0});
  if (!input.empty()) std::memcpy(memory.data(), input.data(), std::min(kMemory, input.size()));
  const MemoryMap map({{.guest = kGuest, .user = 0, .bytes = std::span(memory).first(3000)},
                       {.guest = kGuest + 3000, .user = 0, .bytes = std::span(memory).last(1000)}});
  Virtqueue queue(kSize,
                  {.descriptors = memory.data(),
                   .available = memory.data() + kAvailable,
                   .used = memory.data() + kUsed},
                  map, {.event_index = true, .indirect = true});
  const auto pieces = std::make_unique<BufferPieces>();
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
        // As a guest does that writes while it is read, and as frames do.
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

FileDescriptor TestFile() {
  FileDescriptor file(memfd_create("fuzz", MFD_CLOEXEC));
  static_cast<void>(!ftruncate(file.get(), 1 << 16U));
  return file;
}

// Each message: request, number of files, size, payload.
void FuzzSession(std::span<const std::byte> input) {
  static const WakeEvent fault = WakeEvent::Create().value();
  VhostSession::Pairs pairs;
  for (int i = 0; i < 2; ++i) {
    pairs.push_back(std::make_unique<QueuePair>(WakeEvent::Create().value(), fault));
  }
  VhostSession session(pairs, 1500);
  while (input.size() > 3) {
    const auto request = std::to_integer<uint32_t>(input[0]);
    const auto count = std::to_integer<size_t>(input[1]) % 4;
    const size_t size = std::min(std::to_integer<size_t>(input[2]), input.size() - 3);
    std::array<std::byte, kVhostHeaderSize> bytes{};
    const std::array<uint32_t, 3> numbers{request, 1, static_cast<uint32_t>(size)};
    std::memcpy(bytes.data(), numbers.data(), sizeof(numbers));
    const auto header = ParseVhostHeader(bytes);
    Require(header.ok());
    const auto message = ParseVhostMessage(*header, input.subspan(3, size), count);
    input = input.subspan(3 + size);
    if (!message.ok()) continue;
    std::vector<FileDescriptor> files;
    for (size_t i = 0; i < count; ++i) files.push_back(TestFile());
    if (!session.Handle(*message, std::move(files)).ok()) session.Reset();
    static_cast<void>(session.TakeFaults());
    for (const auto& pair : pairs) static_cast<void>(pair->HasInput());
  }
  session.Reset();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  if (data[0] % 2 == 0) {
    FuzzQueue(input);
  } else {
    FuzzSession(input);
  }
  return 0;
}
