// The driver's side of a ring of virtio, in memory that is shared with the device.

#pragma once

#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "ports/os/file_descriptor.h"
#include "ports/vhost_user/message.h"

namespace tapswitch {

// A memory file that is mapped, and is the whole memory of the guest.
class SharedTestMemory {
 public:
  static constexpr uint64_t kGuest = 0x1000'0000;
  static constexpr uint64_t kUser = 0x7000'0000'0000;

  explicit SharedTestMemory(size_t size) : fd_(memfd_create("guest", MFD_CLOEXEC)), size_(size) {
    if (!fd_.valid() || ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      throw std::runtime_error("memfd");
    }
    void* const start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (start == MAP_FAILED) throw std::runtime_error("mmap");
    start_ = static_cast<std::byte*>(start);
  }
  ~SharedTestMemory() { munmap(start_, size_); }
  SharedTestMemory(const SharedTestMemory&) = delete;
  SharedTestMemory& operator=(const SharedTestMemory&) = delete;

  [[nodiscard]] std::byte* at(size_t offset) const { return start_ + offset; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] VhostRegion region() const {
    return {.guest_address = kGuest, .size = size_, .user_address = kUser, .file_offset = 0};
  }

 private:
  FileDescriptor fd_;
  size_t size_;
  std::byte* start_ = nullptr;
};

// The driver's side of a ring at a place in that memory.
class DriverRing {
 public:
  struct Descriptor {
    uint64_t address = 0;
    uint32_t length = 0;
    uint16_t flags = 0;
    uint16_t next = 0;
  };
  static constexpr uint16_t kNext = 1;
  static constexpr uint16_t kWrite = 2;
  static constexpr uint16_t kIndirect = 4;
  // Bytes that a ring takes.
  static constexpr size_t kStride = 0x10000;

  DriverRing(const SharedTestMemory& memory, size_t offset, uint16_t size)
      : memory_(&memory), offset_(offset), size_(size) {}

  [[nodiscard]] uint16_t size() const { return size_; }
  [[nodiscard]] size_t descriptors() const { return offset_; }
  [[nodiscard]] size_t available() const { return offset_ + 0x8000; }
  [[nodiscard]] size_t used() const { return offset_ + 0xA000; }

  void Describe(uint16_t index, const Descriptor& descriptor) const {
    std::memcpy(memory_->at(descriptors() + size_t{16} * index), &descriptor, sizeof(descriptor));
  }
  // Makes a chain available.
  void Offer(uint16_t head) {
    SetEntry(next_, head);
    ++next_;
    SetIndex(next_);
  }
  void SetEntry(uint16_t index, uint16_t head) const {
    std::memcpy(memory_->at(available() + 4 + size_t{2} * (index % size_)), &head, sizeof(head));
  }
  void SetIndex(uint16_t index) const {
    Atomic(available() + 2).store(index, std::memory_order_seq_cst);
  }
  // Wants no calls, as a driver that polls.
  void SuppressCalls() const { Atomic(available()).store(1, std::memory_order_seq_cst); }
  [[nodiscard]] uint16_t used_index() const {
    return Atomic(used() + 2).load(std::memory_order_seq_cst);
  }
  [[nodiscard]] uint16_t used_flags() const {
    return Atomic(used()).load(std::memory_order_seq_cst);
  }
  // Head and bytes of a used entry.
  [[nodiscard]] std::pair<uint32_t, uint32_t> UsedEntry(uint16_t index) const {
    std::array<uint32_t, 2> entry{};
    std::memcpy(entry.data(), memory_->at(used() + 4 + size_t{8} * (index % size_)), sizeof(entry));
    return {entry[0], entry[1]};
  }
  [[nodiscard]] uint16_t next() const { return next_; }
  void Reset() {
    next_ = 0;
    std::memset(memory_->at(offset_), 0, kStride);
  }

 private:
  [[nodiscard]] std::atomic_ref<uint16_t> Atomic(size_t offset) const {
    return std::atomic_ref<uint16_t>(*reinterpret_cast<uint16_t*>(memory_->at(offset)));
  }

  const SharedTestMemory* memory_;
  size_t offset_;
  uint16_t size_;
  uint16_t next_ = 0;
};

}  // namespace tapswitch
