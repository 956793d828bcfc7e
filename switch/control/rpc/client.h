// One connection to the control socket: its bytes in and out, without any policy.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "ports/os/file_descriptor.h"
#include "switch/control/rpc/line_buffer.h"
#include "switch/control/rpc/output_queue.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

// The user and group of a client when it connected (SO_PEERCRED); -1 if the kernel does not tell.
struct ControlPeer {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};

class Client {
 public:
  // `fd` is a connected, non-blocking stream socket.
  explicit Client(FileDescriptor fd);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const ControlPeer& peer() const { return peer_; }

  // Reads once, at most 64 KiB. May find that the peer hung up.
  void Receive();
  [[nodiscard]] LineBuffer& input() { return input_; }
  [[nodiscard]] const LineBuffer& input() const { return input_; }
  // Whether no more bytes will come.
  [[nodiscard]] bool input_ended() const { return input_ended_; }
  // Drops the input, and ignores further input.
  void EndInput();

  // Queues a line. A line to a client that hung up is dropped.
  void QueueReply(std::string line, Tick now);
  void QueueEvent(std::string line, Tick now);
  // Sends as much as possible, at most 1 MiB.
  void Send(Tick now);
  // Whether Send() has no effect until EPOLLOUT reports room.
  [[nodiscard]] bool awaits_room() const { return awaits_room_; }
  void OnWritable() { awaits_room_ = false; }
  [[nodiscard]] const OutputQueue& output() const { return output_; }
  [[nodiscard]] bool replies_sent() const { return output_.sent() >= reply_end_; }

  // Whether the peer is gone for good: nothing can be sent, but data that it sent can be read.
  [[nodiscard]] bool hung_up() const { return hung_up_; }
  // Whether the kernel says so, also if nobody has noticed it yet.
  [[nodiscard]] bool HasHungUp() const;
  void HangUp();

  // The times since when data are unsent, and when data were last sent; valid while unsent() > 0.
  [[nodiscard]] Tick unsent_since() const { return unsent_since_; }
  [[nodiscard]] Tick progress_at() const { return progress_at_; }

  // Whether nothing is left to do for this client.
  [[nodiscard]] bool finished() const {
    return input_ended_ && !input_.has_line() && output_.empty();
  }

  // State of the owner, the control socket.
  bool is_trusted = true;
  Tick active_at;  // when it came, or its last request was served
  bool push_refused = false;
  bool is_streaming = false;  // it is sent a stream, so it may read slowly
  bool watched = true;        // epoll watches it
  uint32_t armed = 0;         // the events epoll is asked for

 private:
  FileDescriptor fd_;
  ControlPeer peer_;
  LineBuffer input_;
  OutputQueue output_;
  uint64_t reply_end_ = 0;  // position in the stream of output_: the end of the last reply
  Tick unsent_since_;
  Tick progress_at_;
  bool input_ended_ = false;
  bool awaits_room_ = false;
  bool hung_up_ = false;
};

}  // namespace tapswitch
