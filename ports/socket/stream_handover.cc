// A stream port is handed over to another process, and taken over, here.

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "ports/socket/stream_port.h"

namespace tapswitch {

bool StreamPort::HandOver(size_t /*queue*/, PortHandover& to) const {
  return to.AddCopy("socket", listener_->fd());
}

bool StreamPort::HandOverPaused(PortHandover& to) const {
  if (!connection_.valid()) return true;
  bool is_complete = to.AddCopy("connection", connection_.get());
  const std::span<const std::byte> unread = buffers_->framer.rest();
  if (!unread.empty()) is_complete = is_complete && to.AddBytes("unread", unread);
  const SendQueue& queue = buffers_->queue;
  if (queue.empty()) return is_complete;
  std::vector<std::byte> unsent;
  for (const iovec& piece : queue.AllBytes()) {
    const auto* const bytes = static_cast<const std::byte*>(piece.iov_base);
    unsent.insert(unsent.end(), bytes, bytes + piece.iov_len);
  }
  to.numbers["first_left"] = queue.first_left();
  to.numbers["first_frame"] = queue.first_frame();
  return is_complete && to.AddBytes("unsent", unsent);
}

// Bytes that make no sense end the connection, as frames could not be found in it any more.
void StreamPort::TakeOverPaused(PortHandover& from) {
  if (!from.has("connection") || connection_.valid() || closing_ || ring_ == nullptr) return;
  StopWatching();
  if (absl::Status connected = Connect(from.Take("connection")); !connected.ok()) {
    return Disconnect(std::string(connected.message()));
  }
  const auto unread = from.TakeBytes("unread", buffers_->framer.Room().size());
  std::copy(unread.begin(), unread.end(), buffers_->framer.Room().begin());
  buffers_->framer.Add(unread.size());
  const auto unsent = from.TakeBytes("unsent", SendQueue::kMaxBytes);
  if (!buffers_->queue.Restore(unsent, from.number("first_left"), from.number("first_frame"))) {
    return Disconnect("what was to be sent by it was not handed over whole");
  }
  if (!unsent.empty()) AwaitWritability(true);
}

}  // namespace tapswitch
