#include "ports/vhost_user/guest_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "ports/vhost_user/front_end_files.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// More than a guest has; sums of two such numbers do not overflow.
constexpr uint64_t kMostBytes = uint64_t{1} << 43U;
// A process has 128 TiB of addresses, which guests leave a half of.
constexpr uint64_t kMostOfAllGuests = uint64_t{1} << 46U;

std::atomic<uint64_t>& MappedOfAllGuests() {
  static std::atomic<uint64_t> bytes{0};
  return bytes;
}

std::string Describe(const VhostRegion& region) {
  return fmt::format("memory region {:#x}, {} bytes", region.guest_address, region.size);
}

absl::Status Bad(const VhostRegion& region, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", Describe(region), what));
}

absl::Status Exhausted(const VhostRegion& region, std::string_view what) {
  return absl::ResourceExhaustedError(fmt::format("{}: {}", Describe(region), what));
}

bool Wraps(uint64_t start, uint64_t size) { return start + size < start; }

bool Overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

absl::Status CheckNumbers(const VhostRegion& region) {
  if (region.size == 0 || region.size > kMostBytes || region.file_offset > kMostBytes) {
    return Bad(region, fmt::format("its size or its place in the file, {}, is impossible",
                                   region.file_offset));
  }
  if (Wraps(region.guest_address, region.size) || Wraps(region.user_address, region.size)) {
    return Bad(region, "it ends beyond the last address");
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<GuestMemory::AddressShare> GuestMemory::AddressShare::Take(uint64_t size) {
  AddressShare share(size);
  if (MappedOfAllGuests().fetch_add(size) + size > kMostOfAllGuests) return std::nullopt;
  return share;
}

GuestMemory::AddressShare::~AddressShare() { MappedOfAllGuests() -= size_; }

// Files on hugetlbfs are mapped in whole pages of theirs, from their start.
absl::StatusOr<std::shared_ptr<const GuestMemory::Mapping>> GuestMemory::Mapping::Make(
    const VhostRegion& region, FileDescriptor file) {
  // Other files are not asked for their size: whose they are may let the switch wait.
  if (KindOfFrontEndFile(file.get()) != FrontEndFile::kMemory) {
    return Bad(region, "its file is no memory (a memfd, or a file on tmpfs or hugetlbfs)");
  }
  struct stat status {};
  if (fstat(file.get(), &status) != 0) {
    return Bad(region, fmt::format("its file: {}", std::strerror(errno)));
  }
  const uint64_t end = region.file_offset + region.size;
  if (static_cast<uint64_t>(status.st_size) < end) {
    return Bad(region,
               fmt::format("its file has {} bytes, and {} are needed", status.st_size, end));
  }
  const auto page = static_cast<uint64_t>(std::max<blksize_t>(status.st_blksize, 4096));
  const uint64_t size = (end + page - 1) / page * page;
  auto share = AddressShare::Take(size);
  if (!share) return Exhausted(region, "guests have as much memory as there are addresses for");
  void* const start =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
  if (start == MAP_FAILED) {
    return Bad(region, fmt::format("it cannot be mapped: {}", std::strerror(errno)));
  }
  const std::span pages(static_cast<std::byte*>(start), size);
  static_cast<void>(madvise(start, size, MADV_DONTDUMP));
  auto guard = MappingGuard::Guard(pages);
  if (!guard) {
    munmap(start, size);
    return Exhausted(region,
                     fmt::format("the switch has {} regions of guests, and can have no more",
                                 MappingGuard::kCapacity));
  }
  return std::make_shared<const Mapping>(std::move(file), pages, *std::move(guard),
                                         *std::move(share));
}

// The handler must not map over memory that others have by then, so the guard ends first.
GuestMemory::Mapping::~Mapping() {
  { const MappingGuard released(std::move(guard_)); }
  munmap(pages_.data(), pages_.size());
}

GuestMemory::GuestMemory(std::vector<Part> parts) : parts_(std::move(parts)) {
  std::vector<MemoryMap::Region> regions;
  for (const Part& part : parts_) {
    regions.push_back(
        {.guest = part.region.guest_address,
         .user = part.region.user_address,
         .bytes = part.mapping->pages().subspan(part.region.file_offset, part.region.size)});
  }
  map_ = MemoryMap(std::move(regions));
}

absl::StatusOr<std::shared_ptr<const GuestMemory>> GuestMemory::With(const VhostRegion& region,
                                                                     FileDescriptor file) const {
  if (absl::Status numbers = CheckNumbers(region); !numbers.ok()) return numbers;
  for (const Part& part : parts_) {
    const VhostRegion& other = part.region;
    if (other == region) {
      return std::shared_ptr<const GuestMemory>(new GuestMemory(parts_));
    }
    if (Overlap(region.guest_address, region.size, other.guest_address, other.size) ||
        Overlap(region.user_address, region.size, other.user_address, other.size)) {
      return Bad(region, fmt::format("it overlaps the {}", Describe(other)));
    }
  }
  if (bytes() + region.size > kMostBytes) {
    return Bad(region, fmt::format("a guest can have {} TiB", kMostBytes >> 40U));
  }
  if (parts_.size() == kMaxRegions) {
    return Bad(region, fmt::format("{} regions are the most", kMaxRegions));
  }
  auto mapping = Mapping::Make(region, std::move(file));
  if (!mapping.ok()) return mapping.status();
  std::vector<Part> parts = parts_;
  parts.push_back({.region = region, .mapping = *std::move(mapping)});
  return std::shared_ptr<const GuestMemory>(new GuestMemory(std::move(parts)));
}

absl::StatusOr<std::shared_ptr<const GuestMemory>> GuestMemory::Without(
    const VhostRegion& region) const {
  std::vector<Part> parts = parts_;
  std::erase_if(parts, [&](const Part& part) {
    return part.region.guest_address == region.guest_address &&
           part.region.user_address == region.user_address && part.region.size == region.size;
  });
  if (parts.size() == parts_.size()) {
    return absl::NotFoundError(fmt::format("{}: it is none that is there", Describe(region)));
  }
  return std::shared_ptr<const GuestMemory>(new GuestMemory(std::move(parts)));
}

uint64_t GuestMemory::bytes() const {
  uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.region.size;
  return sum;
}

bool GuestMemory::is_broken() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.mapping->is_broken(); });
}

}  // namespace tapswitch
