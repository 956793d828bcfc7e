// Watches the network interfaces of the namespaces that ports live in, by rtnetlink: up and down,
// MTU, renaming, removal; and in the switch's own, whether frames queue on their way out.
//
// Theory of operation. A netlink socket inside a namespace would keep that namespace alive after
// its name and its processes are gone, and its TAPs with it. So one socket, in the namespace that
// the switch runs in, listens to all of them (NETLINK_LISTEN_ALL_NSID). The kernel sends it the
// events of each namespace that has an id (nsid) in the switch's own, together with that id
// (netlink(7)). To watch a namespace is to give it an id, which `ip netns list` shows behind its
// name.
//
// A deleted namespace loses its id before its interfaces are removed: no RTM_DELLINK comes, but an
// RTM_DELNSID does. Events may also get lost. So the monitor knows which interfaces exist, and
// announces those that are gone.

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

// The other end of a pair of interfaces that the switch made, which a station has.
struct StationLink {
  NetnsId netns;
  int ifindex = 0;  // 0: it is not known
  bool up = false;
  uint32_t mtu = 0;
  MacAddress address{};
  bool has_xdp = false;

  // Whether an event is about this end.
  [[nodiscard]] bool Is(NetnsId of, int index) const {
    return ifindex != 0 && index == ifindex && of == netns;
  }
  bool operator==(const StationLink&) const = default;
};

// The state of one interface, as the kernel announced it. For a removed interface, the members
// other than `netns` and `ifindex` may be unknown.
struct LinkEvent {
  NetnsId netns;
  int ifindex = 0;
  std::string name{};
  bool removed = false;  // deleted, or moved to another namespace
  bool up = false;       // administratively up (IFF_UP)
  uint32_t mtu = 0;
  bool carrier = true;   // the device sees a peer, as far as it can tell
  MacAddress address{};  // zero if it has no address of six bytes
  bool is_tap = false;   // it belongs to the tun driver: its other side is a process
  int peer_ifindex = 0;  // see LinkState
  bool has_qdisc = false;
  bool has_xdp = false;
  uint32_t speed = 0;     // in Mbit/s; 0: not known. Filled in by the port
  StationLink station{};  // of a pair that the switch made for a port: filled in by the port

  bool operator==(const LinkEvent&) const = default;
};

// The interface of an event as the other end of a pair.
[[nodiscard]] inline StationLink StationOf(const LinkEvent& link) {
  return {.netns = link.netns,
          .ifindex = link.ifindex,
          .up = link.up,
          .mtu = link.mtu,
          .address = link.address,
          .has_xdp = link.has_xdp};
}

class LinkMonitor {
 public:
  using Listener = std::function<void(const LinkEvent&)>;

  // The slot in the tag of the socket's kReadiness completions (port 0).
  static constexpr uint32_t kReadinessSlot = 0x10000;

  // `ring` must outlive the monitor. `listener` is called from OnReadable. OnReadable, Find and the
  // first Watch are called by one thread, which stays in one network namespace.
  LinkMonitor(Ring& ring, Listener listener);
  ~LinkMonitor();
  LinkMonitor(const LinkMonitor&) = delete;
  LinkMonitor& operator=(const LinkMonitor&) = delete;

  // Starts to watch a namespace; it may be watched already. A namespace other than the switch's own
  // requires CAP_NET_ADMIN, and CAP_NET_BROADCAST at the very first Watch.
  [[nodiscard]] absl::StatusOr<NetnsId> Watch(const NetworkNamespace& netns);

  // Asks the kernel for the present state of an interface in a watched namespace. Events that are
  // still unread may be older. NotFound if there is no such interface.
  [[nodiscard]] absl::StatusOr<LinkEvent> Find(NetnsId netns, std::string_view name) const;
  [[nodiscard]] absl::StatusOr<LinkEvent> Find(NetnsId netns, int ifindex) const;

  // Handles a kReadiness completion. `slot` is the slot of its tag; any but kReadinessSlot is
  // ignored. For each interface, at most its removal and the latest state after it are announced.
  // So a flood of changes, which users of a namespace may cause on purpose, costs little. If events
  // were lost (ENOBUFS on the socket), the present state of every interface is announced, and the
  // removal of those that are gone.
  void OnReadable(uint32_t slot);

 private:
  struct Namespace;

  [[nodiscard]] absl::Status Listen();
  void OnMessage(nlmsghdr& message, int nsid);
  void OnQueueingChange(const nlmsghdr& message, int nsid);
  void Announce(LinkEvent event);
  void Forget(int nsid);
  void Resynchronize();
  [[nodiscard]] Namespace* FindNamespace(NetnsId id) const;
  [[nodiscard]] Namespace* FindNamespaceByNsid(int nsid) const;

  Ring& ring_;
  Listener listener_;
  std::unique_ptr<LinkEventSocket> socket_;  // null until the first Watch
  NetnsId own_;                              // the socket's namespace
  int own_nsid_ = -1;                        // its id in itself, or -1
  std::vector<std::unique_ptr<Namespace>> namespaces_;
  std::vector<LinkEvent> pending_;  // events that OnReadable is about to announce
};

}  // namespace tapswitch
