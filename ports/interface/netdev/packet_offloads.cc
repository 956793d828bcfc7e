#include "ports/interface/netdev/packet_offloads.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "ports/os/file_descriptor.h"
#include "ports/os/thread_start.h"
#include "spdlog/spdlog.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

constexpr size_t kIp = kEthernetHeaderSize;
constexpr size_t kUdp = kIp + ipv4::kMinHeaderSize;
constexpr size_t kHeaders = kUdp + udp::kHeaderSize;
constexpr size_t kPayload = 4;
constexpr size_t kWire = kVirtioNetHeaderSize + kHeaders + kPayload;

// A datagram from 127.0.0.1 to itself that is to be cut in two.
std::array<std::byte, kWire> TinyUdpGso() {
  std::array<std::byte, kWire> wire{};
  constexpr VirtioNetHeader kOffload{.needs_checksum = true,
                                     .gso = GsoType::kUdpL4,
                                     .header_length = kHeaders,
                                     .gso_size = kPayload / 2,
                                     .checksum_start = kUdp,
                                     .checksum_offset = udp::kChecksum};
  StoreVirtioNetHeader(kOffload, std::span(wire).first<kVirtioNetHeaderSize>());
  std::byte* const frame = &wire[kVirtioNetHeaderSize];
  constexpr uint32_t kLoopbackAddress = 0x7F000001;
  constexpr uint16_t kDiscard = 9;
  StoreBe16(frame + kTypeOffset, static_cast<uint16_t>(EtherType::kIpv4));
  StoreBe16(frame + kIp, 0x4500);
  StoreBe16(frame + kIp + ipv4::kTotalLength, kHeaders - kIp + kPayload);
  StoreBe16(frame + kIp + ipv4::kProtocol - 1, 0x0100U | kProtocolUdp);  // behind the time to live
  StoreBe32(frame + kIp + ipv4::kAddresses, kLoopbackAddress);
  StoreBe32(frame + kIp + ipv4::kAddresses + ipv4::kAddressSize, kLoopbackAddress);
  StoreBe16(frame + kUdp, kDiscard);
  StoreBe16(frame + kUdp + 2, kDiscard);
  StoreBe16(frame + kUdp + udp::kLength, udp::kHeaderSize + kPayload);
  return wire;
}

// Nothing when it cannot be tried. Moves the thread to a namespace of its own.
std::optional<bool> TryUdpSegmentation() {
  if (unshare(CLONE_NEWNET) != 0) return std::nullopt;
  const FileDescriptor socket_file(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket_file.valid()) return std::nullopt;
  ifreq request{};
  std::strncpy(static_cast<char*>(request.ifr_name), "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  if (ioctl(socket_file.get(), SIOCSIFFLAGS, &request) != 0) return std::nullopt;
  constexpr int kOn = 1;
  if (setsockopt(socket_file.get(), SOL_PACKET, PACKET_VNET_HDR, &kOn, sizeof(kOn)) != 0) {
    return std::nullopt;
  }
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_IP);
  to.sll_ifindex = static_cast<int>(if_nametoindex("lo"));
  to.sll_halen = kMacAddressSize;
  const auto wire = TinyUdpGso();
  const ssize_t sent = sendto(socket_file.get(), wire.data(), wire.size(), 0,
                              reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  if (sent >= 0) return true;
  return errno == EINVAL ? std::optional(false) : std::nullopt;
}

bool KnowsUdpSegmentation() {
  std::optional<bool> tried;
  auto trial = StartThread("a thread for a trial", [&tried] { tried = TryUdpSegmentation(); });
  if (trial.ok()) trial->join();
  utsname system{};
  uname(&system);
  const char* const release = static_cast<const char*>(system.release);
  const bool knows = tried.value_or(ReleaseKnowsUdpSegmentation(release));
  const std::string_view how = tried ? "as was tried" : "as its release says";
  if (knows) {
    spdlog::debug("packet sockets take UDP to be segmented, {}", how);
  } else {
    spdlog::info(
        "Linux {}: packet sockets do not take UDP to be segmented, {}: datagrams leave netdev "
        "ports one by one; of a veth pair the other end cuts what it sends (its TSO is off while "
        "the port is there); behind other interfaces, datagrams that a station leaves uncut "
        "(UDP_SEGMENT) are lost: use Linux 6.2, or turn it off at the station: ethtool -K "
        "INTERFACE "
        "tx-udp-segmentation off",
        release, how);
  }
  return knows;
}

}  // namespace

bool ReleaseKnowsUdpSegmentation(const char* release) {
  constexpr std::pair kFirst(6, 2);
  std::pair version(0, 0);
  // NOLINTNEXTLINE(cert-err34-c): numbers of a kernel are small
  if (std::sscanf(release, "%d.%d", &version.first, &version.second) != 2) return false;
  return version >= kFirst;
}

OffloadSet PacketSocketOffloads() {
  static const OffloadSet kOffloads = [] {
    OffloadSet offloads = OffloadSet::All();
    if (!KnowsUdpSegmentation()) {
      offloads.remove(Offload::kUdp4);
      offloads.remove(Offload::kUdp6);
    }
    return offloads;
  }();
  return kOffloads;
}

}  // namespace tapswitch
