#include "switch/control/rpc/output_queue.h"

#include <utility>

namespace tapswitch {
namespace {

// Short lines share a chunk, so that a queue of events takes few system calls and little overhead.
constexpr size_t kSharedChunk = 64U << 10U;

}  // namespace

void OutputQueue::Append(std::string line) {
  if (line.empty()) return;
  appended_ += line.size();
  if (!chunks_.empty() && chunks_.back().size() + line.size() <= kSharedChunk) {
    held_ -= chunks_.back().capacity();
    chunks_.back() += line;
  } else {
    // A string that grew piece by piece has room for up to twice of what is in it.
    if (line.capacity() - line.size() > kSharedChunk) line.shrink_to_fit();
    chunks_.push_back(std::move(line));
  }
  held_ += chunks_.back().capacity();
}

std::string_view OutputQueue::Front() const {
  if (chunks_.empty()) return {};
  return std::string_view(chunks_.front()).substr(offset_);
}

void OutputQueue::Consume(size_t bytes) {
  offset_ += bytes;
  sent_ += bytes;
  if (!chunks_.empty() && offset_ == chunks_.front().size()) PopFront();
}

void OutputQueue::PopFront() {
  held_ -= chunks_.front().capacity();
  chunks_.pop_front();
  offset_ = 0;
}

void OutputQueue::Clear() {
  while (!chunks_.empty()) PopFront();
  sent_ = appended_;
}

}  // namespace tapswitch
