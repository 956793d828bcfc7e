#include "switch/workers/receive_limits.h"

#include <algorithm>
#include <utility>

namespace tapswitch {
namespace {

size_t CountCopies(const EgressLists& egress) {
  size_t copies = 0;
  egress.used().ForEach([&](PortId to) { copies += egress.of(to).size(); });
  return copies;
}

bool ComeFromSeveralPorts(std::span<const Frame> frames) {
  return std::any_of(frames.begin(), frames.end(),
                     [&](const Frame& frame) { return frame.ingress != frames.front().ingress; });
}

}  // namespace

PortSet ReceiveLimits::Update(std::span<const Frame> frames, const EgressLists& egress, Tick now) {
  PortSet changed;
  const size_t copies = CountCopies(egress);
  const bool is_flooding = copies > kCopiesPerTurn && copies > frames.size();
  if (!is_flooding && limited_.empty()) return changed;
  if (ComeFromSeveralPorts(frames)) contested_until_ = now + kMemory;
  if (contested_until_ <= now) return std::exchange(limited_, {});
  Count(frames, egress).ForEach([&](PortId port) {
    if (SetLimit(port)) changed.insert(port);
  });
  return changed;
}

// Returns the ports that brought frames.
PortSet ReceiveLimits::Count(std::span<const Frame> frames, const EgressLists& egress) {
  PortSet bringing;
  for (const Frame& frame : frames) {
    Share& share = shares_[frame.ingress.value];
    if (!bringing.contains(frame.ingress)) share = {.limit = share.limit};
    bringing.insert(frame.ingress);
    ++share.frames;
  }
  egress.used().ForEach([&](PortId to) {
    for (const EgressFrame& copy : egress.of(to)) {
      ++shares_[frames[copy.frame].ingress.value].copies;
    }
  });
  return bringing;
}

// A limit falls at once and at most doubles in a turn, so that a port which floods in every second
// turn only gains little by that.
bool ReceiveLimits::SetLimit(PortId port) {
  Share& share = shares_[port.value];
  const size_t before = of(port);
  size_t limit = kUnlimited;
  if (share.copies > share.frames) {
    limit = std::max<size_t>(1, kCopiesPerTurn * share.frames / share.copies);
  }
  limit = std::min({limit, 2 * before, kUnlimited});
  if (limit == before) return false;
  if (limit == kUnlimited) {
    limited_.erase(port);
  } else {
    limited_.insert(port);
  }
  share.limit = static_cast<uint16_t>(limit);
  return true;
}

}  // namespace tapswitch
