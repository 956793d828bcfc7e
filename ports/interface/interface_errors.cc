#include "ports/interface/interface_errors.h"

#include <cerrno>
#include <cstring>

namespace tapswitch {

// EIO and EBADFD are what a TAP answers (drivers/net/tun.c), ENETDOWN and ENXIO what a packet
// socket does (net/packet/af_packet.c).
bool SaysLinkIsDown(int error) {
  return error == EIO || error == EBADFD || error == ENODEV || error == ENETDOWN || error == ENXIO;
}

// A packet socket that is full says EAGAIN; ENOBUFS is what the queues behind it say (the queueing
// discipline, the backlog of a veth's other end), and rarely a want of memory.
DropReason ReasonForWriteError(int error, FileKind kind) {
  if (SaysLinkIsDown(error)) return DropReason::kLinkDown;
  if (error == EMSGSIZE) return DropReason::kTooLong;
  const bool is_queue = kind == FileKind::kPacketSocket && error == ENOBUFS;
  if (is_queue || error == EAGAIN) return DropReason::kQueueFull;
  if (error == ENOMEM || error == ENOBUFS) return DropReason::kNoMemory;
  return DropReason::kWriteFailed;
}

std::string DescribeReadError(int error) { return error == 0 ? "end of file" : strerror(error); }

}  // namespace tapswitch
