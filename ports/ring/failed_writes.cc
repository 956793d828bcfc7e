#include "ports/ring/failed_writes.h"

#include <algorithm>
#include <utility>

namespace tapswitch {

FailedWrites::FailedWrites() {
  failures_.reserve(kMaxReap);
  chains_.fill(kNone);
}

void FailedWrites::Add(Tag tag, int32_t result) {
  const uint64_t bytes = std::exchange(tag.slot, 0U);
  uint32_t& chain = ChainOf(tag);
  uint32_t at = chain;
  while (at != kNone &&
         (failures_[at].completion.tag != tag || failures_[at].completion.result != result)) {
    at = failures_[at].next;
  }
  if (at == kNone) {
    at = static_cast<uint32_t>(failures_.size());
    failures_.push_back({.completion = {.tag = tag, .result = result}, .next = chain});
    chain = at;
  }
  LostFrames& lost = failures_[at].completion.lost;
  ++lost.frames;
  lost.bytes += bytes;
}

size_t FailedWrites::Take(std::span<Completion> completions) {
  const size_t count = std::min(completions.size(), failures_.size());
  if (count == 0) return 0;
  const auto end = failures_.begin() + static_cast<ptrdiff_t>(count);
  std::transform(failures_.begin(), end, completions.begin(),
                 [](const Failure& failure) { return failure.completion; });
  for (const Failure& failure : failures_) ChainOf(failure.completion.tag) = kNone;
  failures_.erase(failures_.begin(), end);
  Link();
  return count;
}

// Links the failures that stay. They are few or none unless very many files fail.
void FailedWrites::Link() {
  for (uint32_t at = 0; at < failures_.size(); ++at) {
    uint32_t& chain = ChainOf(failures_[at].completion.tag);
    failures_[at].next = std::exchange(chain, at);
  }
}

}  // namespace tapswitch
