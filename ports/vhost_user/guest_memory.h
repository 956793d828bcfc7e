// The memory of a guest, as the front end of vhost-user hands it over: files, mapped here.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/vhost_user/mapping_guard.h"
#include "ports/vhost_user/memory_map.h"
#include "ports/vhost_user/message.h"

namespace tapswitch {

// Regions that do not change; a front end that changes its memory gets another object. Mapping and
// unmapping may take milliseconds: that is the control side's work.
class GuestMemory {
 public:
  // The regions that a guest can have.
  static constexpr size_t kMaxRegions = 32;

  GuestMemory() = default;

  // Returns this memory and another region, which shares the mappings of the others. A region that
  // is there already, the same in all numbers, changes nothing. InvalidArgument says what is wrong:
  // addresses that wrap round or overlap, a file that is shorter than its region, too many regions.
  [[nodiscard]] absl::StatusOr<std::shared_ptr<const GuestMemory>> With(const VhostRegion& region,
                                                                        FileDescriptor file) const;
  // Returns this memory without a region. NotFound if there is none of these addresses.
  [[nodiscard]] absl::StatusOr<std::shared_ptr<const GuestMemory>> Without(
      const VhostRegion& region) const;

  // A region and its file, which is borrowed. `index` is less than regions().
  struct RegionFile {
    VhostRegion region;
    int fd = -1;
  };
  [[nodiscard]] RegionFile region(size_t index) const {
    return {.region = parts_[index].region, .fd = parts_[index].mapping->fd()};
  }

  [[nodiscard]] const MemoryMap& map() const { return map_; }
  [[nodiscard]] size_t regions() const { return parts_.size(); }
  [[nodiscard]] uint64_t bytes() const;

  // Whether a file has been cut since. Any thread may ask.
  [[nodiscard]] bool is_broken() const;

 private:
  // A part of the addresses that the process has for the memory of guests.
  class AddressShare {
   public:
    // Nothing where there are not so many left.
    [[nodiscard]] static std::optional<AddressShare> Take(uint64_t size);
    ~AddressShare();
    AddressShare(AddressShare&& other) noexcept : size_(std::exchange(other.size_, 0)) {}
    AddressShare& operator=(AddressShare&& other) = delete;
    AddressShare(const AddressShare&) = delete;
    AddressShare& operator=(const AddressShare&) = delete;

   private:
    explicit AddressShare(uint64_t size) : size_(size) {}

    uint64_t size_;
  };

  // A file in memory.
  class Mapping {
   public:
    [[nodiscard]] static absl::StatusOr<std::shared_ptr<const Mapping>> Make(
        const VhostRegion& region, FileDescriptor file);
    Mapping(FileDescriptor file, std::span<std::byte> pages, MappingGuard guard, AddressShare share)
        : file_(std::move(file)),
          pages_(pages),
          guard_(std::move(guard)),
          share_(std::move(share)) {}
    ~Mapping();
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    [[nodiscard]] std::span<std::byte> pages() const { return pages_; }
    [[nodiscard]] bool is_broken() const { return guard_.is_broken(); }

    [[nodiscard]] int fd() const { return file_.get(); }

   private:
    FileDescriptor file_;
    std::span<std::byte> pages_;
    MappingGuard guard_;
    AddressShare share_;
  };
  struct Part {
    VhostRegion region;
    std::shared_ptr<const Mapping> mapping;
  };

  explicit GuestMemory(std::vector<Part> parts);

  std::vector<Part> parts_;
  MemoryMap map_;
};

}  // namespace tapswitch
