#include "ports/ring/provided_buffers.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>

#include "absl/status/status.h"

namespace tapswitch {

absl::StatusOr<std::unique_ptr<ProvidedBuffers>> ProvidedBuffers::Create(io_uring& ring,
                                                                         uint16_t group,
                                                                         const BufferPool& pool) {
  std::unique_ptr<ProvidedBuffers> buffers(new ProvidedBuffers(ring, group, pool));
  // The kernel wants whole pages.
  void* memory = mmap(nullptr, buffers->entries_ * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "mmap of a buffer ring");
  buffers->shared_ = static_cast<io_uring_buf_ring*>(memory);
  if (const int result = buffers->Register(); result < 0) {
    return absl::ErrnoToStatus(-result, "io_uring_register_buf_ring");
  }
  return buffers;
}

int ProvidedBuffers::Register() {
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uintptr_t>(shared_);
  registration.ring_entries = entries_;
  registration.bgid = group_;
  io_uring_buf_ring_init(shared_);
  if (const int result = io_uring_register_buf_ring(&ring_, &registration, 0); result < 0) {
    return result;
  }
  for (BufferId id = 0; id < pool_.count(); ++id) {
    if (!pool_.is_withheld(id)) Return({&id, 1});
  }
  return 0;
}

bool ProvidedBuffers::Renew() {
  io_uring_unregister_buf_ring(&ring_, group_);
  return Register() == 0;
}

ProvidedBuffers::ProvidedBuffers(io_uring& ring, uint16_t group, const BufferPool& pool)
    : ring_(ring), pool_(pool), group_(group), entries_(std::bit_ceil(uint32_t{pool.count()})) {}

ProvidedBuffers::~ProvidedBuffers() {
  if (shared_ == nullptr) return;
  io_uring_unregister_buf_ring(&ring_, group_);
  munmap(shared_, entries_ * sizeof(io_uring_buf));
}

void ProvidedBuffers::Return(std::span<const BufferId> buffers) {
  const int mask = io_uring_buf_ring_mask(entries_);
  int offset = 0;
  for (const BufferId id : buffers) {
    io_uring_buf_ring_add(shared_, pool_.address(id), static_cast<unsigned>(pool_.buffer_size()),
                          id, mask, offset++);
  }
  io_uring_buf_ring_advance(shared_, offset);
}

}  // namespace tapswitch
