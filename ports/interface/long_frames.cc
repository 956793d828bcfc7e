#include "ports/interface/long_frames.h"

#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "ports/interface/exclusion/tcx_tag.h"
#include "ports/os/netns.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

constexpr size_t kSlots = 8;
// The kernel looks for the bytes of a slot here (net/packet/af_packet.c, tpacket_parse_header).
constexpr size_t kBytesAt = TPACKET2_HDRLEN - sizeof(sockaddr_ll);

// Fills `to` with the first bytes of a frame, wherever its pieces are cut; false when it is
// shorter.
bool CopyFront(const WireFrame& frame, std::span<std::byte> to) {
  for (const Piece& piece : frame.pieces) {
    const size_t part = std::min(piece.size, to.size());
    std::memcpy(to.data(), piece.data, part);
    to = to.subspan(part);
    if (to.empty()) return true;
  }
  return false;
}

// The frames that have this mark are those whose tag is to be moved.
constexpr uint32_t kMark = 0x74617073;  // "taps"

struct Opened {
  FileDescriptor socket;
  FileDescriptor tag_mover;
};

absl::StatusOr<int> InterfaceOf(int packet_socket) {
  sockaddr_ll address{};
  socklen_t size = sizeof(address);
  if (getsockname(packet_socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return absl::ErrnoToStatus(errno, "getsockname of a packet socket");
  }
  return address.sll_ifindex;
}

absl::StatusOr<Opened> OpenBeside(int packet_socket, int ifindex) {
  FileDescriptor file(ioctl(packet_socket, SIOCGSKNS));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "SIOCGSKNS");
  const auto netns = NetworkNamespace::FromFile(std::move(file), "a packet socket's");
  if (!netns.ok()) return netns.status();
  const auto scope = NetnsScope::Enter(*netns);
  if (!scope.ok()) return scope.status();
  // Protocol 0: nothing arrives.
  FileDescriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return absl::ErrnoToStatus(errno, "packet socket");
  auto tag_mover = AttachTagMover(*netns, ifindex, kMark);
  return Opened{std::move(socket), tag_mover.ok() ? *std::move(tag_mover) : FileDescriptor()};
}

template <typename Value>
absl::Status SetOption(int fd, int level, int option, const Value& value, const char* what) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, what);
}

absl::Status Bind(int fd, int ifindex) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = ifindex;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "bind of a packet socket");
}

// The kernel allocates slots in whole pages, and the number of these has to be a power of two.
size_t SlotSizeFor(size_t longest) {
  auto size = static_cast<size_t>(getpagesize());
  while (size < kBytesAt + kVirtioNetHeaderSize + longest) size *= 2;
  return size;
}

}  // namespace

bool IsTooLongForSocket(const WireFrame& frame, uint32_t mtu) {
  constexpr size_t kGsoType = 1;  // in the virtio-net header
  // NOLINTNEXTLINE(*-member-init): CopyFront fills it
  std::array<std::byte, kVirtioNetHeaderSize + kEthernetHeaderSize> head;
  if (!CopyFront(frame, head) || head[kGsoType] != std::byte{0}) return false;
  const bool has_tag = LoadBe16(head.data() + head.size() - 2) == ETHERTYPE_VLAN;
  return frame.size > mtu + kEthernetHeaderSize + (has_tag ? kVlanTagSize : 0);
}

absl::StatusOr<LongFrames> LongFrames::Open(int packet_socket, size_t longest) {
  const auto ifindex = InterfaceOf(packet_socket);
  if (!ifindex.ok()) return ifindex.status();
  auto opened = OpenBeside(packet_socket, *ifindex);
  if (!opened.ok()) return opened.status();
  const int fd = opened->socket.get();
  const size_t slot_size = SlotSizeFor(longest);
  const tpacket_req request{.tp_block_size = static_cast<unsigned>(slot_size),
                            .tp_block_nr = kSlots,
                            .tp_frame_size = static_cast<unsigned>(slot_size),
                            .tp_frame_nr = kSlots};
  for (const absl::Status& set :
       {SetOption(fd, SOL_PACKET, PACKET_VERSION, int{TPACKET_V2}, "PACKET_VERSION"),
        SetOption(fd, SOL_PACKET, PACKET_VNET_HDR, int{1}, "PACKET_VNET_HDR"),
        SetOption(fd, SOL_PACKET, PACKET_TX_RING, request, "PACKET_TX_RING"),
        SetOption(fd, SOL_SOCKET, SO_MARK, kMark, "SO_MARK"), Bind(fd, *ifindex)}) {
    if (!set.ok()) return set;
  }
  void* const ring = mmap(nullptr, kSlots * slot_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (ring == MAP_FAILED) return absl::ErrnoToStatus(errno, "mmap of a PACKET_TX_RING");
  return LongFrames(std::move(opened->socket), std::move(opened->tag_mover),
                    {static_cast<std::byte*>(ring), kSlots * slot_size}, slot_size);
}

LongFrames::~LongFrames() {
  if (!ring_.empty()) munmap(ring_.data(), ring_.size());
}

int LongFrames::Send(const WireFrame& frame) {
  const size_t size = kVirtioNetHeaderSize + frame.size;
  if (kBytesAt + size > slot_size_) return EMSGSIZE;
  std::byte* const slot = ring_.data() + next_ * slot_size_;
  auto& header = *reinterpret_cast<tpacket2_hdr*>(slot);
  const std::atomic_ref status(header.tp_status);
  // One that the kernel could not send says so here, and was told of when it was sent.
  const uint32_t before = status.load(std::memory_order_acquire);
  if (before != TP_STATUS_AVAILABLE && before != TP_STATUS_WRONG_FORMAT) return EAGAIN;
  if (!CopyFront(frame, {slot + kBytesAt, size})) return EINVAL;
  header.tp_len = static_cast<uint32_t>(size);
  status.store(TP_STATUS_SEND_REQUEST, std::memory_order_release);
  const int error = send(socket_.get(), nullptr, 0, MSG_DONTWAIT) < 0 ? errno : 0;
  if (status.load(std::memory_order_acquire) == TP_STATUS_SEND_REQUEST) {
    // It did not get so far as to look at the slot, and would send it with the next one.
    status.store(TP_STATUS_AVAILABLE, std::memory_order_release);
    return error != 0 ? error : EAGAIN;
  }
  next_ = (next_ + 1) % kSlots;
  return error;
}

}  // namespace tapswitch
