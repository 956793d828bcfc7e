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

// Who a client was when it connected (SO_PEERCRED). Nobody, where the kernel does not say.
struct ControlPeer {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};

class Client {
 public:
  // A connected, non-blocking stream socket.
  explicit Client(FileDescriptor fd);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const ControlPeer& peer() const { return peer_; }

  // Reads once, at most 64 KiB. May find that the other side hung up.
  void Receive();
  [[nodiscard]] LineBuffer& input() { return input_; }
  [[nodiscard]] const LineBuffer& input() const { return input_; }
  // No more bytes will come.
  [[nodiscard]] bool input_ended() const { return input_ended_; }
  // Forgets what came, and ignores what may come.
  void EndInput();

  // Queues a line; one to a client that hung up is forgotten.
  void QueueReply(std::string line, Tick now);
  void QueueEvent(std::string line, Tick now);
  // Sends what it can, at most 1 MiB.
  void Send(Tick now);
  // Send() would achieve nothing until EPOLLOUT says there is room.
  [[nodiscard]] bool awaits_room() const { return awaits_room_; }
  void OnWritable() { awaits_room_ = false; }
  [[nodiscard]] const OutputQueue& output() const { return output_; }
  [[nodiscard]] bool replies_sent() const { return output_.sent() >= reply_end_; }

  // The other side is gone for good: nothing can be sent, but what it has sent can be read.
  [[nodiscard]] bool hung_up() const { return hung_up_; }
  void HangUp();

  // Since when something is unsent, and when some of it was sent last; while unsent() > 0.
  [[nodiscard]] Tick unsent_since() const { return unsent_since_; }
  [[nodiscard]] Tick progress_at() const { return progress_at_; }

  // Whether there is nothing left to do for it.
  [[nodiscard]] bool finished() const {
    return input_ended_ && !input_.has_line() && output_.empty();
  }

  // What its owner keeps here.
  bool push_refused = false;
  bool is_streaming = false;  // with reading
  bool watched = true;        // by epoll
  uint32_t armed = 0;         // the events epoll is asked for

 private:
  FileDescriptor fd_;
  ControlPeer peer_;
  LineBuffer input_;
  OutputQueue output_;
  uint64_t reply_end_ = 0;  // in the stream of output_: the end of the last reply
  Tick unsent_since_;
  Tick progress_at_;
  bool input_ended_ = false;
  bool awaits_room_ = false;
  bool hung_up_ = false;
};

}  // namespace tapswitch
