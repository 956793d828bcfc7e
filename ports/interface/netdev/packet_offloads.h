// The unfinished work that a packet socket of this kernel takes.

#pragma once

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

// All that a virtio-net header can express, as far as this kernel reads it: what the device cannot
// do itself, the kernel finishes in front of it (net/core/dev.c, validate_xmit_skb). Segmentation
// of UDP came with Linux 6.2; before, a write that asks for it fails (EINVAL), and so does the read
// of a frame that a station has left so, which is lost then.
//
// The first call tries it, on the loopback interface of a network namespace of its own, where
// nobody sees the frame; without the right to make one (CAP_SYS_ADMIN) the kernel's release
// decides. The answer is kept, and logged. Any thread may call it.
[[nodiscard]] OffloadSet PacketSocketOffloads();

// From `release` as uname(2) tells it, such as "6.1.0-18-amd64".
[[nodiscard]] bool ReleaseKnowsUdpSegmentation(const char* release);

}  // namespace tapswitch
