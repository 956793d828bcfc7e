#include "ports/ring/buffer_pool.h"

#include "ports/os/check.h"
#include "ports/ring/address_sanitizer.h"

#if defined(TAPSWITCH_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#endif

namespace tapswitch {
namespace {

void Poison([[maybe_unused]] const std::byte* at, [[maybe_unused]] size_t size) {
#if defined(TAPSWITCH_ADDRESS_SANITIZER)
  __asan_poison_memory_region(at, size);
#endif
}

void Unpoison([[maybe_unused]] const std::byte* at, [[maybe_unused]] size_t size) {
#if defined(TAPSWITCH_ADDRESS_SANITIZER)
  __asan_unpoison_memory_region(at, size);
#endif
}

}  // namespace

BufferPool::BufferPool(std::span<std::byte> memory, BufferId count, size_t size, size_t stride,
                       size_t headroom)
    : memory_(memory),
      size_(size),
      stride_(stride),
      headroom_(headroom),
      is_out_(count, false),
      is_withheld_(count, false) {
  TAPSWITCH_CHECK(memory.size() >= count * stride && stride >= headroom + size);
  Poison(memory_.data(), memory_.size());
  for (BufferId id = 0; id < count && headroom > 0; ++id) {
    Unpoison(address(id) - headroom, headroom);
  }
}

BufferPool::~BufferPool() {
  TAPSWITCH_CHECK(out_ == 0);
  Unpoison(memory_.data(), memory_.size());
}

std::span<std::byte> BufferPool::TakeOut(BufferId id, size_t length) {
  TAPSWITCH_CHECK(id < count() && !is_out_[id] && length <= size_);
  is_out_[id] = true;
  ++out_;
  Unpoison(address(id), length);
  return {address(id), length};
}

void BufferPool::BringHome(BufferId id) {
  TAPSWITCH_CHECK(id < count() && is_out_[id]);
  is_out_[id] = false;
  --out_;
  Poison(address(id), size_);
}

}  // namespace tapswitch
