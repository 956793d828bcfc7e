// Failed writes, added up by tag and error until they are reaped. So there is one completion for
// each file and error, however many writes fail.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ports/ring/ring.h"

namespace tapswitch {

class FailedWrites {
 public:
  FailedWrites();

  // Adds a failed write. The slot of `tag` is the size of the frame. Allocates only if more
  // combinations of file and error wait than ever before.
  void Add(Tag tag, int32_t result);

  [[nodiscard]] bool empty() const { return failures_.empty(); }

  // Moves the oldest failures to `completions`. Returns how many were filled.
  [[nodiscard]] size_t Take(std::span<Completion> completions);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kChains = 256;

  struct Failure {
    Completion completion;
    uint32_t next = kNone;  // index of the next failure in the chain
  };

  [[nodiscard]] uint32_t& ChainOf(Tag tag) { return chains_[tag.port.value % kChains]; }
  void Link();

  std::vector<Failure> failures_;           // oldest first
  std::array<uint32_t, kChains> chains_{};  // by port: index in `failures_` of its first failure
};

}  // namespace tapswitch
