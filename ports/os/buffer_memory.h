// Pages for receive buffers.

#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "absl/status/statusor.h"

namespace tapswitch {

// Anonymous memory, zeroed, that the system provides page by page as it is touched. Huge pages are
// declined: of a large buffer mostly the first page is used, and an idle port is to cost next to
// nothing.
class BufferMemory {
 public:
  // Precondition: size > 0. ResourceExhausted when the system has none.
  [[nodiscard]] static absl::StatusOr<BufferMemory> Allocate(size_t size);

  ~BufferMemory();
  BufferMemory(BufferMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  BufferMemory& operator=(BufferMemory&&) = delete;
  BufferMemory(const BufferMemory&) = delete;
  BufferMemory& operator=(const BufferMemory&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

  // Gives the pages back; what was in them is gone, and zeros are there instead.
  void Release() const;

 private:
  explicit BufferMemory(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

}  // namespace tapswitch
