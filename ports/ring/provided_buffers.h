// The buffers of one file, handed to io_uring: the kernel takes the next of them for each frame
// that it reads (IORING_REGISTER_PBUF_RING).

#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "ports/ring/buffer_pool.h"

namespace tapswitch {

class ProvidedBuffers {
 public:
  // Registers all buffers of `pool` that are not withheld as group `group`. `ring` and `pool` outlive it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ProvidedBuffers>> Create(
      io_uring& ring, uint16_t group, const BufferPool& pool);
  ~ProvidedBuffers();
  ProvidedBuffers(const ProvidedBuffers&) = delete;
  ProvidedBuffers& operator=(const ProvidedBuffers&) = delete;

  // From here on the kernel may write into them.
  void Return(std::span<const BufferId> buffers);

  // Registers the group anew, with all of its buffers that are not withheld. False when the kernel has no memory for it;
  // then it has no buffer, until Renew succeeds. Precondition: all are at home, and no operation uses
  // the group.
  [[nodiscard]] bool Renew();

 private:
  ProvidedBuffers(io_uring& ring, uint16_t group, const BufferPool& pool);

  // Returns 0, or -errno.
  [[nodiscard]] int Register();

  io_uring& ring_;
  const BufferPool& pool_;
  uint16_t group_;
  uint32_t entries_;  // a power of two, as the kernel demands
  io_uring_buf_ring* shared_ = nullptr;
};

}  // namespace tapswitch
