#include "ports/socket/datagram_outbox.h"

#include <algorithm>

#include "switch/forwarding/frame.h"

namespace tapswitch {

// Writes the pieces of a frame, without the virtio-net header, to the beginning of `list`, which
// has room for them. Returns how many there are.
size_t DatagramOutbox::Gather(const WireFrame& frame, std::span<iovec> list) {
  size_t size = 0;
  size_t header = kVirtioNetHeaderSize;
  for (const Piece& piece : frame.pieces.first(std::min(frame.pieces.size(), kMaxPieces))) {
    list[size++] = {.iov_base = const_cast<std::byte*>(piece.data) + header,
                    .iov_len = piece.size - header};
    header = 0;
  }
  return size;
}

void DatagramOutbox::Pack(std::span<const WireFrame> frames, const DatagramRuns& runs,
                          const msghdr& destination) {
  std::span<iovec> room(pieces_);
  frames = frames.first(std::min(frames.size(), kMaxFrames));
  for (count_ = 0; !frames.empty(); ++count_) {
    const size_t length = runs.Length(frames);
    size_t used = 0;
    for (const WireFrame& frame : frames.first(length)) used += Gather(frame, room.subspan(used));
    msghdr& message = messages_[count_].msg_hdr;
    message = destination;
    message.msg_iov = room.data();
    message.msg_iovlen = used;
    if (length > 1) marks_[count_].Put(static_cast<uint16_t>(frames.front().size), message);
    lengths_[count_] = length;
    room = room.subspan(used);
    frames = frames.subspan(length);
  }
}

}  // namespace tapswitch
