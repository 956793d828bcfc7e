// A port that accepts a connection on a Unix stream socket. QEMU's `-netdev stream,
// addr.type=unix,addr.path=PATH,server=off[,reconnect=N]` makes one. Each frame follows its length.
//
// Theory of operation. The port reads and writes itself, many frames in one system call. The ring
// only watches: the listening socket while there is no connection, otherwise the connection. So a
// turn costs one recvmsg(2) and one sendmsg(2) for each busy connection, whatever the number of
// frames. The ring would make the same calls, but each would need a buffer while it is in progress.
// All calls are non-blocking.
//
// Ports with the same path share the listening socket, each with its own descriptor. A new
// connection goes to a port that has none; if all have one, it waits in the kernel's queue. That
// queue is short: if it is full, connecting fails, at no cost for the switch. At most one
// connection begins per port and turn.
//
// Frames that the receiver does not take at once are copied into a queue of fixed size. If the
// queue is full, frames are dropped and counted.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ports/accept_pace.h"
#include "ports/os/buffer_memory.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/unix/unix_listener.h"
#include "ports/port.h"
#include "ports/ring/ring.h"
#include "ports/socket/received_frames.h"
#include "ports/socket/send_queue.h"
#include "ports/socket/stream_framer.h"

namespace tapswitch {

class StreamPort final : public Port {
 public:
  StreamPort(PortIdentity identity, std::shared_ptr<UnixListener> listener, uint32_t mtu);
  // Precondition: closed(), or never started.
  ~StreamPort() override;
  StreamPort(const StreamPort&) = delete;
  StreamPort& operator=(const StreamPort&) = delete;

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] absl::Status Start(Ring& ring) override;
  void OnCompletions(std::span<const Completion> completions, FrameBatch& received) override;
  [[nodiscard]] bool Receive(FrameBatch& received) override;
  void LimitReceiving(size_t frames) override {
    limit_ = std::min(frames, ReceivedFrames::kMaxFrames);
  }
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override {}
  [[nodiscard]] bool wants_retry() const override {
    return (starved_ || pace_.wants_refill()) && !closing_;
  }
  void Retry() override;
  [[nodiscard]] bool Pause() override;
  void Resume() override;
  [[nodiscard]] bool paused() const override { return pause_wanted_ && !has_whole_frames_; }
  [[nodiscard]] bool HandOver(size_t queue, PortHandover& to) const override;
  [[nodiscard]] bool HandOverPaused(PortHandover& to) const override;
  void TakeOverPaused(PortHandover& from) override;
  void OnLinkChange(const LinkEvent& /*link*/) override {}
  void BeginClose() override;
  [[nodiscard]] bool closed() const override { return closing_; }
  void Detach() override { ring_ = nullptr; }

 private:
  // The memory of a connection. A port has none before its first connection.
  struct Buffers {
    explicit Buffers(BufferMemory pages);
    BufferMemory memory;
    StreamFramer framer;
    ReceivedFrames frames;
    SendQueue queue;
  };

  [[nodiscard]] absl::Status WatchListener();
  // Returns true if more connections may be waiting.
  [[nodiscard]] bool Accept();
  [[nodiscard]] absl::Status Connect(FileDescriptor connection);
  void Disconnect(std::string_view why);
  void LogConnection(std::chrono::nanoseconds now);
  void StopWatching();
  void WaitForClient();
  void LogStarvation(int error);
  // Returns the result of recv(2), or -errno.
  [[nodiscard]] ptrdiff_t Read();
  [[nodiscard]] bool TakeFrames(FrameBatch& received);
  void WatchAgain();
  void EndOfStream(ptrdiff_t result);
  [[nodiscard]] std::span<const WireFrame> SendNow(std::span<const WireFrame> frames);
  void SendQueued();
  void AwaitWritability(bool wanted);
  void DropAll(std::span<const WireFrame> frames, DropReason reason) const;
  [[nodiscard]] Tag MakeTag() const;

  PortIdentity identity_;
  PortStatus status_;
  std::shared_ptr<UnixListener> listener_;
  FileDescriptor listening_;  // a copy of the listener's
  AcceptPace pace_;
  FileDescriptor connection_;
  std::unique_ptr<Buffers> buffers_;

  Ring* ring_ = nullptr;  // null until Start has succeeded
  uint32_t watched_ = 0;  // counts watches, so that completions of earlier ones are ignored
  bool watching_ = false;
  bool awaits_writability_ = false;
  bool starved_ = false;  // descriptors, memory or places in the ring were short: retry
  bool starvation_is_logged_ = false;  // since the last connection
  // These limit the log, so that a client that reconnects over and over does not hide other
  // messages.
  std::chrono::nanoseconds log_second_{0};
  uint32_t logged_ = 0;                        // connections logged since then
  uint32_t left_out_ = 0;                      // connections that were not logged
  bool logs_end_ = false;                      // whether to log the end of this connection
  bool ending_ = false;                        // the peer has hung up, but data may be unread
  size_t limit_ = ReceivedFrames::kMaxFrames;  // frames per turn
  bool closing_ = false;
  bool pause_wanted_ = false;
  bool has_whole_frames_ = false;  // that were read, and are to be received in the next turn
};

}  // namespace tapswitch
