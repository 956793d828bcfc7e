#include "ports/os/buffer_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::StatusOr<BufferMemory> BufferMemory::Allocate(size_t size) {
  void* const memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        fmt::format("{} bytes for receive buffers: {}", size, strerror(errno)));
  }
  // Kernels without huge pages refuse the advice, and need none.
  static_cast<void>(madvise(memory, size, MADV_NOHUGEPAGE));
  return BufferMemory({static_cast<std::byte*>(memory), size});
}

void BufferMemory::Release() const {
  // Fails only where pages are locked in memory, and then they are meant to stay.
  static_cast<void>(madvise(bytes_.data(), bytes_.size(), MADV_DONTNEED));
}

BufferMemory::~BufferMemory() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

}  // namespace tapswitch
