#include "ports/interface/netdev/kernel_attachment.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "ports/interface/netdev/packet_socket.h"
#include "ports/netlink/link_drops.h"

namespace tapswitch {
namespace {

// Has the sockets refuse all frames, and drops those that wait in them. False where that fails.
bool Empty(std::span<const FileDescriptor> sockets) {
  // More than a queue has room for.
  constexpr int kMostFrames = 1'000'000;
  for (const FileDescriptor& socket : sockets) {
    if (!RefuseAll(socket.get()).ok()) return false;
    std::byte start{};
    int dropped = 0;
    // Errors, such as ENETDOWN, are told once, before what waits.
    const auto has_more = [&] {
      return recv(socket.get(), &start, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
    };
    while (dropped < kMostFrames && has_more()) ++dropped;
    if (dropped == kMostFrames) return false;
    // What was lost until now was not counted in the seat.
    tpacket_stats unused{};
    socklen_t size = sizeof(unused);
    if (getsockopt(socket.get(), SOL_PACKET, PACKET_STATISTICS, &unused, &size) != 0) return false;
  }
  return true;
}

}  // namespace

const FileDescriptor* KernelAttachment::CarrierFor(const NetworkNamespace& netns) const {
  const bool is_possible = seat_ != nullptr && netns.id() == access_.kernel->netns();
  return is_possible ? &access_.kernel->carrier() : nullptr;
}

void KernelAttachment::OnNewSockets() {
  if (access_.kernel != nullptr) seat_ = access_.kernel->NewSeat();
}

absl::Status KernelAttachment::Attach(std::span<const FileDescriptor> sockets, int ifindex,
                                      bool carries) {
  Leave();
  NoteDropped(ifindex);
  if (!carries) {
    // They may have had the filter on an earlier interface.
    for (const FileDescriptor& socket : sockets) {
      if (seat_ == nullptr) break;
      if (absl::Status set = RefuseOutgoing(socket.get()); !set.ok()) return set;
    }
    return absl::OkStatus();
  }
  if (absl::Status seated = access_.kernel->SetSeat(ifindex, *seat_); !seated.ok()) return seated;
  for (const FileDescriptor& socket : sockets) {
    if (absl::Status set = SetFilter(socket.get()); !set.ok()) return set;
  }
  Begin(ifindex);
  return absl::OkStatus();
}

void KernelAttachment::Begin(int ifindex) {
  ifindex_ = ifindex;
  seat_->set_in_use(true);
  access_.kernel->NoteCarrier(true);
}

// The kernel may carry frames to the interface, whether or not it takes any from there.
void KernelAttachment::NoteDropped(int ifindex) const {
  if (seat_ == nullptr) return;
  if (const auto dropped = ReadTxDropped(ifindex)) seat_->SetDropped(ifindex, *dropped);
}

// The flows of the interface end, as the next one may get its number.
void KernelAttachment::Leave() {
  if (ifindex_ == 0) return;
  seat_->set_in_use(false);
  access_.kernel->NoteCarrier(false);
  access_.kernel->End(access_.port);
  access_.kernel->RemoveSeat(std::exchange(ifindex_, 0));
}

void KernelAttachment::GiveUp() {
  Leave();
  seat_.reset();
}

// Counted from 1: 0 is what is missing.
void KernelAttachment::HandOver(PortHandover& to) const {
  if (filters() && seat_ != nullptr) to.numbers["seat"] = uint64_t{seat_->number()} + 1;
}

// The filter stays as it is in any case. Without its maps it gives all frames to the sockets.
void KernelAttachment::Inherit(const PortHandover& inherited, int ifindex,
                               std::span<const FileDescriptor> sockets) {
  const uint64_t seat = inherited.number("seat");
  if (seat == 0) {
    // Flows may end there.
    OnNewSockets();
    return NoteDropped(ifindex);
  }
  const bool was_killed = inherited.number("killed") != 0;
  const bool is_known = !was_killed || Empty(sockets);
  if (access_.kernel != nullptr && is_known) {
    seat_ = access_.kernel->InheritSeat(static_cast<uint32_t>(seat - 1), was_killed);
  }
  for (const FileDescriptor& socket : sockets) {
    if (!was_killed) break;
    // Without the maps, the filter would go on by flows that nobody ends.
    const absl::Status set =
        seat_ != nullptr ? SetFilter(socket.get()) : RefuseOutgoing(socket.get());
    if (!set.ok()) seat_.reset();
  }
  if (seat_ == nullptr) return;
  NoteDropped(ifindex);
  Begin(ifindex);
}

absl::Status KernelAttachment::SetFilter(int socket) const {
  const int program = access_.kernel->filter();
  if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "SO_ATTACH_BPF");
}

}  // namespace tapswitch
