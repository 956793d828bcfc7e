// A port whose frames pass through a network interface of the kernel: the data path, and what the
// switch does when the interface comes and goes.
//
// The link is up when the interface is administratively up and reading from it works. Whatever
// makes that doubtful (an event from the kernel, an error of a read or a write) leads to one
// question to the kernel, where the interface is and how it is (LinkQuery), and its answer decides.
// So a stale event or a late error never leaves the port in a wrong state.
//
// A port may have several queues, each an InterfacePort of its own on a thread of its own. The first
// speaks for the port: it alone asks the kernel, and logs what becomes of the link (link_answer.h).
//
// There are two kinds. A TAP (tap_port.h) is the switch's own: it is one with the open file, and on
// its far side is a station. Another interface (netdev_port.h) is the near side of something: its
// address is an address of the bridge, it may have no carrier, and one that is deleted may return.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/long_frames.h"
#include "ports/netlink/link_monitor.h"
#include "ports/os/buffer_memory.h"
#include "ports/os/file_descriptor.h"
#include "ports/port.h"
#include "ports/ring/buffer_pool.h"
#include "ports/ring/ring.h"

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

// Finds out where the interface is now, sees to it that its namespace is watched, and tells its
// state. NotFound: it has been deleted. Aborted: so it has, the message is the whole story for the
// user, and the file is of no use any more. Any other error: it cannot be known.
using LinkQuery = std::function<absl::StatusOr<LinkEvent>()>;

enum class QueueRole : uint8_t {
  kFirst,     // or only
  kFollower,  // hears of the link what the first was told
};

class InterfacePort : public Port {
 public:
  // Precondition: closed(), or never started.
  ~InterfacePort() override;
  InterfacePort(const InterfacePort&) = delete;
  InterfacePort& operator=(const InterfacePort&) = delete;

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] absl::Status Start(Ring& ring) override;
  void OnCompletions(std::span<const Completion> completions, FrameBatch& received) override;
  void LimitReceiving(size_t frames) override;
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override;
  [[nodiscard]] bool wants_retry() const override { return starved_ && !closing_; }
  void Retry() override;
  void Rest() override;
  void OnLinkChange(const LinkEvent& link) override;
  void OnLinkAnswer() override;
  void BeginClose() override;
  [[nodiscard]] bool closed() const override { return closing_ && !reading_; }
  void Detach() override;

 protected:
  // What frames come and go by. A packet socket is one of an interface that is not the switch's own.
  struct Medium {
    FileDescriptor file;
    FileKind kind = FileKind::kFrames;
    QueueRole role = QueueRole::kFirst;
    OffloadSet accepted;
    LinkQuery query;
    // Where another thread asks, `query` gives the last answer. This has that thread ask again, and then
    // call OnLinkAnswer; it does not wait. Null: `query` asks the kernel itself.
    std::function<void()> refresh{};
    // Closes what the port has no use for any more, on a thread that may wait: closing a packet socket
    // waits until no processor can be using it, closing a TAP for the lock of rtnetlink. Null: here.
    std::function<void(std::shared_ptr<void>)> discard{};
    // Where the file may have to be replaced: the new one if, since it was asked last, there is one.
    // It is asked after the query.
    std::function<FileDescriptor()> new_file{};
    // Of a packet socket: the host's network stack has the frames, too.
    bool shared_with_host = false;
    // Of all queues of the port: set once the log has been told of frames with unsupported offloads.
    // Null: of this one.
    std::shared_ptr<std::atomic_flag> told_unsupported{};
  };

  InterfacePort(PortIdentity identity, Medium medium);

  [[nodiscard]] int fd() const { return medium_.file.get(); }

 private:
  // How reading goes, where it is not simply going on.
  enum class ReadFault : uint8_t {
    kNone,
    kOnce,    // it failed; it is tried again
    kFailed,  // it failed again with no frame in between; it waits for the link to come up
  };

  [[nodiscard]] bool is_foreign() const { return medium_.kind == FileKind::kPacketSocket; }
  void TakeFrame(BufferId buffer, size_t length, FrameBatch& received);
  void DropReceived(DropReason reason);
  void OnReadEnded(int32_t result);
  void OnReadFailed(int error);
  void OnWritesFailed(int32_t error, const LostFrames& lost);
  void DropAll(std::span<const WireFrame> frames, DropReason reason) const;
  void SendByRing(std::span<const WireFrame> frames);
  void SendLong(const WireFrame& frame);
  [[nodiscard]] int TrySendLong(const WireFrame& frame);
  void ReturnBuffers();
  void StartReading();
  void LookAgain();
  void ResolveDoubt();
  void AskForLink();
  void TakeNewFile();
  void DropFile();
  void Discard(FileDescriptor& file);
  bool SwitchFile();
  [[nodiscard]] absl::Status TakeSlot();
  void UpdateStatus();
  [[nodiscard]] std::string WhyDown() const;
  [[nodiscard]] bool speaks() const;
  void LogLink(bool link_up, std::string_view reason) const;
  [[nodiscard]] Tag MakeTag(Operation operation) const;

  PortIdentity identity_;
  PortStatus status_;
  Medium medium_;

  std::optional<BufferMemory> memory_;
  std::optional<BufferPool> pool_;
  bool used_since_rest_ = false;
  bool used_before_ = false;  // pages of the buffers may be in use
  // The buffers that the ring does not have: first those that `limit_` withholds from it, which are at
  // home, then those that were taken out of the pool since the last Recycle. Its capacity is reserved.
  std::vector<BufferId> taken_;
  size_t withheld_ = 0;                 // how many of them `limit_` withholds
  size_t limit_ = kReceiveBufferCount;  // frames in a turn

  Ring* ring_ = nullptr;                   // null until Start has succeeded
  std::optional<FileSlot> slot_;           // nothing when a new file could not be registered
  std::optional<LongFrames> long_frames_;  // of the file, once there was such a frame
  FileDescriptor next_file_;       // takes the place of the medium's once no read is going on
  LinkEvent link_;                 // as last known; ifindex 0 when it is not known
  bool link_known_ = true;         // false: the last query failed, and the link is taken to be up
  bool cannot_send_long_ = false;  // the log has been told why
  bool deleted_ = false;
  std::string deletion_;     // what the query said of it, if it said why
  bool drops_file_ = false;  // the file is to be closed once no read is going on
  bool closing_ = false;
  bool reading_ = false;        // the kernel has a read of ours
  bool restart_ = false;        // it has none, and Recycle is to start one
  bool in_doubt_ = false;       // an error calls for a query
  bool awaits_answer_ = false;  // such a query is under way, and nothing is read meanwhile
  bool starved_ = false;        // a file, or room for it in the ring, could not be had: Retry
  ReadFault read_fault_ = ReadFault::kNone;
  int read_error_ = 0;  // errno, when read_fault_ is not kNone; 0: end of file
};

}  // namespace tapswitch
