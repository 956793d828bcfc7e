// Has the other end of a veth pair cut what it sends, in whichever namespace it is: for kernels
// whose packet sockets lose frames that are to be cut (packet_offloads.h).
//
// drivers/net/veth.c takes all segmentation (NETIF_F_GSO_SOFTWARE: TSO, UDP, SCTP and lists of
// fragments) off the features of the end that sends to one with an XDP program, so one that passes
// every frame is attached. GRO of the near end joins TCP again meanwhile, without which a stream
// would be several times slower. It joins UDP only for a socket of the near end's namespace that
// asks for it (UDP_GRO) and has the same port on all addresses.

#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"
#include "ports/port_handover.h"

namespace tapswitch {

class PeerSegmentationOff {
 public:
  // For as long as the object lives. `ifindex` is the near end. AlreadyExists where there is
  // another XDP program, which has the same effect; other errors say what failed. Requires
  // CAP_NET_ADMIN, CAP_BPF until the program has been loaded for the first time, and CAP_SYS_ADMIN
  // in another namespace than the thread's. Any thread may call it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<PeerSegmentationOff>> Apply(
      const NetworkNamespace& netns, int ifindex);

  // Adds what a successor needs to keep that up, and takes it over; null where there is nothing.
  [[nodiscard]] bool HandOver(PortHandover& to) const;
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<PeerSegmentationOff>> Inherit(
      const NetworkNamespace& netns, int ifindex, PortHandover& inherited);

  // Turns GRO of the near end off again, if it was off. A switch that is killed leaves it on.
  ~PeerSegmentationOff();
  PeerSegmentationOff(const PeerSegmentationOff&) = delete;
  PeerSegmentationOff& operator=(const PeerSegmentationOff&) = delete;

 private:
  PeerSegmentationOff(NetworkNamespace netns, int ifindex, FileDescriptor program);

  NetworkNamespace netns_;
  int ifindex_;
  FileDescriptor program_;  // it is attached while this is open
  bool made_gro_ = false;
};

}  // namespace tapswitch
