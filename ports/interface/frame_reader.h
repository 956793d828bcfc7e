// Reads the frames of a port's file: the receive buffers, the read that the kernel has of ours, and
// what becomes of it when it ends.
//
// Reading can pause without closing anything. Then the kernel has no read of ours, while the
// buffers, the counters and the open file stay, and what arrives waits in the queue of the
// interface.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "ports/interface/interface_errors.h"
#include "ports/os/buffer_memory.h"
#include "ports/port.h"
#include "ports/ring/buffer_pool.h"
#include "ports/ring/ring.h"
#include "switch/forwarding/frame.h"

namespace tapswitch {

// The receive buffers of a port. Their number is also how many frames one port may bring into a
// turn. Measured for TCP with GSO between two namespaces: 8 buffers starve (10.9 Gbit/s), 512 fall
// out of the cache (10.8 to 13.4), 32 carry 15.4.
inline constexpr BufferId kReceiveBufferCount = 32;
// 64 KiB of GSO payload and headers; 17 pages.
inline constexpr size_t kReceiveBufferSize = size_t{68} * 1024;
// Two cache lines more, so that the headers of 32 buffers lie in 64 different sets of a first-level
// cache; with the count above the whole is again a number of pages.
inline constexpr size_t kReceiveBufferStride = kReceiveBufferSize + 128;
static_assert(kReceiveBufferCount * kReceiveBufferStride % 4096 == 0);

// The kind of data that the file brings.
enum class Framing : uint8_t {
  kEthernet,
  kLayer3,  // IP packets: they get an Ethernet header without addresses
};

class FrameReader {
 public:
  struct ReadsTaken {
    size_t completions = 0;
    bool has_failed = false;  // a read failed in a way that makes the link doubtful
  };

  // `identity` outlives it. `told_unsupported` is set once the log has been told of frames with
  // unsupported offloads, by any queue of the port.
  FrameReader(const PortIdentity& identity, FileKind kind,
              std::shared_ptr<std::atomic_flag> told_unsupported,
              Framing framing = Framing::kEthernet);

  // Comes before all that follows. ResourceExhausted when the system has no memory.
  [[nodiscard]] absl::Status AllocateBuffers();

  // ---- The file

  // Registers `fd` with the ring, which outlives the registration, and gives the ring all buffers.
  // Precondition: there is no slot, and no frame is in use. An error is one of Ring::AddFile.
  [[nodiscard]] absl::Status Register(Ring& ring, int fd);
  // Takes the file out of the ring, if it is there. Precondition: !is_reading().
  void Unregister();
  // Nothing as long as no file is registered.
  [[nodiscard]] const std::optional<FileSlot>& slot() const { return slot_; }

  // ---- The read

  // Starts to read, unless reading is paused: then Resume makes it possible. Precondition:
  // !is_reading().
  void Start();
  // Forgives what went wrong: a read is due again, and StartIfDue starts it. Where reading had
  // failed twice, one more failure without a frame before it is enough. Precondition:
  // !is_reading().
  void MakeDueAgain();
  // Starts the read that is due. Nothing happens if none is, while reading is paused, or without a
  // slot.
  void StartIfDue();
  [[nodiscard]] bool is_due() const { return state_ == State::kDue; }
  // The kernel has a read of ours.
  [[nodiscard]] bool is_reading() const;

  // The file is about to be replaced or closed: its read is to end, and how it ends says nothing.
  void Abandon();

  // Has the read end, and starts none until Resume; paused() holds once it has ended. The frames
  // that it still brings are received, and its errors count.
  void Pause();
  // Lifts the pause. The caller then starts the read by StartIfDue.
  void Resume() { pause_wanted_ = false; }
  [[nodiscard]] bool paused() const { return pause_wanted_ && !is_reading(); }

  // The read is to end for good, and what it still brings is dropped.
  void Close();
  [[nodiscard]] bool is_closing() const {
    return state_ == State::kClosing || state_ == State::kClosed;
  }
  [[nodiscard]] bool is_closed() const { return state_ == State::kClosed; }

  [[nodiscard]] ReadHealth health() const {
    return {.has_file = slot_.has_value(), .fault = fault_, .error = error_};
  }
  [[nodiscard]] bool waits_for_link() const { return fault_ == ReadFault::kFailed; }

  // ---- Frames

  // Takes the completions of reads at the front of `completions`, up to the first one of a write.
  // The frames are appended to `received`, and are in use until ReturnBuffers.
  [[nodiscard]] ReadsTaken TakeReads(std::span<const Completion> completions, FrameBatch& received);

  // How many frames the kernel has handed over, those included that it could not describe.
  [[nodiscard]] uint64_t frames_taken() const { return frames_taken_; }

  // From the next ReturnBuffers on, at most `frames` frames are received in a turn.
  void Limit(size_t frames);
  // Whether buffers have to go home, or more of them may go to the ring than before.
  [[nodiscard]] bool has_buffers_to_return() const {
    return has_frames_in_use() || withheld_ > kReceiveBufferCount - limit_;
  }
  void ReturnBuffers();
  [[nodiscard]] bool has_frames_in_use() const { return taken_.size() > withheld_; }

  // Gives the memory of the buffers back when nothing was received between the last two calls.
  // Precondition: !has_frames_in_use(), and no frame waits in the ring.
  void ReleaseIdleMemory();

 private:
  enum class State : uint8_t {
    kIdle,       // the kernel has no read, and none is to be started
    kDue,        // the kernel has no read, and StartIfDue starts one
    kReading,    // the kernel has a read
    kStopping,   // it was told to end the read, for a pause
    kAbandoned,  // it was told to end the read, as the file goes
    kClosing,    // it was told to end the read, for good
    kClosed,     // the kernel has no read, and never has one again
  };
  // The state of the memory behind the buffers.
  enum class Pages : uint8_t {
    kReleased,  // or never used
    kIdle,      // not used since the last ReleaseIdleMemory, but before
    kInUse,     // used since then
  };

  void TakeFrame(BufferId buffer, size_t length, FrameBatch& received);
  void DropReceived(DropReason reason);
  [[nodiscard]] bool OnReadEnded(int32_t result);
  [[nodiscard]] bool OnReadFailed(int error);
  void Stop(State why);
  [[nodiscard]] Tag ReadTag() const;

  const PortIdentity& identity_;
  FileKind kind_;
  std::shared_ptr<std::atomic_flag> told_unsupported_;
  Framing framing_;

  std::optional<BufferMemory> memory_;
  std::optional<BufferPool> pool_;
  // The buffers that the ring does not have: first those that `limit_` withholds from it, which are
  // at home, then those that were taken out of the pool since the last ReturnBuffers. Its capacity
  // is reserved.
  std::vector<BufferId> taken_;
  size_t withheld_ = 0;                 // how many of them `limit_` withholds
  size_t limit_ = kReceiveBufferCount;  // frames in a turn
  uint64_t frames_taken_ = 0;
  Pages pages_ = Pages::kReleased;

  Ring* ring_ = nullptr;  // null until the first Register
  std::optional<FileSlot> slot_;
  State state_ = State::kIdle;
  bool pause_wanted_ = false;  // never while `state_` is kReading
  ReadFault fault_ = ReadFault::kNone;
  int error_ = 0;  // of the last read that failed
};

}  // namespace tapswitch
