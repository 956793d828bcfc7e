// Runs of frames of one size, each of which a UDP socket sends as one message: the kernel, or the
// card, cuts datagrams out of it (UDP_SEGMENT, since Linux 4.18). So a run takes the way through
// the kernel once. Frames that do not fit into a datagram of the network's MTU cannot be sent so.

#pragma once

#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class DatagramRuns {
 public:
  // The limits of the kernel (UDP_MAX_SEGMENTS), and of a datagram of IP with its headers.
  static constexpr size_t kMaxFrames = 64;
  static constexpr size_t kMaxBytes = 65'000;

  // A control message that tells the kernel the size of the datagrams of a message.
  class Mark {
   public:
    // Makes a run of the message. The mark stays in place until that is sent.
    void Put(uint16_t size, msghdr& message);

   private:
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(uint16_t))> bytes_;
  };

  // Runs are sent by this socket, if it is one of UDP and the kernel has them.
  void Begin(int fd);

  // Returns how many of the first frames go into one message: all of one size, but that the last
  // one may be shorter. One for a frame that is not sent as part of a run. Precondition: !empty().
  [[nodiscard]] size_t Length(std::span<const WireFrame> frames) const;

  // Takes note that a run of frames of `size` bytes was refused with `error`. Returns whether they
  // are to be sent one by one, as they are not to blame themselves.
  [[nodiscard]] bool Refused(size_t size, int error);

 private:
  size_t longest_ = 0;  // the longest frames that are sent in runs; 0: none
};

}  // namespace tapswitch
