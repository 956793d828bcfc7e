// Watches the network interfaces of the namespaces that ports live in, by rtnetlink: up and down,
// MTU, renaming, removal.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/ring.h"

namespace tapswitch {

// A network namespace, by the inode of its nsfs file (the number that `ip netns` and `lsns` show).
struct NetnsId {
  uint64_t inode = 0;
  bool operator==(const NetnsId&) const = default;
};

// The state of one interface, as the kernel announced it.
struct LinkEvent {
  NetnsId netns;
  int ifindex = 0;
  std::string name;
  bool removed = false;  // deleted, or moved to another namespace
  bool up = false;       // administratively up (IFF_UP)
  uint32_t mtu = 0;
};

class LinkMonitor {
 public:
  using Listener = std::function<void(const LinkEvent&)>;

  // `ring` outlives the monitor. `listener` is called from OnReadable.
  LinkMonitor(Ring& ring, Listener listener);
  ~LinkMonitor();
  LinkMonitor(const LinkMonitor&) = delete;
  LinkMonitor& operator=(const LinkMonitor&) = delete;

  // Starts to watch the namespace that `netns_fd` (an open nsfs file, borrowed) refers to; one
  // socket serves all ports there. Watching it already is no error.
  [[nodiscard]] absl::StatusOr<NetnsId> Watch(int netns_fd);

  // Handles a kReadiness completion of one of this monitor's sockets; `slot` is that of its tag.
  // When events were lost (ENOBUFS on the socket) the present state of every link is announced.
  void OnReadable(uint32_t slot);

 private:
  class Namespace;
  Ring& ring_;
  Listener listener_;
  std::vector<std::unique_ptr<Namespace>> namespaces_;
};

}  // namespace tapswitch
