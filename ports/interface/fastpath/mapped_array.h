// A BPF array that is mapped into the memory of the switch, and of the kernel's programs.

#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapswitch {

template <typename Element>
class MappedArray {
 public:
  // `map` is a BPF_MAP_TYPE_ARRAY of `count` such elements with BPF_F_MMAPABLE; it may be closed
  // afterwards.
  [[nodiscard]] static absl::StatusOr<MappedArray> Map(int map, size_t count) {
    void* const start =
        mmap(nullptr, count * sizeof(Element), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (start == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping a BPF array");
    return MappedArray({static_cast<Element*>(start), count});
  }
  ~MappedArray() {
    if (!elements_.empty()) munmap(elements_.data(), elements_.size_bytes());
  }
  MappedArray(MappedArray&& other) noexcept : elements_(std::exchange(other.elements_, {})) {}
  MappedArray& operator=(MappedArray&&) = delete;
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;

  [[nodiscard]] Element& operator[](size_t index) const { return elements_[index]; }

 private:
  explicit MappedArray(std::span<Element> elements) : elements_(elements) {}

  std::span<Element> elements_;
};

}  // namespace tapswitch
