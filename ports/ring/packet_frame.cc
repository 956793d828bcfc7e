#include "ports/ring/packet_frame.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tapswitch {
namespace {

// The parts of struct io_uring_recvmsg_out, which is no longer than this.
enum Word : uint8_t { kNameSize, kControlSize, kPayloadSize, kFlags, kWords };
constexpr size_t kOutSize = kWords * sizeof(uint32_t);

[[gnu::no_sanitize_address]] void StoreWord(std::byte* to, uint32_t value) {
  volatile std::byte* at = to;  // or it becomes a call of memcpy, which is checked
  for (size_t i = 0; i < sizeof(value); ++i) {
    *at++ = reinterpret_cast<const std::byte*>(&value)[i];
  }
}

uint32_t LoadWord(std::span<const std::byte, kPacketPreambleSize> preamble, Word word) {
  uint32_t value = 0;
  std::memcpy(&value, preamble.data() + word * sizeof(value), sizeof(value));
  return value;
}

}  // namespace

PacketFrame ParsePacketPreamble(std::span<const std::byte, kPacketPreambleSize> preamble) {
  PacketFrame message{.truncated = (LoadWord(preamble, kFlags) & MSG_TRUNC) != 0};
  if (LoadWord(preamble, kControlSize) < CMSG_LEN(sizeof(tpacket_auxdata))) return message;
  cmsghdr control{};
  std::memcpy(&control, preamble.data() + kOutSize, sizeof(control));
  if (control.cmsg_level != SOL_PACKET || control.cmsg_type != PACKET_AUXDATA) return message;
  tpacket_auxdata about{};
  std::memcpy(&about, preamble.data() + kOutSize + CMSG_LEN(0), sizeof(about));
  if ((about.tp_status & TP_STATUS_VLAN_VALID) == 0) return message;
  constexpr uint16_t kCustomerTag = 0x8100;
  message.has_tag = true;
  message.tag_type =
      (about.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? about.tp_vlan_tpid : kCustomerTag;
  message.tag_value = about.tp_vlan_tci;
  return message;
}

void StorePacketPreamble(std::byte* buffer, uint32_t control_size, uint32_t payload_size,
                         uint32_t flags) {
  StoreWord(buffer + kNameSize * sizeof(uint32_t), 0);
  StoreWord(buffer + kControlSize * sizeof(uint32_t), control_size);
  StoreWord(buffer + kPayloadSize * sizeof(uint32_t), payload_size);
  StoreWord(buffer + kFlags * sizeof(uint32_t), flags);
}

ssize_t ReceivePacket(int fd, std::byte* buffer, size_t size) {
  iovec part{.iov_base = buffer + kPacketPreambleSize, .iov_len = size - kPacketPreambleSize};
  msghdr message{.msg_name = nullptr,
                 .msg_namelen = 0,
                 .msg_iov = &part,
                 .msg_iovlen = 1,
                 .msg_control = buffer + kOutSize,
                 .msg_controllen = kPacketControlSize,
                 .msg_flags = 0};
  // Past the C library, whose interceptor in AddressSanitizer would take the kernel's filling a
  // poisoned buffer for a stray write.
  ssize_t length = 0;
  do {
    length = syscall(SYS_recvmsg, fd, &message, MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length <= 0) return length;
  StorePacketPreamble(buffer, static_cast<uint32_t>(message.msg_controllen),
                      static_cast<uint32_t>(length), static_cast<uint32_t>(message.msg_flags));
  return length + static_cast<ssize_t>(kPacketPreambleSize);
}

}  // namespace tapswitch
