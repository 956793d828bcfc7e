#include "ports/interface/netdev/lost_bpdus.h"

#include <sys/socket.h>

#include <cerrno>

namespace tapswitch {

void LostBpdus::Forget() {
  std::byte start{};
  for (size_t i = 0; i < kMost && is_open(); ++i) {
    if (recv(socket_.get(), &start, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) return;
  }
}

bool LostBpdus::Receive(const PortIdentity& port, FrameBatch& received) {
  bool has_some = false;
  for (auto& place : frames_) {
    if (!is_open() || received.full()) break;
    std::byte* const frame = place.data() + kVirtioNetHeaderSize;
    const ssize_t size = recv(socket_.get(), frame, kSize, MSG_DONTWAIT);
    if (size < 0 && errno != EAGAIN) continue;  // such as ENETDOWN: told once, before what waits
    if (size < static_cast<ssize_t>(kEthernetHeaderSize)) break;
    const auto length = static_cast<size_t>(size);
    port.counters->received.Add(length);
    received.push_back({.wire = {place.data(), kVirtioNetHeaderSize + length},
                        .ingress = port.id,
                        .needed = {},
                        .offload = {}});
    has_some = true;
  }
  return has_some;
}

}  // namespace tapswitch
