#include "ports/vhost_user/virtqueue.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace tapswitch {
namespace {

constexpr uint16_t kHasNext = 1;
constexpr uint16_t kDeviceWrites = 2;
constexpr uint16_t kIsIndirect = 4;

constexpr uint16_t kNoInterrupt = 1;  // flags of the available ring
constexpr uint16_t kNoNotify = 1;     // flags of the used ring

constexpr size_t kFlags = 0;
constexpr size_t kIndex = 2;
constexpr size_t kEntries = 4;
constexpr size_t kDescriptorSize = 16;
constexpr size_t kUsedSize = 8;

constexpr size_t kLine = 64;  // of a processor's cache

std::atomic_ref<uint16_t> At(std::byte* place) {
  return std::atomic_ref<uint16_t>(*reinterpret_cast<uint16_t*>(place));
}

// The compiler emits the instruction of reading where it builds for every x86-64, and a line that
// was fetched so has to be asked for again before it is written. Processors without this one pass
// over it.
void PrefetchToWrite(const std::byte* place) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*place));
#else
  __builtin_prefetch(place, 1);
#endif
}

}  // namespace

Virtqueue::Virtqueue(uint16_t size, const Rings& rings, const MemoryMap& memory, Features features)
    : size_(size), rings_(rings), memory_(&memory), features_(features) {
  next_ = used_ = published_ = At(rings_.used + kIndex).load(std::memory_order_acquire);
}

uint16_t Virtqueue::Available() {
  if (!fault_.empty()) return 0;
  const uint16_t index = At(rings_.available + kIndex).load(std::memory_order_acquire);
  const auto count = static_cast<uint16_t>(index - next_);
  if (count <= size_) return count;
  Break("the index of its available ring is more than the ring's size ahead");
  return 0;
}

uint16_t Virtqueue::HeadAt(unsigned index) const {
  const size_t slot = index & (size_ - 1U);
  return At(rings_.available + kEntries + 2 * slot).load(std::memory_order_relaxed);
}

std::optional<Virtqueue::Chain> Virtqueue::Take(Access access, BufferPieces& pieces) {
  const uint16_t head = HeadAt(next_);
  Chain chain{.head = head};
  if (head >= size_) {
    Break("an entry of its available ring is no descriptor of the ring");
    return std::nullopt;
  }
  if (!Walk(access, head, pieces, chain)) return std::nullopt;
  ++next_;
  return chain;
}

void Virtqueue::Prefetch(Access access, uint16_t ahead) const {
  const uint16_t later = HeadAt(next_ + 2 * ahead);
  if (later < size_) __builtin_prefetch(rings_.descriptors + kDescriptorSize * later);
  const uint16_t head = HeadAt(next_ + ahead);
  if (head >= size_) return;
  uint64_t address = 0;
  std::memcpy(&address, rings_.descriptors + kDescriptorSize * head, sizeof(address));
  size_t region = region_;
  const std::span<std::byte> bytes = memory_->FromGuest(address, region);
  if (bytes.size() <= kLine) return;
  // The header and the shortest frame are in two lines.
  if (access == Access::kRead) {
    __builtin_prefetch(bytes.data());
    __builtin_prefetch(bytes.data() + kLine);
  } else {
    PrefetchToWrite(bytes.data());
    PrefetchToWrite(bytes.data() + kLine);
  }
}

bool Virtqueue::Walk(Access access, uint32_t index, BufferPieces& pieces, Chain& chain) {
  Table table{.entries = rings_.descriptors, .count = size_};
  const size_t before = pieces.size();
  uint32_t steps = 0;
  for (;;) {
    if (++chain.steps > BufferPieces::kCapacity) {
      return Fail("a chain of descriptors has more than 1024");
    }
    if (steps++ == table.count) return Fail("a chain of descriptors is a loop");
    Descriptor descriptor;
    std::memcpy(&descriptor, table.entries + kDescriptorSize * index, sizeof(descriptor));
    // What was copied is what is checked: the compiler must not read it again.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if ((descriptor.flags & kIsIndirect) != 0) {
      if (!Enter(descriptor, table)) return false;
      index = 0;
      steps = 0;
      continue;
    }
    if (((descriptor.flags & kDeviceWrites) != 0) != (access == Access::kWrite)) {
      return Fail(access == Access::kRead
                      ? "a chain to be sent has a buffer to write to"
                      : "a chain for frames to the guest has a read-only buffer");
    }
    if (!AddPieces(descriptor, pieces)) return false;
    chain.bytes += descriptor.length;
    if ((descriptor.flags & kHasNext) == 0) {
      chain.steps = std::max(chain.steps, static_cast<uint32_t>(pieces.size() - before));
      return true;
    }
    index = descriptor.next;
    if (index >= table.count) return Fail("a descriptor's next one is outside of its table");
  }
}

bool Virtqueue::Enter(const Descriptor& descriptor, Table& table) {
  if (table.is_indirect) return Fail("an indirect table is inside of another");
  if (!features_.indirect) return Fail("it has an indirect table, which was not negotiated");
  if ((descriptor.flags & kHasNext) != 0) return Fail("an indirect descriptor has a next one");
  if (descriptor.length == 0 || descriptor.length % kDescriptorSize != 0) {
    return Fail("the length of an indirect table is no multiple of a descriptor's");
  }
  const uint32_t count = descriptor.length / kDescriptorSize;
  if (count > size_) return Fail("an indirect table is longer than the ring");
  const std::span<std::byte> bytes = memory_->FromGuest(descriptor.address, region_);
  if (bytes.size() < descriptor.length) return Fail("an indirect table is outside of its memory");
  table = {.entries = bytes.data(), .count = count, .is_indirect = true};
  return true;
}

// Regions that follow each other need not do so here.
bool Virtqueue::AddPieces(const Descriptor& descriptor, BufferPieces& pieces) {
  uint64_t address = descriptor.address;
  size_t left = descriptor.length;
  while (left > 0) {
    const std::span<std::byte> bytes = memory_->FromGuest(address, region_);
    if (bytes.empty()) return Fail("a buffer is outside of its memory");
    if (pieces.full()) return Fail("a chain of descriptors has more than 1024 pieces");
    const size_t part = std::min(left, bytes.size());
    pieces.push_back(bytes.first(part));
    left -= part;
    if (left > 0 && address + part < address) return Fail("a buffer is outside of its memory");
    address += part;
  }
  return true;
}

void Virtqueue::PushUsed(uint16_t head, uint32_t written) {
  const std::array<uint32_t, 2> entry{head, written};
  const size_t slot = used_ & (size_ - 1U);
  std::byte* const place = rings_.used + kEntries + kUsedSize * slot;
  std::memcpy(place, entry.data(), sizeof(entry));
  if (slot + 2 * kLine / kUsedSize < size_) PrefetchToWrite(place + 2 * kLine);
  ++used_;
}

bool Virtqueue::Publish() {
  const uint16_t before = published_;
  if (before == used_) return false;
  At(rings_.used + kIndex).store(used_, std::memory_order_release);
  published_ = used_;
  // The guest writes its wish, then looks at the index; here it is the other way round.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!features_.event_index) {
    return (At(rings_.available + kFlags).load(std::memory_order_relaxed) & kNoInterrupt) == 0;
  }
  const uint16_t event =
      At(rings_.available + kEntries + size_t{2} * size_).load(std::memory_order_relaxed);
  return static_cast<uint16_t>(used_ - event - 1U) < static_cast<uint16_t>(used_ - before);
}

// With an event index, the guest kicks when its index passes that: it has passed this one.
void Virtqueue::DisableKicks() {
  kicks_enabled_ = false;
  if (features_.event_index) {
    At(rings_.used + kEntries + kUsedSize * size_)
        .store(static_cast<uint16_t>(next_ - 1U), std::memory_order_relaxed);
  } else {
    At(rings_.used + kFlags).store(kNoNotify, std::memory_order_relaxed);
  }
}

bool Virtqueue::EnableKicks() {
  kicks_enabled_ = true;
  if (features_.event_index) {
    At(rings_.used + kEntries + kUsedSize * size_).store(next_, std::memory_order_relaxed);
  } else {
    At(rings_.used + kFlags).store(0, std::memory_order_relaxed);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return Available() > 0;
}

}  // namespace tapswitch
