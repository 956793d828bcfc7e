// Files that are mapped into this process, and belong to somebody else, who may cut them at any
// time. Touching what is missing then is a SIGBUS, which would end the switch.
//
// Theory of operation. A handler of SIGBUS looks the address up in a fixed table of such mappings.
// It maps anonymous memory over the whole mapping, and notes that it is broken, so what was being
// copied goes on with zeros. Whoever uses the mapping looks at is_broken() at the end of a turn. So
// there is no cost per frame. A SIGBUS of any other address has the effect that it had before.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace tapswitch {

class MappingGuard {
 public:
  // The mappings that can be guarded at a time, in the whole process.
  static constexpr size_t kCapacity = 4096;

  // Guards a mapping of whole pages until the guard is destroyed. Nothing if the table is full, or
  // the handler cannot be installed. Any thread may call it.
  [[nodiscard]] static std::optional<MappingGuard> Guard(std::span<std::byte> mapping);

  ~MappingGuard();
  MappingGuard(MappingGuard&& other) noexcept : slot_(std::exchange(other.slot_, kCapacity)) {}
  MappingGuard& operator=(MappingGuard&&) = delete;
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;

  // Whether memory was missing. Any thread may ask.
  [[nodiscard]] bool is_broken() const;

 private:
  explicit MappingGuard(size_t slot) : slot_(slot) {}

  size_t slot_;
};

}  // namespace tapswitch
