// The feature bits of virtio-net (virtio 1.2, 5.1.3 and 6) and of vhost-user that the switch knows.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tapswitch {

struct VirtioFeature {
  unsigned bit;
  std::string_view name;
};

namespace virtio {

inline constexpr unsigned kCsum = 0;
inline constexpr unsigned kGuestCsum = 1;
inline constexpr unsigned kMtu = 3;
inline constexpr unsigned kGuestTso4 = 7;
inline constexpr unsigned kGuestTso6 = 8;
inline constexpr unsigned kGuestEcn = 9;
inline constexpr unsigned kHostTso4 = 11;
inline constexpr unsigned kHostTso6 = 12;
inline constexpr unsigned kHostEcn = 13;
inline constexpr unsigned kMrgRxbuf = 15;
inline constexpr unsigned kAnyLayout = 27;
inline constexpr unsigned kIndirectDesc = 28;
inline constexpr unsigned kEventIdx = 29;
inline constexpr unsigned kProtocolFeatures = 30;  // of vhost-user
inline constexpr unsigned kVersion1 = 32;
inline constexpr unsigned kGuestUso4 = 54;
inline constexpr unsigned kGuestUso6 = 55;
inline constexpr unsigned kHostUso = 56;

}  // namespace virtio

// The bits that the switch offers. STATUS, the control queue and what goes with it are the front
// end's work, but guests get them only if the device offers them.
inline constexpr std::array kOfferedFeatures{
    VirtioFeature{virtio::kCsum, "CSUM"},
    VirtioFeature{virtio::kGuestCsum, "GUEST_CSUM"},
    VirtioFeature{virtio::kMtu, "MTU"},
    VirtioFeature{virtio::kGuestTso4, "GUEST_TSO4"},
    VirtioFeature{virtio::kGuestTso6, "GUEST_TSO6"},
    VirtioFeature{virtio::kGuestEcn, "GUEST_ECN"},
    VirtioFeature{virtio::kHostTso4, "HOST_TSO4"},
    VirtioFeature{virtio::kHostTso6, "HOST_TSO6"},
    VirtioFeature{virtio::kHostEcn, "HOST_ECN"},
    VirtioFeature{virtio::kMrgRxbuf, "MRG_RXBUF"},
    VirtioFeature{16, "STATUS"},
    VirtioFeature{17, "CTRL_VQ"},
    VirtioFeature{18, "CTRL_RX"},
    VirtioFeature{19, "CTRL_VLAN"},
    VirtioFeature{21, "GUEST_ANNOUNCE"},
    VirtioFeature{22, "MQ"},
    VirtioFeature{23, "CTRL_MAC_ADDR"},
    VirtioFeature{virtio::kAnyLayout, "ANY_LAYOUT"},
    VirtioFeature{virtio::kIndirectDesc, "INDIRECT_DESC"},
    VirtioFeature{virtio::kEventIdx, "EVENT_IDX"},
    VirtioFeature{virtio::kProtocolFeatures, "PROTOCOL_FEATURES"},
    VirtioFeature{virtio::kVersion1, "VERSION_1"},
    VirtioFeature{35, "IN_ORDER"},
    VirtioFeature{virtio::kGuestUso4, "GUEST_USO4"},
    VirtioFeature{virtio::kGuestUso6, "GUEST_USO6"},
    VirtioFeature{virtio::kHostUso, "HOST_USO"},
};

// The bits of the protocol: MQ, RARP, REPLY_ACK, NET_MTU, RESET_DEVICE, CONFIGURE_MEM_SLOTS and
// STATUS. LOG_SHMFD is not among them: a guest is not migrated while it runs.
inline constexpr std::array<unsigned, 7> kOfferedProtocolFeatures{0, 2, 3, 4, 13, 15, 16};
inline constexpr unsigned kReplyAck = 3;

}  // namespace tapswitch
