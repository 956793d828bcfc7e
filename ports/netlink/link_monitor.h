// Watches the network interfaces of the namespaces that ports live in, by rtnetlink: up and down,
// MTU, renaming, removal.
//
// How it works. A netlink socket inside a namespace would keep that namespace alive after its name
// and its processes are gone, and the TAPs in it with it. So one socket, in the namespace that the
// switch runs in, listens to all of them (NETLINK_LISTEN_ALL_NSID): the kernel sends it the events
// of each namespace that has an id (nsid) in the switch's own, and says which (netlink(7)). Watching
// a namespace is giving it an id, which `ip netns list` shows behind its name.
//
// A namespace that is deleted takes its id with it before its interfaces are: no RTM_DELLINK comes,
// an RTM_DELNSID does. Therefore, and for the case that events get lost, the monitor knows which
// interfaces there are, and announces what is no longer there.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/netns.h"
#include "ports/ring/ring.h"
#include "switch/forwarding/wire/ethernet.h"

struct nlmsghdr;

namespace tapswitch {

class LinkEventSocket;

// The state of one interface, as the kernel announced it. Of a removal no more than `netns` and
// `ifindex` may be known.
struct LinkEvent {
  NetnsId netns;
  int ifindex = 0;
  std::string name{};
  bool removed = false;  // deleted, or moved to another namespace
  bool up = false;       // administratively up (IFF_UP)
  uint32_t mtu = 0;
  bool carrier = true;   // as far as the device can tell, there is something at the other end
  MacAddress address{};  // zero when it has none of six bytes
  bool is_tap = false;   // of the tun driver: its other side is a process

  bool operator==(const LinkEvent&) const = default;
};

class LinkMonitor {
 public:
  using Listener = std::function<void(const LinkEvent&)>;

  // The slot in the tag of the socket's kReadiness completions (port 0).
  static constexpr uint32_t kReadinessSlot = 0x10000;

  // `ring` outlives the monitor. `listener` is called from OnReadable. Both calls below and the
  // first Watch are made by one thread, which stays in one network namespace.
  LinkMonitor(Ring& ring, Listener listener);
  ~LinkMonitor();
  LinkMonitor(const LinkMonitor&) = delete;
  LinkMonitor& operator=(const LinkMonitor&) = delete;

  // Starts to watch a namespace. Watching it already is no error. A namespace other than the switch's
  // own requires CAP_NET_ADMIN, and CAP_NET_BROADCAST at the first Watch of all.
  [[nodiscard]] absl::StatusOr<NetnsId> Watch(const NetworkNamespace& netns);

  // The present state of interface `name` in a namespace that is being watched, asked of the kernel:
  // events that are still to be read may be older. NotFound when there is none of that name.
  [[nodiscard]] absl::StatusOr<LinkEvent> Find(NetnsId netns, std::string_view name) const;
  [[nodiscard]] absl::StatusOr<LinkEvent> Find(NetnsId netns, int ifindex) const;

  // Handles a kReadiness completion; `slot` is that of its tag, and any but kReadinessSlot is
  // ignored. Of all that happened to an interface since the last call its removal is announced, and
  // the latest state that followed; so a flood of changes in some namespace, whose users may be
  // nobody's friends, costs little here. When events were lost (ENOBUFS on the socket) the present state of every link is
  // announced, and the removal of those that have gone.
  void OnReadable(uint32_t slot);

 private:
  struct Namespace;

  [[nodiscard]] absl::Status Listen();
  void OnMessage(nlmsghdr& message, int nsid);
  void Announce(LinkEvent event);
  void Forget(int nsid);
  void Resynchronize();
  [[nodiscard]] Namespace* FindNamespace(NetnsId id) const;
  [[nodiscard]] Namespace* FindNamespaceByNsid(int nsid) const;

  Ring& ring_;
  Listener listener_;
  std::unique_ptr<LinkEventSocket> socket_;  // null until the first Watch
  NetnsId own_;                              // where the socket is
  int own_nsid_ = -1;                        // the id of that namespace in itself, if it has one
  std::vector<std::unique_ptr<Namespace>> namespaces_;
  std::vector<LinkEvent> pending_;  // what OnReadable is about to announce
};

}  // namespace tapswitch
