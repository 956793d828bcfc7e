// A pair of rings of a guest, one for each direction: what its worker and the control side share.
//
// Theory of operation. The control side (session.h) starts and stops rings, and changes their
// memory; the worker moves frames. A mutex keeps them apart, which the worker takes once for the
// frames of a turn. The control side holds it for a few assignments: what takes time, such as
// mapping memory, it does before and after. So the worker waits for nobody, and a ring that was
// stopped is used no more.
//
// Frames from the guest are copied whole before anything looks at them, and their buffers are given
// back at once; frames to it are copied into its buffers. So nothing is in flight between two
// turns.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "ports/os/file_descriptor.h"
#include "ports/os/mutex.h"
#include "ports/os/wake_event.h"
#include "ports/port.h"
#include "ports/vhost_user/guest_caller.h"
#include "ports/vhost_user/guest_memory.h"
#include "ports/vhost_user/virtqueue.h"
#include "switch/forwarding/frame.h"

namespace tapswitch {

// Seen from the guest, as the front end numbers its rings: even ones receive.
enum class VringSide : uint8_t { kToGuest = 0, kFromGuest = 1 };

using SharedFile = std::shared_ptr<const FileDescriptor>;

// A ring that is to run.
struct VringSetup {
  uint16_t size = 0;
  Virtqueue::Rings rings;
  std::shared_ptr<const GuestMemory> memory;
  Virtqueue::Features features;
  size_t header_size = 12;      // of virtio-net: 12, or 10 of old drivers
  bool mergeable = false;       // a frame may take several chains
  bool takes_offloads = false;  // the guest looks at the header of frames to it
  OffloadSet may_send;          // unfinished work that the guest has said it would send
  SharedFile kick;
  SharedFile call;
};

// The link, as the control side sees it.
struct VhostLink {
  bool is_up = false;
  std::string reason;  // when it is not
  OffloadSet accepted;
  uint32_t mtu = 1500;

  bool operator==(const VhostLink&) const = default;
};

struct VringCounters {
  uint64_t kicks = 0;   // wake-ups by the guest
  uint64_t calls = 0;   // signals to it
  uint64_t spared = 0;  // turns that ended without one, as it wanted none

  VringCounters& operator+=(const VringCounters& other) {
    kicks += other.kicks;
    calls += other.calls;
    spared += other.spared;
    return *this;
  }
};

// Memory where frames of a turn lie, behind their headers, until the next turn begins.
class ReceiveArena {
 public:
  static constexpr size_t kMaxFrame = 65535 + 18;
  static constexpr size_t kMaxHeader = 12;
  // A turn's frames stay in a processor's cache until they are sent.
  static constexpr size_t kSize = size_t{256} * 1024;

  explicit ReceiveArena(std::span<std::byte> memory) : memory_(memory) {}

  void Clear() { used_ = 0; }
  [[nodiscard]] bool has_room() const { return memory_.size() - used_ >= kMaxHeader + kMaxFrame; }
  // Precondition: has_room(), and `size` is at most kMaxHeader + kMaxFrame.
  [[nodiscard]] std::byte* Next() const { return memory_.data() + used_; }
  void Keep(size_t size) {
    constexpr size_t kLine = 64;
    used_ = std::min(memory_.size(), used_ + (size + kLine - 1) / kLine * kLine);
  }

 private:
  std::span<std::byte> memory_;
  size_t used_ = 0;
};

class QueuePair {
 public:
  // `fault_event` is signalled when a ring breaks; it outlives the pair.
  QueuePair(WakeEvent doorbell, const WakeEvent& fault_event, GuestCaller caller)
      : doorbell_(std::move(doorbell)), fault_event_(fault_event), caller_(std::move(caller)) {}

  // ---- The control side

  // Starts a ring, or goes on with one by other memory, files or features. One that has broken
  // stays so until its fault has been taken.
  void Start(VringSide side, const VringSetup& setup);
  // Returns the index of the next chain; nothing if the ring has not run.
  std::optional<uint16_t> Stop(VringSide side);
  // A ring that is not enabled is emptied, and nothing is sent by it.
  void SetEnabled(VringSide side, bool enabled);
  void SetCall(VringSide side, SharedFile call);
  // Signals an eventfd that the front end has for errors.
  void SignalError(const FileDescriptor& error);
  void SetLink(const VhostLink& link);
  // Has the port receive a frame that announces this address (RARP), as a guest's that has moved.
  void Announce(MacAddress address);
  // Why the ring broke, if it has since the last call.
  [[nodiscard]] std::string TakeFault(VringSide side);
  [[nodiscard]] VringCounters counters(VringSide side);
  [[nodiscard]] bool runs(VringSide side);

  // ---- The worker

  // Tells that the link or the kick of frames from the guest are others now.
  [[nodiscard]] const WakeEvent& doorbell() const { return doorbell_; }
  [[nodiscard]] VhostLink link();
  [[nodiscard]] SharedFile kick();
  void CountKick();

  // Appends at most `limit` frames to `received`, in `arena`. Returns true if more wait. Kicks are
  // off from then on.
  [[nodiscard]] bool Receive(const PortIdentity& identity, size_t limit, ReceiveArena& arena,
                             FrameBatch& received);
  // Whether Receive would find something.
  [[nodiscard]] bool HasInput();
  // Has the guest kick. True if there is something by now.
  [[nodiscard]] bool AwaitKick();
  // Sends or drops all. Returns false, and does nothing, if the ring does not run or is disabled.
  [[nodiscard]] bool Send(std::span<const WireFrame> frames, PortCounters& counters);

 private:
  struct Vring {
    VringSetup setup;
    std::optional<Virtqueue> queue;
    bool enabled = false;
    std::string fault;
    std::optional<uint16_t> left_at;  // the next chain, of a ring that broke
    VringCounters counters;
  };
  struct Head {
    uint16_t index;
    uint32_t written;
  };
  enum class Delivery : uint8_t { kSent, kNoRoom, kTooLong, kBroken };

  [[nodiscard]] Vring& ring(VringSide side) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return rings_[static_cast<size_t>(side)];
  }
  void CallGuest(const Vring& vring) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishTurn(Vring& vring) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeFrame(const Virtqueue::Chain& chain, const PortIdentity& identity, ReceiveArena& arena,
                 FrameBatch& received) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeAnnouncement(const PortIdentity& identity, ReceiveArena& arena, FrameBatch& received)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] Delivery Deliver(Vring& vring, const WireFrame& frame, uint16_t& available)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fill(const VringSetup& setup, const WireFrame& frame, uint16_t chains)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  WakeEvent doorbell_;
  const WakeEvent& fault_event_;
  Mutex mutex_;
  GuestCaller caller_ ABSL_GUARDED_BY(mutex_);
  std::array<Vring, 2> rings_ ABSL_GUARDED_BY(mutex_);
  VhostLink link_ ABSL_GUARDED_BY(mutex_);
  std::optional<MacAddress> announced_ ABSL_GUARDED_BY(mutex_);
  size_t steps_left_ ABSL_GUARDED_BY(mutex_) = 0;  // of descriptors in this turn
  BufferPieces pieces_ ABSL_GUARDED_BY(mutex_);
  std::array<Head, 256> heads_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace tapswitch
