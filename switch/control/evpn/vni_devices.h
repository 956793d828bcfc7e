// The devices of the kernel that one VNI has: its vxlan device, the shadow bridge with that for a
// port, and the shadow port, a TAP.
//
// What was made is known by its alias, so that it is found again after a crash. What somebody else
// made is used as it is, and stays. All is in the namespace of the control thread, which calls
// this.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ports/netlink/vxlan_link.h"
#include "ports/os/file_descriptor.h"
#include "switch/control/config/evpn_config.h"

namespace tapswitch {

class VniDevices {
 public:
  // `owner` is the name of the switch, for aliases.
  VniDevices(EvpnConfig config, std::string owner);

  // Takes the vxlan device, or makes it. FailedPrecondition, InvalidArgument: it cannot be used, or
  // something is missing to make one. PermissionDenied says which capability is.
  [[nodiscard]] absl::Status MakeVxlan();

  // Makes what is missing of the rest, and changes what is not as it has to be: at first, and
  // whenever something about these interfaces has changed. Sets the indices below. Returns whether
  // anything was changed.
  [[nodiscard]] absl::StatusOr<bool> Repair();
  // Has Repair use a shadow port that another process has made.
  void set_shadow(FileDescriptor shadow) { shadow_ = std::move(shadow); }
  [[nodiscard]] int shadow_fd() const { return shadow_.get(); }

  // Removes the shadow port and, if it was made, the bridge.
  void Leave();
  // Removes the vxlan device, if it was made.
  void FreeVxlan() const;

  // The indices of the interfaces; 0: it is not there.
  [[nodiscard]] int vxlan() const { return vxlan_; }
  [[nodiscard]] int bridge() const { return bridge_; }
  [[nodiscard]] int shadow() const { return shadow_index_; }
  [[nodiscard]] std::string bridge_name() const { return ShadowBridgeName(config_.vni); }
  [[nodiscard]] std::string shadow_name() const;
  // Whether an interface of that name is one of these.
  [[nodiscard]] bool Has(std::string_view name) const;

  // The device as it was last seen.
  [[nodiscard]] const std::optional<VxlanLink>& link() const { return link_; }
  // Returns the mistakes of the underlay, one line each: frames that are too long for it.
  [[nodiscard]] std::vector<std::string> Warnings() const;

 private:
  [[nodiscard]] absl::Status Check(const VxlanLink& link) const;
  void RemoveMisfits() const;
  [[nodiscard]] std::string Alias() const;
  [[nodiscard]] absl::StatusOr<bool> RepairBridge();
  [[nodiscard]] absl::StatusOr<bool> RepairShadow();
  [[nodiscard]] absl::StatusOr<bool> RepairVxlan();

  EvpnConfig config_;
  std::string owner_;
  std::optional<VxlanLink> link_;
  FileDescriptor shadow_;
  int vxlan_ = 0;
  int bridge_ = 0;
  int shadow_index_ = 0;
};

// Removes devices that a switch of that name made for VNIs which are not among `kept`, and that it
// could not remove as it was killed. Returns their names.
std::vector<std::string> RemoveLeftOvers(const std::string& owner,
                                         const std::vector<EvpnConfig>& kept);

}  // namespace tapswitch
