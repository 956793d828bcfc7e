#include "ports/vhost_user/queue_pair.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "switch/forwarding/offload/received_offload.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

constexpr std::string_view kMemoryIsGone = "a file of its memory was cut";

// A turn looks at so many descriptors of a ring, or a few chains more than that. Drivers use one to
// some 20 of them for a frame.
constexpr size_t kMostSteps = 4096;

// How many chains before its turn a chain is fetched.
constexpr uint16_t kAhead = 4;

void PrefetchFirst(const Virtqueue& queue, Virtqueue::Access access, size_t count) {
  for (uint16_t i = 0; i < std::min<size_t>(count, kAhead); ++i) queue.Prefetch(access, i);
}

// Nothing is unfinished while flags and GSO type are 0.
bool HasWork(const std::byte* header) {
  return header[0] != std::byte{0} || header[1] != std::byte{0};
}

// Copies pieces into pieces.
class Scatter {
 public:
  explicit Scatter(std::span<const std::span<std::byte>> to) : to_(to) {}

  // Returns the next place for so many bytes, if these stand together, and goes on behind it; else
  // null.
  [[nodiscard]] std::byte* Take(size_t size) {
    if (at_ == to_.size() || to_[at_].size() - offset_ <= size) return nullptr;
    std::byte* const place = to_[at_].data() + offset_;
    offset_ += size;
    return place;
  }

  // Copies as much as there is room for.
  void Copy(const std::byte* from, size_t size) {
    while (size > 0 && at_ < to_.size()) {
      const std::span<std::byte> room = to_[at_].subspan(offset_);
      const size_t part = std::min(size, room.size());
      std::memcpy(room.data(), from, part);
      from += part;
      size -= part;
      offset_ += part;
      if (part == room.size()) {
        ++at_;
        offset_ = 0;
      }
    }
  }

 private:
  std::span<const std::span<std::byte>> to_;
  size_t at_ = 0;
  size_t offset_ = 0;
};

void StoreHeader(const VringSetup& setup, const std::byte* header, uint16_t chains, std::byte* to) {
  if (setup.takes_offloads) {
    std::memcpy(to, header, kVirtioNetHeaderSize);
  } else {
    std::fill_n(to, kVirtioNetHeaderSize, std::byte{0});
  }
  if (setup.header_size == kVirtioNetHeaderSize) return;
  std::memcpy(to + kVirtioNetHeaderSize, &chains, sizeof(chains));
}

}  // namespace

// ---- The control side

void QueuePair::Start(VringSide side, const VringSetup& setup) {
  VringSetup old;  // its memory is unmapped without the lock
  {
    const MutexLock lock(mutex_);
    Vring& vring = ring(side);
    if (!vring.fault.empty()) return;
    old = std::exchange(vring.setup, setup);
    vring.queue.emplace(setup.size, setup.rings, setup.memory->map(), setup.features);
    vring.left_at.reset();
    // Full receive rings drop frames: nobody waits for more buffers.
    if (side == VringSide::kToGuest) vring.queue->DisableKicks();
  }
  doorbell_.Signal();
}

std::optional<uint16_t> QueuePair::Stop(VringSide side) {
  VringSetup old;
  std::optional<uint16_t> next;
  {
    const MutexLock lock(mutex_);
    Vring& vring = ring(side);
    next = vring.queue ? vring.queue->next() : vring.left_at;
    vring.left_at.reset();
    vring.queue.reset();
    vring.fault.clear();
    old = std::exchange(vring.setup, {});
  }
  doorbell_.Signal();
  return next;
}

void QueuePair::SetEnabled(VringSide side, bool enabled) {
  const MutexLock lock(mutex_);
  ring(side).enabled = enabled;
}

// Nobody may have been behind the old file, so the new one is signalled for what was published.
void QueuePair::SetCall(VringSide side, SharedFile call) {
  const MutexLock lock(mutex_);
  ring(side).setup.call = std::move(call);
  if (ring(side).queue) CallGuest(ring(side));
}

void QueuePair::SignalError(const FileDescriptor& error) {
  const MutexLock lock(mutex_);
  caller_.Signal(error.get());
}

void QueuePair::CallGuest(const Vring& vring) {
  if (vring.setup.call != nullptr) caller_.Signal(vring.setup.call->get());
}

void QueuePair::SetLink(const VhostLink& link) {
  {
    const MutexLock lock(mutex_);
    if (link_ == link) return;
    link_ = link;
  }
  doorbell_.Signal();
}

void QueuePair::Announce(MacAddress address) {
  {
    const MutexLock lock(mutex_);
    announced_ = address;
  }
  doorbell_.Signal();
}

std::string QueuePair::TakeFault(VringSide side) {
  const MutexLock lock(mutex_);
  return std::exchange(ring(side).fault, {});
}

VringCounters QueuePair::counters(VringSide side) {
  const MutexLock lock(mutex_);
  return ring(side).counters;
}

bool QueuePair::runs(VringSide side) {
  const MutexLock lock(mutex_);
  return ring(side).queue.has_value();
}

// ---- The worker

VhostLink QueuePair::link() {
  const MutexLock lock(mutex_);
  return link_;
}

SharedFile QueuePair::kick() {
  const MutexLock lock(mutex_);
  return ring(VringSide::kFromGuest).setup.kick;
}

void QueuePair::CountKick() {
  const MutexLock lock(mutex_);
  ++ring(VringSide::kFromGuest).counters.kicks;
}

// The memory stays mapped until the control side has heard of a fault.
void QueuePair::FinishTurn(Vring& vring) {
  Virtqueue& queue = *vring.queue;
  const bool is_cut = vring.setup.memory->is_broken();
  if (is_cut) queue.Break(kMemoryIsGone);
  if (queue.Publish()) {
    ++vring.counters.calls;
    CallGuest(vring);
  } else {
    ++vring.counters.spared;
  }
  if (queue.fault().empty()) return;
  vring.fault = is_cut ? kMemoryIsGone : queue.fault();
  vring.left_at = queue.next();
  vring.queue.reset();
  fault_event_.Signal();
}

bool QueuePair::Receive(const PortIdentity& identity, size_t limit, ReceiveArena& arena,
                        FrameBatch& received) {
  const MutexLock lock(mutex_);
  if (announced_) TakeAnnouncement(identity, arena, received);
  Vring& vring = ring(VringSide::kFromGuest);
  if (!vring.queue) return false;
  Virtqueue& queue = *vring.queue;
  if (queue.kicks_enabled()) queue.DisableKicks();
  const size_t waiting = queue.Available();
  PrefetchFirst(queue, Virtqueue::Access::kRead, std::min(waiting, limit));
  size_t taken = 0;
  size_t steps = 0;
  while (taken < waiting && taken < limit && steps < kMostSteps && !received.full() &&
         arena.has_room()) {
    pieces_.clear();
    if (waiting - taken > kAhead) queue.Prefetch(Virtqueue::Access::kRead, kAhead);
    const auto chain = queue.Take(Virtqueue::Access::kRead, pieces_);
    if (!chain) break;
    steps += chain->steps;
    if (vring.enabled) TakeFrame(*chain, identity, arena, received);
    queue.PushUsed(chain->head, 0);
    ++taken;
  }
  const bool is_broken = !queue.fault().empty();
  if (taken > 0 || is_broken) FinishTurn(vring);
  return taken < waiting && !is_broken;
}

void QueuePair::TakeFrame(const Virtqueue::Chain& chain, const PortIdentity& identity,
                          ReceiveArena& arena, FrameBatch& received) {
  const VringSetup& setup = ring(VringSide::kFromGuest).setup;
  PortCounters& counters = *identity.counters;
  const size_t size = chain.bytes - std::min(chain.bytes, setup.header_size);
  counters.received.Add(size);
  if (size < kEthernetHeaderSize) return counters.Drop(DropReason::kRunt);
  if (size > ReceiveArena::kMaxFrame) return counters.Drop(DropReason::kTruncated);
  // Its bytes are a part of this turn's work, whatever becomes of it.
  std::byte* const start = arena.Next();
  arena.Keep(chain.bytes);
  std::byte* end = start;
  for (const std::span<std::byte> piece : pieces_.all()) {
    std::memcpy(end, piece.data(), piece.size());
    end += piece.size();
  }
  // The switch has no number of buffers in its header.
  std::byte* const wire = start + (setup.header_size - kVirtioNetHeaderSize);
  Frame& frame = received.next();
  frame.Begin({.data = wire, .size = kVirtioNetHeaderSize + size}, identity.id);
  if (HasWork(start)) {
    std::memmove(wire, start, kVirtioNetHeaderSize);
    const auto refused = TakeReceivedOffload({wire, frame.wire.size}, frame);
    if (refused) return counters.Drop(*refused);
    if (!setup.may_send.covers(frame.needed)) return counters.Drop(DropReason::kBadOffloadHeader);
  } else {
    std::fill_n(wire, kVirtioNetHeaderSize, std::byte{0});
  }
  received.Keep();
}

// RFC 903, 3: a request for the sender's own address.
void QueuePair::TakeAnnouncement(const PortIdentity& identity, ReceiveArena& arena,
                                 FrameBatch& received) {
  constexpr size_t kSize = 60;
  constexpr size_t kSender = 22;
  constexpr size_t kTarget = 32;
  if (received.full() || !arena.has_room()) return;
  const auto bytes = std::exchange(announced_, std::nullopt)->bytes();
  std::byte* const wire = arena.Next();
  std::fill_n(wire, kVirtioNetHeaderSize + kSize, std::byte{0});
  std::byte* const frame = wire + kVirtioNetHeaderSize;
  std::fill_n(frame, 6, std::byte{0xFF});
  constexpr std::array<uint8_t, 10> kRequest{0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};
  std::memcpy(frame + 12, kRequest.data(), kRequest.size());
  for (const size_t at : {size_t{6}, kSender, kTarget}) {
    std::memcpy(frame + at, bytes.data(), bytes.size());
  }
  arena.Keep(kVirtioNetHeaderSize + kSize);
  identity.counters->received.Add(kSize);
  received.push_back({.wire = {.data = wire, .size = kVirtioNetHeaderSize + kSize},
                      .ingress = identity.id,
                      .needed = {},
                      .offload = {}});
}

bool QueuePair::HasInput() {
  const MutexLock lock(mutex_);
  if (announced_) return true;
  Vring& vring = ring(VringSide::kFromGuest);
  if (!vring.queue) return false;
  const bool has_input = vring.queue->Available() > 0;
  if (!vring.queue->fault().empty()) FinishTurn(vring);
  return has_input;
}

bool QueuePair::AwaitKick() {
  const MutexLock lock(mutex_);
  Vring& vring = ring(VringSide::kFromGuest);
  if (!vring.queue) return false;
  const bool has_input = vring.queue->EnableKicks();
  const bool is_cut = vring.setup.memory->is_broken();  // and then reads as zeros: nothing comes
  if (is_cut || !vring.queue->fault().empty()) FinishTurn(vring);
  return has_input;
}

bool QueuePair::Send(std::span<const WireFrame> frames, PortCounters& counters) {
  const MutexLock lock(mutex_);
  Vring& vring = ring(VringSide::kToGuest);
  if (!vring.queue || !vring.enabled) return false;
  uint16_t available = vring.queue->Available();
  steps_left_ = kMostSteps;
  PrefetchFirst(*vring.queue, Virtqueue::Access::kWrite,
                std::min<size_t>(available, frames.size()));
  for (const WireFrame& frame : frames) {
    switch (Deliver(vring, frame, available)) {
      case Delivery::kSent:
        counters.sent.Add(frame.size);
        break;
      case Delivery::kNoRoom:
        counters.Drop(DropReason::kQueueFull);
        break;
      case Delivery::kTooLong:
        counters.Drop(DropReason::kTooLong);
        break;
      case Delivery::kBroken:
        counters.Drop(DropReason::kLinkDown);
        break;
    }
  }
  FinishTurn(vring);
  return true;
}

// Takes as many chains as the frame needs, and gives them back if there are too few. Those that a
// turn has no steps left for are none.
QueuePair::Delivery QueuePair::Deliver(Vring& vring, const WireFrame& frame, uint16_t& available) {
  Virtqueue& queue = *vring.queue;
  const VringSetup& setup = vring.setup;
  const size_t needed = setup.header_size + frame.size;
  if (!queue.fault().empty()) return Delivery::kBroken;
  pieces_.clear();
  uint16_t chains = 0;
  size_t room = 0;
  while (room < needed) {
    const bool is_short = !setup.mergeable && chains == 1;
    if (is_short || steps_left_ == 0 || chains == available || chains == heads_.size()) {
      queue.PutBack(chains);
      return is_short ? Delivery::kTooLong : Delivery::kNoRoom;
    }
    if (available - chains > kAhead) queue.Prefetch(Virtqueue::Access::kWrite, kAhead);
    const auto chain = queue.Take(Virtqueue::Access::kWrite, pieces_);
    if (!chain) return Delivery::kBroken;
    steps_left_ -= std::min<size_t>(steps_left_, chain->steps);
    heads_[chains++] = {.index = chain->head,
                        .written = static_cast<uint32_t>(std::min(chain->bytes, needed - room))};
    room += chain->bytes;
  }
  Fill(setup, frame, chains);
  for (uint16_t i = 0; i < chains; ++i) queue.PushUsed(heads_[i].index, heads_[i].written);
  available = static_cast<uint16_t>(available - chains);
  return Delivery::kSent;
}

void QueuePair::Fill(const VringSetup& setup, const WireFrame& frame, uint16_t chains) {
  const Piece& first = frame.pieces.front();
  Scatter scatter(pieces_.all());
  // A header that was made elsewhere would be read as words which were just written in parts, and
  // so wait for these, and for all that was written to the guest before.
  if (std::byte* const place = scatter.Take(setup.header_size)) {
    StoreHeader(setup, first.data, chains, place);
  } else {
    std::array<std::byte, ReceiveArena::kMaxHeader> header{};
    StoreHeader(setup, first.data, chains, header.data());
    scatter.Copy(header.data(), setup.header_size);
  }
  scatter.Copy(first.data + kVirtioNetHeaderSize, first.size - kVirtioNetHeaderSize);
  for (const Piece& piece : frame.pieces.subspan(1)) scatter.Copy(piece.data, piece.size);
}

}  // namespace tapswitch
