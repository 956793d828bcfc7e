// A port whose frames pass through a network interface of the kernel.
//
// It owns the open file that they come and go by, and the file's slot in the ring, and sends. A
// FrameReader receives, and a LinkFollower says what becomes of the interface.
//
// A port may have several queues, each an InterfacePort of its own on a thread of its own.
//
// There are two kinds. A TAP (tap_port.h) is the switch's own: it is one with the open file, and on
// its far side is a station. Another interface (netdev_port.h) is the near side of something: its
// address is an address of the bridge, it may have no carrier, and one that is deleted may return.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/frame_reader.h"
#include "ports/interface/link_follower.h"
#include "ports/interface/long_frames.h"
#include "ports/os/file_descriptor.h"
#include "ports/port.h"
#include "ports/ring/ring.h"

namespace tapswitch {

class InterfacePort : public Port {
 public:
  // Precondition: closed(), or never started.
  ~InterfacePort() override;
  InterfacePort(const InterfacePort&) = delete;
  InterfacePort& operator=(const InterfacePort&) = delete;

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return link_.status(); }
  [[nodiscard]] absl::Status Start(Ring& ring) override;
  void OnCompletions(std::span<const Completion> completions, FrameBatch& received) override;
  void LimitReceiving(size_t frames) override { reader_.Limit(frames); }
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override;
  [[nodiscard]] bool wants_retry() const override { return starved_ && !reader_.is_closing(); }
  void Retry() override;
  void ReleaseIdleMemory() override { reader_.ReleaseIdleMemory(); }
  [[nodiscard]] bool Pause() override;
  void Resume() override;
  [[nodiscard]] bool paused() const override { return reader_.paused(); }
  [[nodiscard]] bool pauses_lightly() const override { return true; }
  void OnLinkChange(const LinkEvent& link) override;
  void OnLinkAnswer() override;
  void BeginClose() override;
  [[nodiscard]] bool closed() const override { return reader_.is_closed(); }
  void Detach() override;

 protected:
  // The parts that a port is made of.
  struct Medium {
    // A packet socket is one of an interface that is not the switch's own.
    FileDescriptor file;
    FileKind kind = FileKind::kFrames;
    OffloadSet accepted;
    LinkSource link;
    // Closes what the port has no use for any more, on a thread that may wait: closing a packet
    // socket waits until no processor can be using it, closing a TAP for the lock of rtnetlink.
    // Null: here.
    std::function<void(std::shared_ptr<void>)> discard{};
    // Returns a replacement of the file if the interface was attached again since the last call,
    // else an invalid descriptor. It is called after the query. Null: the file is never replaced.
    std::function<FileDescriptor()> new_file{};
    // The host's network stack has the frames of the packet socket, too.
    bool shared_with_host = false;
    // Shared by all queues of the port: set once the log has been told of frames with unsupported
    // offloads. Null: this queue has one of its own.
    std::shared_ptr<std::atomic_flag> told_unsupported{};
    Framing framing = Framing::kEthernet;
  };

  InterfacePort(PortIdentity identity, Medium medium);

  [[nodiscard]] int fd() const { return file_.get(); }

  // Frames that were read since the start, whatever became of them.
  [[nodiscard]] uint64_t frames_taken() const { return reader_.frames_taken(); }

  // Another file is in place of the one that was used so far.
  virtual void OnFileSwitched() {}

 private:
  [[nodiscard]] bool is_foreign() const { return kind_ == FileKind::kPacketSocket; }
  void ReadIfDue();
  void UpdateStatus() { link_.UpdateStatus(reader_.health()); }

  void SendByRing(std::span<const WireFrame> frames);
  void SendLong(const WireFrame& frame);
  [[nodiscard]] int TrySendLong(const WireFrame& frame);
  void OnWriteCompletion(const Completion& completion);
  void OnWritesFailed(int error, const LostFrames& lost);
  void DropAll(std::span<const WireFrame> frames, DropReason reason) const;
  [[nodiscard]] Tag WriteTag() const;

  void LookAgain();
  void ResolveDoubt();
  void AskForLink();

  void TakeNewFile();
  void DropFile();
  [[nodiscard]] bool SwitchFile();
  void ForgetLongFrames();
  [[nodiscard]] absl::Status TakeSlot();
  void Discard(FileDescriptor file) const;

  PortIdentity identity_;
  FileDescriptor file_;
  FileKind kind_;
  std::function<void(std::shared_ptr<void>)> discard_;
  std::function<FileDescriptor()> new_file_;

  FrameReader reader_;
  LinkFollower link_;

  Ring* ring_ = nullptr;  // null until Start has succeeded, and after Detach
  // Takes the place of `file_` once no read is going on and no frame is in use. An invalid one: the
  // file is closed then, and has no successor yet.
  std::optional<FileDescriptor> next_file_;
  bool starved_ = false;  // a file, or room for it in the ring, could not be had: Retry
  // The way out of the file's interface for frames that the file refuses for their length, once
  // there was one. An error: there is no such way, and the log has been told.
  std::optional<absl::StatusOr<LongFrames>> long_frames_;
};

}  // namespace tapswitch
