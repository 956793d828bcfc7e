// A pair of veth interfaces that the switch makes: one end for a station in a namespace of its own,
// the other for the switch. Both have the name of the port.
//
// Nobody else is expected to use the switch's end, so the kernel may hand frames right to the
// station's (bpf_redirect_peer), where that changes nothing but the speed: see Station.

#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "ports/interface/netdev/far_end.h"
#include "ports/interface/veth/veth_options.h"
#include "ports/netlink/link_monitor.h"
#include "ports/os/netns.h"

namespace tapswitch {

class VethPair final : public FarEnd {
 public:
  // Makes the pair, the switch's end in the namespace of the calling thread, or takes the one that
  // is there, as another switch has left it (persist). Both ends are up, unless the options say
  // otherwise of the station's. Requires CAP_NET_ADMIN, and CAP_SYS_ADMIN for the namespace. Errors
  // are one line that names the port and the cure; nothing is left behind.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<VethPair>> Make(const VethOptions& options);

  // Takes over the pair of a process that keeps it; `ifindex` is that of the switch's end.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<VethPair>> Inherit(const VethOptions& options,
                                                                         int ifindex);

  // Deletes the pair, unless it persists.
  ~VethPair() override;
  VethPair(const VethPair&) = delete;
  VethPair& operator=(const VethPair&) = delete;

  void Describe(LinkMonitor& monitor, LinkEvent& link) const override;

 private:
  VethPair(VethOptions options, NetworkNamespace home, int ifindex)
      : options_(std::move(options)), home_(std::move(home)), ifindex_(ifindex) {}

  VethOptions options_;
  NetworkNamespace home_;  // of the switch's end
  int ifindex_;            // there
};

}  // namespace tapswitch
