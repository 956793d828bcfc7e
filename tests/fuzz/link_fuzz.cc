// What the other end of a link says first, and the frames that another process hands over: whatever
// it is, it is refused or understood, and what was understood is the same once it has been written
// and read again.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "ports/link/frame_queue.h"
#include "ports/link/link_hello.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckHello(std::span<const std::byte> message) {
  const auto hello = ParseLinkHello(message);
  if (!hello.ok()) return;
  Require(!DescribeLinkEnd(*hello).empty());
  const auto again = ParseLinkHello(StoreLinkHello(*hello));
  Require(again.ok() && *again == *hello);
}

void CheckQueue(std::span<const std::byte> saved) {
  std::vector<std::byte> memory(FrameQueue::kMaxBytes);
  FrameQueue queue(memory);
  const bool is_whole = queue.Restore(saved);
  const std::vector<std::byte> again = queue.Save();
  Require(again.size() <= saved.size() && std::equal(again.begin(), again.end(), saved.begin()));
  Require(!is_whole || again.size() == saved.size());
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  tapswitch::CheckHello(bytes);
  tapswitch::CheckQueue(bytes);
  return 0;
}
