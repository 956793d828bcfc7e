// The far side of a TAP in a test: sends and receives frames on an interface by AF_PACKET.

#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class PacketSocket {
 public:
  // Opens a socket on interface `name` in the thread's namespace. It receives frames of this
  // EtherType; all, or none with 0.
  explicit PacketSocket(const std::string& name, uint16_t protocol = ETH_P_ALL)
      : socket_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    Set(SOL_PACKET, PACKET_AUXDATA, 1);
    Set(SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol);
    address.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0)
        << name;
  }

  void Send(std::span<const std::byte> frame) const {
    EXPECT_TRUE(TrySend(frame)) << strerror(errno);
  }

  // Sends a frame. Returns false if the kernel refuses it, with errno.
  [[nodiscard]] bool TrySend(std::span<const std::byte> frame) const {
    return send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
  }

  // Sends a frame with unfinished work (PACKET_VNET_HDR, packet(7)). Only for a socket that
  // receives nothing, as it would get such headers, too. Returns false if the kernel refuses the
  // frame, with errno.
  [[nodiscard]] bool SendUnfinished(const VirtioNetHeader& header,
                                    std::span<const std::byte> frame) const {
    Set(SOL_PACKET, PACKET_VNET_HDR, 1);
    std::vector<std::byte> wire(kVirtioNetHeaderSize);
    StoreVirtioNetHeader(header, std::span(wire).first<kVirtioNetHeaderSize>());
    wire.insert(wire.end(), frame.begin(), frame.end());
    return TrySend(wire);
  }

  // Returns the next frame that came in on the interface, in its form on the wire; empty if none
  // comes within `limit`.
  [[nodiscard]] std::vector<std::byte> Receive(
      std::chrono::milliseconds limit = std::chrono::seconds(10)) const {
    std::array<std::byte, 65536> bytes{};
    std::array<std::byte, CMSG_SPACE(sizeof(tpacket_auxdata))> control{};
    for (;;) {
      pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, static_cast<int>(limit.count())) != 1) return {};
      sockaddr_ll from{};
      iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
      msghdr message{.msg_name = &from,
                     .msg_namelen = sizeof(from),
                     .msg_iov = &part,
                     .msg_iovlen = 1,
                     .msg_control = control.data(),
                     .msg_controllen = control.size()};
      const ssize_t size = recvmsg(socket_.get(), &message, 0);
      if (size < 0) return {};
      if (from.sll_pkttype == PACKET_OUTGOING) continue;
      std::vector<std::byte> frame(bytes.begin(), bytes.begin() + size);
      PutTagBack(message, frame);
      return frame;
    }
  }

  // Returns when the frame that was received last came in on the interface, by the real-time clock:
  // the kernel notes that (SIOCGSTAMPNS, packet(7)) however late the receiver gets a processor. It
  // does so from the first call on; what that returns means nothing.
  [[nodiscard]] std::chrono::nanoseconds last_arrival() const {
    timespec stamp{};
    static_cast<void>(ioctl(socket_.get(), SIOCGSTAMPNS_NEW, &stamp));
    return std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec);
  }

 private:
  void Set(int level, int option, int value) const {
    EXPECT_EQ(setsockopt(socket_.get(), level, option, &value, sizeof(value)), 0) << option;
  }

  // The kernel takes the outer VLAN tag out of a frame and hands it over beside it (packet(7)).
  static void PutTagBack(msghdr& message, std::vector<std::byte>& frame) {
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != PACKET_AUXDATA) return;
    tpacket_auxdata about{};
    std::memcpy(&about, CMSG_DATA(header), sizeof(about));
    if ((about.tp_status & TP_STATUS_VLAN_VALID) == 0) return;
    std::array<std::byte, kVlanTagSize> tag{};
    StoreBe16(tag.data(), about.tp_vlan_tpid);
    StoreBe16(tag.data() + 2, about.tp_vlan_tci);
    frame.insert(frame.begin() + 2 * kMacAddressSize, tag.begin(), tag.end());
  }

  FileDescriptor socket_;
};

}  // namespace tapswitch
