// The record of a bridge that was taken over: a file beside the control socket of the switch. It is
// written before anything is changed, and removed when all is given back. So a switch that has
// ended, for whatever reason, does not have to be asked. It is void after a restart of the machine,
// as the bridge is.

#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/netlink/linux_bridge.h"
#include "ports/os/netns.h"

namespace tapswitch {

struct AdoptionRecord {
  LinuxBridge bridge;  // as it was
  std::string uplink;  // the TAP that joins the bridge device to the switch
  NetnsId netns;       // the namespace that both are in

  bool operator==(const AdoptionRecord&) const = default;
};

// The file that belongs to a control socket.
[[nodiscard]] std::string AdoptionFile(const std::string& control_socket);

// The control socket that a file belongs to.
[[nodiscard]] std::string SocketOfAdoption(const std::string& file);

// The files of all switches in the folders of control sockets.
[[nodiscard]] std::vector<std::string> FindAdoptionFiles();

// Replaces the file, as a whole. It is on disk when this returns. PermissionDenied where others
// could exchange it, as their record would be carried out. Errors name the file.
[[nodiscard]] absl::Status WriteAdoption(const std::string& file, const AdoptionRecord& record);

// Reads the file, which root or this user has written. NotFound if there is none, or one from
// before the machine was started; PermissionDenied if it is another's. Never waits.
[[nodiscard]] absl::StatusOr<AdoptionRecord> ReadAdoption(const std::string& file);

// Removes the file, if there is one.
void RemoveAdoption(const std::string& file);

}  // namespace tapswitch
