// Memory pages for receive buffers.

#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "absl/status/statusor.h"

namespace tapswitch {

// Anonymous, zeroed memory, which the system provides page by page when it is touched. Huge pages
// are disabled: mostly the first page of a large buffer is used, and an idle port should cost next
// to nothing.
class BufferMemory {
 public:
  // Returns ResourceExhausted when the system has no memory left. Precondition: size > 0.
  [[nodiscard]] static absl::StatusOr<BufferMemory> Allocate(size_t size);

  ~BufferMemory();
  BufferMemory(BufferMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  BufferMemory& operator=(BufferMemory&&) = delete;
  BufferMemory(const BufferMemory&) = delete;
  BufferMemory& operator=(const BufferMemory&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

  // Gives the pages back to the system. Their contents are lost; they read as zeros afterwards.
  void Release() const;

 private:
  explicit BufferMemory(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

}  // namespace tapswitch
