#include "ports/interface/netdev/packet_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>

namespace tapswitch {
namespace {

// Newer than some headers (Linux 4.20, uapi linux/if_packet.h).
constexpr int kIgnoreOutgoing = 23;  // PACKET_IGNORE_OUTGOING

// The queue of frames that wait for the switch: some thousand small ones, or a hundred with 64 KiB
// of TCP. The
// kernel counts whole buffers, and twice what is asked for (socket(7)).
constexpr int kReceiveQueue = 4 << 20;
// The queue of frames that the device behind has not taken off yet.
constexpr int kSendQueue = 4 << 20;
// The queue of BPDUs has room for ten or twenty.
constexpr int kBpduQueue = 8 << 10;

absl::Status Set(int fd, int level, int option, int value, const char* what) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, what);
}

// Without CAP_NET_ADMIN the limits of net.core hold.
void SetQueue(int fd, int forced, int option, int size) {
  if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)) == 0) return;
  static_cast<void>(setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size)));
}

absl::Status SetFilter(int fd, std::span<const sock_filter> program) {
  const sock_fprog filter{.len = static_cast<uint16_t>(program.size()),
                          .filter = const_cast<sock_filter*>(program.data())};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "SO_ATTACH_FILTER");
}

// Frames to the bridge group address without a tag, whose parts the kernel keeps elsewhere.
absl::Status AcceptBpdus(int fd) {
  constexpr uint32_t kTagPresent = static_cast<uint32_t>(SKF_AD_OFF) + SKF_AD_VLAN_TAG_PRESENT;
  constexpr std::array<sock_filter, 8> kProgram{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xC2000000, 0, 5),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0180, 0, 3),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kTagPresent),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  return SetFilter(fd, kProgram);
}

}  // namespace

absl::StatusOr<FileDescriptor> OpenPacketSocket(const NetworkNamespace& netns) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  // Protocol 0: nothing arrives before it is bound.
  FileDescriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    if (errno == EPERM) {
      return absl::PermissionDeniedError(
          "no permission to attach an interface: run as root (CAP_NET_RAW)");
    }
    return absl::ErrnoToStatus(errno, "packet socket");
  }
  const int fd = socket.get();
  for (const absl::Status& set :
       {Set(fd, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR"),
        Set(fd, SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA"),
        Set(fd, SOL_PACKET, kIgnoreOutgoing, 1, "PACKET_IGNORE_OUTGOING")}) {
    if (!set.ok()) return set;
  }
  SetQueue(fd, SO_RCVBUFFORCE, SO_RCVBUF, kReceiveQueue);
  SetQueue(fd, SO_SNDBUFFORCE, SO_SNDBUF, kSendQueue);
  return socket;
}

absl::Status BindPacketSocket(int fd, int ifindex, uint16_t protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = ifindex;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "bind of a packet socket");
}

absl::StatusOr<FileDescriptor> OpenBpduSocket(const NetworkNamespace& netns, int ifindex) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  FileDescriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return absl::ErrnoToStatus(errno, "packet socket");
  const int fd = socket.get();
  SetQueue(fd, SO_RCVBUFFORCE, SO_RCVBUF, kBpduQueue);
  // ETH_P_ALL, as other sockets get nothing that is kept from the host.
  for (const absl::Status& set : {Set(fd, SOL_PACKET, kIgnoreOutgoing, 1, "PACKET_IGNORE_OUTGOING"),
                                  AcceptBpdus(fd), BindPacketSocket(fd, ifindex, ETH_P_ALL)}) {
    if (!set.ok()) return set;
  }
  return socket;
}

absl::Status RefuseAll(int fd) {
  constexpr std::array<sock_filter, 1> kProgram{{BPF_STMT(BPF_RET | BPF_K, 0)}};
  return SetFilter(fd, kProgram);
}

// A group does not know PACKET_IGNORE_OUTGOING before Linux 6.2.
absl::Status RefuseOutgoing(int fd) {
  constexpr uint32_t kPacketType = static_cast<uint32_t>(SKF_AD_OFF) + SKF_AD_PKTTYPE;
  constexpr std::array<sock_filter, 4> kProgram{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kPacketType),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  }};
  return SetFilter(fd, kProgram);
}

// Not defragmented by the kernel, which would change the frames.
absl::Status JoinGroup(int fd, uint16_t id, unsigned flags) {
  const auto argument = static_cast<int>(id | ((PACKET_FANOUT_HASH | flags) << 16U));
  return Set(fd, SOL_PACKET, PACKET_FANOUT, argument, "PACKET_FANOUT");
}

absl::StatusOr<uint16_t> FoundGroup(int fd) {
  if (absl::Status joined = JoinGroup(fd, 0, PACKET_FANOUT_FLAG_UNIQUEID); !joined.ok()) {
    return joined;
  }
  int group = 0;
  socklen_t size = sizeof(group);
  if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, &size) != 0) {
    return absl::ErrnoToStatus(errno, "PACKET_FANOUT");
  }
  return static_cast<uint16_t>(group);
}

}  // namespace tapswitch
