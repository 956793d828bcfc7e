// Fixed receive buffers of one reader, and the account of who holds them.
//
// A buffer is at home (the kernel may write into it, or it lies idle) or out (its bytes are a frame
// in the current turn). Nothing else exists, so the sum is simple:
//     count = home + out, and out == 0 between turns and at exit.
// Every build checks this account (ports/os/check.h): the process ends where it is wrong.
// The memory is the caller's, who knows how to get pages from the system; this class stays pure.
//
// Sanitizers do not see what the kernel writes, so buffers at home are poisoned explicitly: in a
// build with AddressSanitizer, a frame that is used after its buffer went home is reported.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tapswitch {

using BufferId = uint16_t;

class BufferPool {
 public:
  // `memory` holds `count` buffers of `stride` bytes each, of which the first `size` bytes are
  // used. A stride that is not a multiple of the page size spreads the headers of consecutive
  // frames over the sets of the first-level cache.
  // In front of each buffer, `headroom` bytes are free for its reader.
  // Precondition: memory.size() >= count * stride, stride >= headroom + size, count <= 32768.
  BufferPool(std::span<std::byte> memory, BufferId count, size_t size, size_t stride,
             size_t headroom = 0);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  [[nodiscard]] BufferId count() const { return static_cast<BufferId>(is_out_.size()); }
  [[nodiscard]] size_t buffer_size() const { return size_; }
  [[nodiscard]] size_t out() const { return out_; }

  // The address of buffer `id`, for registration with the kernel. The buffer must not be read while
  // it is at home.
  [[nodiscard]] std::byte* address(BufferId id) const {
    return memory_.data() + headroom_ + id * stride_;
  }

  // Takes buffer `id`, which now holds `length` bytes, out of its home and returns those bytes.
  // Precondition: the buffer is at home, length <= buffer_size().
  std::span<std::byte> TakeOut(BufferId id, size_t length);

  // Returns a buffer to its home. Precondition: it is out.
  void BringHome(BufferId id);

  // Marks a buffer that its owner keeps at home for now. Code that hands buffers to the kernel
  // skips it.
  void Withhold(BufferId id) { is_withheld_[id] = true; }
  void StopWithholding(BufferId id) { is_withheld_[id] = false; }
  [[nodiscard]] bool is_withheld(BufferId id) const { return is_withheld_[id]; }

 private:
  std::span<std::byte> memory_;
  size_t size_;
  size_t stride_;
  size_t headroom_;
  size_t out_ = 0;
  std::vector<bool> is_out_;
  std::vector<bool> is_withheld_;
};

}  // namespace tapswitch
