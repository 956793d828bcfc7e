// The receive buffers of one file, registered with io_uring (IORING_REGISTER_PBUF_RING). The kernel
// takes the next buffer for each frame that it reads.

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
  // Registers the buffers of `pool` that are not withheld as group `group`. `ring` and `pool` must
  // outlive the object.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ProvidedBuffers>> Create(
      io_uring& ring, uint16_t group, const BufferPool& pool);
  ~ProvidedBuffers();
  ProvidedBuffers(const ProvidedBuffers&) = delete;
  ProvidedBuffers& operator=(const ProvidedBuffers&) = delete;

  // Returns buffers to the kernel, which may write into them from now on.
  void Return(std::span<const BufferId> buffers);

  // Registers the group anew, with the buffers that are not withheld. Returns false if the kernel
  // has no memory; then the group has no buffers until Renew succeeds. Precondition: all buffers
  // are at home, and no operation uses the group.
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
