// The memory of a guest as a list of regions, and the translation of its addresses. It is a value,
// and knows nothing of where the memory comes from.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tapswitch {

class MemoryMap {
 public:
  struct Region {
    uint64_t guest = 0;  // the address by which the guest's driver knows it
    uint64_t user = 0;   // by which the front end knows it
    std::span<std::byte> bytes;
  };

  MemoryMap() = default;
  // No address in a region overflows, and none is in two regions.
  explicit MemoryMap(std::vector<Region> regions) : regions_(std::move(regions)) {
    std::sort(regions_.begin(), regions_.end(),
              [](const Region& a, const Region& b) { return a.guest < b.guest; });
  }

  // The bytes from a guest address to the end of its region. Empty where there is no memory. `hint`
  // is the caller's: the region of the last address is that of the next one, mostly.
  [[nodiscard]] std::span<std::byte> FromGuest(uint64_t address, size_t& hint) const {
    if (hint < regions_.size()) {
      const auto bytes = Tail(regions_[hint].guest, regions_[hint], address);
      if (!bytes.empty()) return bytes;
    }
    const auto behind =
        std::upper_bound(regions_.begin(), regions_.end(), address,
                         [](uint64_t wanted, const Region& one) { return wanted < one.guest; });
    if (behind == regions_.begin()) return {};
    hint = static_cast<size_t>(behind - regions_.begin()) - 1;
    return Tail(regions_[hint].guest, regions_[hint], address);
  }

  // The bytes from an address of the front end to the end of its region.
  [[nodiscard]] std::span<std::byte> FromUser(uint64_t address) const {
    for (const Region& region : regions_) {
      const auto bytes = Tail(region.user, region, address);
      if (!bytes.empty()) return bytes;
    }
    return {};
  }

  [[nodiscard]] std::span<const Region> regions() const { return regions_; }

 private:
  static std::span<std::byte> Tail(uint64_t start, const Region& region, uint64_t address) {
    const uint64_t offset = address - start;  // wraps round to a large number below the start
    if (offset >= region.bytes.size()) return {};
    return region.bytes.subspan(offset);
  }

  std::vector<Region> regions_;  // by guest address
};

}  // namespace tapswitch
