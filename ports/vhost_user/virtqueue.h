// The device's side of a split virtqueue (virtio 1.2, 2.7) in the memory of a guest. There are no
// system calls here: whoever owns the queue signals and waits.
//
// The guest can change its memory at any time, so
//   * each descriptor is copied once, and then checked;
//   * nothing that the device itself has written is read again, but for the index of the used ring,
//     once, at the start;
//   * whatever contradicts the specification breaks the queue: nothing is taken from it or written
//     to it any more, and fault() says why.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ports/vhost_user/memory_map.h"

namespace tapswitch {

// The places in the guest's memory that a chain of descriptors names.
class BufferPieces {
 public:
  // A chain with more pieces, or more descriptors, breaks its queue. Drivers have some 20.
  static constexpr size_t kCapacity = 1024;

  void clear() { size_ = 0; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool full() const { return size_ == kCapacity; }
  void push_back(std::span<std::byte> piece) { pieces_[size_++] = piece; }
  void Truncate(size_t size) { size_ = size; }
  [[nodiscard]] std::span<const std::span<std::byte>> all() const {
    return std::span(pieces_).first(size_);
  }

 private:
  std::array<std::span<std::byte>, kCapacity> pieces_{};
  size_t size_ = 0;
};

class Virtqueue {
 public:
  // The places of the three parts. They are aligned, and have the size that they need.
  struct Rings {
    std::byte* descriptors = nullptr;
    std::byte* available = nullptr;
    std::byte* used = nullptr;
  };
  struct Features {
    bool event_index = false;
    bool indirect = false;
  };
  enum class Access : uint8_t { kRead, kWrite };  // of the device
  struct Chain {
    uint16_t head = 0;
    size_t bytes = 0;
    uint32_t steps = 0;  // descriptors that were looked at, and pieces
  };

  // Bytes of each part, with the event fields.
  [[nodiscard]] static size_t DescriptorBytes(uint32_t size) { return size_t{16} * size; }
  [[nodiscard]] static size_t AvailableBytes(uint32_t size) { return 6 + size_t{2} * size; }
  [[nodiscard]] static size_t UsedBytes(uint32_t size) { return 6 + size_t{8} * size; }

  // Goes on where the used ring ends: nothing is ever taken and not given back. `size` is a power
  // of two, at most 32768; `memory` outlives the queue.
  Virtqueue(uint16_t size, const Rings& rings, const MemoryMap& memory, Features features);

  // The chains that wait. 0 also if the queue is or gets broken.
  [[nodiscard]] uint16_t Available();

  // Takes the next chain and appends its pieces. Nothing if that broke the queue. Precondition:
  // Available() was not 0, and no more chains were taken since than that.
  [[nodiscard]] std::optional<Chain> Take(Access access, BufferPieces& pieces);

  // Has the processor fetch the first bytes of the chain that is so many behind the next one, to be
  // read or written soon: the guest's processor had them last. Nothing comes of it but that.
  // Precondition: it was available.
  void Prefetch(Access access, uint16_t ahead) const;

  // Gives back so many chains that were taken last, as if they had not been.
  void PutBack(uint16_t chains) { next_ = static_cast<uint16_t>(next_ - chains); }

  // Writes a used entry, in the order in which chains were taken. Publish shows them to the guest.
  void PushUsed(uint16_t head, uint32_t written);
  // Returns whether the guest wants to be called for what was published.
  [[nodiscard]] bool Publish();

  // Asks the guest not to kick; it may all the same.
  void DisableKicks();
  // Asks it to kick. True if there is something to take by now, for which it did not.
  [[nodiscard]] bool EnableKicks();
  // Whether the guest was asked to kick last. At the start it is.
  [[nodiscard]] bool kicks_enabled() const { return kicks_enabled_; }

  [[nodiscard]] uint16_t size() const { return size_; }
  // The index of the next chain, as GET_VRING_BASE asks for it.
  [[nodiscard]] uint16_t next() const { return next_; }
  // Why the queue is broken; empty while it is not.
  [[nodiscard]] std::string_view fault() const { return fault_; }
  void Break(std::string_view why) {
    if (fault_.empty()) fault_ = why;
  }

 private:
  struct Descriptor {
    uint64_t address = 0;
    uint32_t length = 0;
    uint16_t flags = 0;
    uint16_t next = 0;
  };
  struct Table {
    const std::byte* entries = nullptr;
    uint32_t count = 0;
    bool is_indirect = false;
  };

  // The entry of the available ring.
  [[nodiscard]] uint16_t HeadAt(unsigned index) const;
  [[nodiscard]] bool Walk(Access access, uint32_t index, BufferPieces& pieces, Chain& chain);
  [[nodiscard]] bool Enter(const Descriptor& descriptor, Table& table);
  [[nodiscard]] bool AddPieces(const Descriptor& descriptor, BufferPieces& pieces);
  bool Fail(std::string_view why) {
    Break(why);
    return false;
  }

  uint16_t size_;
  Rings rings_;
  const MemoryMap* memory_;
  Features features_;
  uint16_t next_ = 0;       // index of the next available entry
  uint16_t used_ = 0;       // index of the next used entry
  uint16_t published_ = 0;  // what the guest knows of
  bool kicks_enabled_ = true;
  size_t region_ = 0;  // where the last address was
  std::string_view fault_;
};

}  // namespace tapswitch
