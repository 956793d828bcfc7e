// A port on a datagram socket, a frame a datagram, as QEMU's `-netdev dgram` has it: with
// `local.type=unix,local.path=L,remote.type=unix,remote.path=R` the port's path is R and its remote
// L; with `local.type=fd,local.str=N` the port has the other end of a socket pair. A UDP socket is
// connected, as such a pair is (udp_port.h).
//
// Theory of operation. As with streams, the ring only watches, and the port reads and writes
// itself, many datagrams in one system call (recvmmsg(2), sendmmsg(2)); over UDP, runs of one size
// are one message (datagram_runs.h). Frames are received in place, behind zeros that are never
// overwritten.
//
// There is no connection: only a send shows whether a peer is there. The kernel keeps few datagrams
// for a receiver (net.unix.max_dgram_qlen, mostly 10), so frames that it refuses wait in a queue of
// fixed size. Two descriptors tell when to continue. The port's own reports room in its own send
// buffer. A second one is connected to the peer, because the kernel reports room in the peer's
// queue only to a connected socket. The report may never come, as the peer may have been replaced.
// So the port also retries after a time, as long as frames wait.

#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "ports/os/buffer_memory.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/socket_errors.h"
#include "ports/os/unix/unix_listener.h"
#include "ports/port.h"
#include "ports/ring/ring.h"
#include "ports/socket/datagram_outbox.h"
#include "ports/socket/datagram_runs.h"
#include "ports/socket/lost_datagrams.h"
#include "ports/socket/send_queue.h"

namespace tapswitch {

class DgramPort final : public Port {
 public:
  // Uses one end of a socket pair, or another connected socket.
  DgramPort(PortIdentity identity, FileDescriptor connected, uint32_t mtu);
  // Uses a bound socket, and sends to the socket bound to `remote`. If `remote` is empty, it sends
  // to the last sender.
  DgramPort(PortIdentity identity, UnixListener socket, const std::string& remote, uint32_t mtu);
  // Precondition: closed(), or never started.
  ~DgramPort() override;
  DgramPort(const DgramPort&) = delete;
  DgramPort& operator=(const DgramPort&) = delete;

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] absl::Status Start(Ring& ring) override;
  void OnCompletions(std::span<const Completion> completions, FrameBatch& received) override;
  [[nodiscard]] bool Receive(FrameBatch& received) override;
  void LimitReceiving(size_t frames) override { limit_ = frames; }
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override {}
  void RefreshCounters() override;
  [[nodiscard]] bool wants_retry() const override {
    return ring_ != nullptr && !closing_ && !pause_wanted_ &&
           (!queue_->empty() || failures_ >= kMostSocketErrors);
  }
  void Retry() override;
  [[nodiscard]] bool Pause() override;
  void Resume() override;
  [[nodiscard]] bool paused() const override { return pause_wanted_; }
  [[nodiscard]] bool HandOver(size_t queue, PortHandover& to) const override;
  [[nodiscard]] bool HandOverPaused(PortHandover& to) const override;
  void TakeOverPaused(PortHandover& from) override;
  void OnLinkChange(const LinkEvent& /*link*/) override {}
  void BeginClose() override;
  [[nodiscard]] bool closed() const override { return closing_; }
  void Detach() override { ring_ = nullptr; }

 private:
  struct Address {
    sockaddr_un name{};
    socklen_t size = 0;  // 0: none

    [[nodiscard]] std::string path() const;
    bool operator==(const Address& other) const;
  };
  struct Inbox;

  void TakeFrame(size_t slot, FrameBatch& received);
  [[nodiscard]] bool MayHaveMore(int error);
  void Learn(const Address& sender);
  [[nodiscard]] std::span<const WireFrame> SendNow(std::span<const WireFrame> frames);
  [[nodiscard]] static DropReason ReasonFor(int error);
  void SendQueued();
  void AwaitRoom();
  void StopWaiting();
  [[nodiscard]] Tag MakeTag(uint32_t slot) const;
  [[nodiscard]] msghdr MessageFor(std::span<iovec> pieces);

  PortIdentity identity_;
  PortStatus status_;
  std::optional<UnixListener> bound_;
  FileDescriptor connected_;
  int socket_ = -1;  // the number of one of these
  Address remote_;
  bool learns_ = false;  // the remote is the last sender
  LostDatagrams lost_;
  DatagramRuns runs_;

  std::unique_ptr<Inbox> inbox_;
  std::optional<BufferMemory> memory_;
  std::optional<SendQueue> queue_;

  Ring* ring_ = nullptr;                  // null until Start has succeeded
  FileDescriptor waiter_;                 // connected to the remote while the queue is not empty
  size_t limit_ = FrameBatch::kCapacity;  // frames per turn
  int failures_ = 0;                      // of reads, in a row
  bool closing_ = false;
  bool pause_wanted_ = false;
};

}  // namespace tapswitch
