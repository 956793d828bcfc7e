#include "ports/netlink/link_monitor.h"

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "ports/netlink/link_event_socket.h"
#include "ports/netlink/link_state.h"
#include "ports/netlink/route_socket.h"
#include "ports/os/netns_name.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr Tag kTag{.operation = Operation::kReadiness,
                   .port = {},
                   .generation = 0,
                   .slot = LinkMonitor::kReadinessSlot};

void IgnoreReply(nlmsghdr& /*reply*/) {}

// A request about namespace ids in the namespace the switch runs in.
NlMessage NewNsidRequest(int type, int flags, int netns_fd) {
  NlMessage request = NewNlMessage(type, flags);
  rtgenmsg header{.rtgen_family = AF_UNSPEC};
  nlmsg_append(request.get(), &header, sizeof(header), NLMSG_ALIGNTO);
  nla_put_u32(request.get(), NETNSA_FD, static_cast<uint32_t>(netns_fd));
  return request;
}

int ParseNsid(nlmsghdr& message) {
  const nlattr* const nsid = nlmsg_find_attr(&message, sizeof(rtgenmsg), NETNSA_NSID);
  return nsid != nullptr ? nla_get_s32(nsid) : NETNSA_NSID_NOT_ASSIGNED;
}

// The id of a namespace in the switch's own, NETNSA_NSID_NOT_ASSIGNED when it has none.
absl::StatusOr<int> QueryNsid(int netns_fd) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  int nsid = NETNSA_NSID_NOT_ASSIGNED;
  const absl::Status asked = socket->Transact(NewNsidRequest(RTM_GETNSID, 0, netns_fd),
                                              [&](nlmsghdr& reply) { nsid = ParseNsid(reply); });
  if (!asked.ok()) return asked;
  return nsid;
}

absl::StatusOr<int> QueryOrAssignNsid(int netns_fd) {
  auto nsid = QueryNsid(netns_fd);
  if (!nsid.ok() || *nsid != NETNSA_NSID_NOT_ASSIGNED) return nsid;
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  NlMessage request = NewNsidRequest(RTM_NEWNSID, NLM_F_ACK, netns_fd);
  nla_put_s32(request.get(), NETNSA_NSID, NETNSA_NSID_NOT_ASSIGNED);  // the kernel chooses
  const absl::Status assigned = socket->Transact(std::move(request), IgnoreReply);
  // Somebody else may just have given it one.
  if (!assigned.ok() && !absl::IsAlreadyExists(assigned)) return assigned;
  return QueryNsid(netns_fd);
}

// Asks about interfaces in the namespace with id `nsid`, or in the switch's own when it has none.
absl::StatusOr<std::vector<LinkState>> QueryLinks(int nsid, int flags, std::string_view name,
                                                  int ifindex = 0) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  NlMessage question = NewLinkQuestion(flags, ifindex);
  if (nsid != NETNSA_NSID_NOT_ASSIGNED) nla_put_s32(question.get(), IFLA_TARGET_NETNSID, nsid);
  if (!name.empty()) nla_put_string(question.get(), IFLA_IFNAME, std::string(name).c_str());
  std::vector<LinkState> links;
  const absl::Status asked = socket->Transact(std::move(question), [&](nlmsghdr& reply) {
    if (auto link = ParseLinkMessage(reply)) links.push_back(*std::move(link));
  });
  if (!asked.ok()) return asked;
  return links;
}

absl::StatusOr<std::vector<LinkState>> ListLinks(int nsid) {
  // An answer that the kernel interrupted, as interfaces changed under way, is asked for again.
  constexpr int kAttempts = 10;
  auto links = QueryLinks(nsid, NLM_F_DUMP, "");
  for (int i = 1; i < kAttempts && absl::IsUnavailable(links.status()); ++i) {
    links = QueryLinks(nsid, NLM_F_DUMP, "");
  }
  return links;
}

LinkEvent EventOf(NetnsId netns, const LinkState& link, bool removed) {
  return {.netns = netns,
          .ifindex = link.ifindex,
          .name = link.name,
          .removed = removed,
          .up = link.up && !removed,
          .mtu = link.mtu,
          .carrier = link.carrier,
          .address = link.address,
          .is_tap = link.tun.has_value(),
          .peer_ifindex = link.peer_ifindex,
          .has_qdisc = link.has_qdisc,
          .has_xdp = link.has_xdp};
}

}  // namespace

struct LinkMonitor::Namespace {
  NetnsId id;
  int nsid = NETNSA_NSID_NOT_ASSIGNED;  // only the switch's own may have none
  std::optional<uint64_t> cookie{};     // nothing where it is not to be had
  size_t ends_due = 0;                  // of earlier ones with its numbers, yet to be reported
  std::set<int> links{};                // those known to exist, by ifindex
};

LinkMonitor::LinkMonitor(Ring& ring, Listener listener)
    : ring_(ring), listener_(std::move(listener)) {}

LinkMonitor::~LinkMonitor() {
  if (socket_) ring_.Unwatch(socket_->fd(), kTag);
}

absl::Status LinkMonitor::Listen() {
  if (socket_) return absl::OkStatus();
  const auto own = NetworkNamespace::Current();
  if (!own.ok()) return own.status();
  auto socket = LinkEventSocket::Open();
  if (!socket.ok()) return socket.status();
  const auto own_nsid = QueryNsid(own->fd());
  if (!own_nsid.ok()) return own_nsid.status();
  if (absl::Status watched = ring_.Watch(socket->fd(), kTag); !watched.ok()) return watched;
  own_ = own->id();
  own_nsid_ = *own_nsid;
  socket_ = std::make_unique<LinkEventSocket>(*std::move(socket));
  return absl::OkStatus();
}

absl::StatusOr<NetnsId> LinkMonitor::Watch(const NetworkNamespace& netns) {
  const NetnsId id = netns.id();
  if (absl::Status listening = Listen(); !listening.ok()) return listening;
  const bool is_own = id == own_;
  if (!is_own && !socket_->hears_all()) {
    return absl::PermissionDeniedError(
        "interfaces in other network namespaces cannot be watched: it takes CAP_NET_BROADCAST");
  }
  const auto nsid = is_own ? absl::StatusOr<int>(own_nsid_) : QueryOrAssignNsid(netns.fd());
  if (!nsid.ok()) return nsid.status();
  const auto cookie = is_own ? std::nullopt : CookieOf(netns);
  Namespace* watched = FindNamespace(id);
  const bool has_same_id = watched != nullptr && watched->nsid == *nsid;
  if (has_same_id && watched->cookie == cookie) return id;

  // From here on events arrive; what the list does not have is in them.
  const auto links = ListLinks(*nsid);
  if (!links.ok()) return links.status();
  if (watched == nullptr) {
    watched = namespaces_.emplace_back(std::make_unique<Namespace>(Namespace{.id = id})).get();
  }
  // Otherwise this is a new namespace with the inode, and maybe the id, of one whose end has not
  // been reported yet.
  if (has_same_id) ++watched->ends_due;
  for (const int ifindex : std::exchange(watched->links, {})) {
    Announce({.netns = id, .ifindex = ifindex, .removed = true});
  }
  watched->nsid = *nsid;
  watched->cookie = cookie;
  for (const LinkState& link : *links) watched->links.insert(link.ifindex);
  return id;
}

absl::StatusOr<LinkEvent> LinkMonitor::Find(NetnsId netns, std::string_view name) const {
  const Namespace* const watched = FindNamespace(netns);
  if (watched == nullptr) return absl::FailedPreconditionError("the namespace is not watched");
  const auto links = QueryLinks(watched->nsid, 0, name);
  if (!links.ok()) return links.status();
  if (links->empty()) return absl::NotFoundError(fmt::format("there is no interface '{}'", name));
  return EventOf(netns, links->front(), false);
}

absl::StatusOr<LinkEvent> LinkMonitor::Find(NetnsId netns, int ifindex) const {
  const Namespace* const watched = FindNamespace(netns);
  if (watched == nullptr) return absl::FailedPreconditionError("the namespace is not watched");
  const auto links = QueryLinks(watched->nsid, 0, "", ifindex);
  if (!links.ok()) return links.status();
  if (links->empty()) return absl::NotFoundError(fmt::format("there is no interface {}", ifindex));
  return EventOf(netns, links->front(), false);
}

void LinkMonitor::OnReadable(uint32_t slot) {
  if (slot != kReadinessSlot || !socket_) return;
  const bool complete =
      socket_->Receive([this](nlmsghdr& message, int nsid) { OnMessage(message, nsid); });
  if (!complete) Resynchronize();
  // The listener may start to watch further namespaces.
  for (const LinkEvent& event : std::exchange(pending_, {})) listener_(event);
}

void LinkMonitor::OnMessage(nlmsghdr& message, int nsid) {
  if (message.nlmsg_type == RTM_DELNSID) {
    // Each namespace announces its own ids; only those of the switch's own are in use here.
    if (nsid == own_nsid_) Forget(ParseNsid(message));
    return;
  }
  if (message.nlmsg_type == RTM_NEWQDISC || message.nlmsg_type == RTM_DELQDISC) {
    OnQueueingChange(message, nsid);
    return;
  }
  Namespace* const netns = FindNamespaceByNsid(nsid);
  const auto link = ParseLinkMessage(message);
  if (netns == nullptr || !link) return;
  const bool removed = message.nlmsg_type == RTM_DELLINK;
  if (removed) {
    netns->links.erase(link->ifindex);
  } else {
    netns->links.insert(link->ifindex);
  }
  Announce(EventOf(netns->id, *link, removed));
}

// The kernel announces no change of the interface itself then.
void LinkMonitor::OnQueueingChange(const nlmsghdr& message, int nsid) {
  const Namespace* const netns = FindNamespaceByNsid(nsid);
  if (nsid != own_nsid_ || netns == nullptr) return;
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(tcmsg))) return;
  const auto* const header = static_cast<const tcmsg*>(nlmsg_data(&message));
  const auto link = Find(netns->id, header->tcm_ifindex);
  if (link.ok()) Announce(*link);
}

void LinkMonitor::Announce(LinkEvent event) {
  std::erase_if(pending_, [&event](const LinkEvent& earlier) {
    return earlier.netns == event.netns && earlier.ifindex == event.ifindex && !earlier.removed;
  });
  pending_.push_back(std::move(event));
}

void LinkMonitor::Forget(int nsid) {
  Namespace* const netns = FindNamespaceByNsid(nsid);
  if (netns == nullptr || netns->id == own_) return;
  if (netns->ends_due > 0) {
    --netns->ends_due;
    return;
  }
  for (const int ifindex : netns->links) {
    Announce({.netns = netns->id, .ifindex = ifindex, .removed = true});
  }
  std::erase_if(namespaces_, [netns](const auto& other) { return other.get() == netns; });
}

void LinkMonitor::Resynchronize() {
  std::vector<int> ended;
  for (const auto& netns : namespaces_) {
    netns->ends_due = 0;  // they may have been among what was lost
    const auto links = ListLinks(netns->nsid);
    if (absl::IsInvalidArgument(links.status())) ended.push_back(netns->nsid);
    if (!links.ok()) continue;
    std::set<int> gone = std::exchange(netns->links, {});
    for (const LinkState& link : *links) {
      gone.erase(link.ifindex);
      netns->links.insert(link.ifindex);
      Announce(EventOf(netns->id, link, false));
    }
    for (const int ifindex : gone) {
      Announce({.netns = netns->id, .ifindex = ifindex, .removed = true});
    }
  }
  for (const int nsid : ended) Forget(nsid);  // the kernel does not know the id any more
}

LinkMonitor::Namespace* LinkMonitor::FindNamespace(NetnsId id) const {
  const auto found = std::find_if(namespaces_.begin(), namespaces_.end(),
                                  [id](const auto& netns) { return netns->id == id; });
  return found != namespaces_.end() ? found->get() : nullptr;
}

LinkMonitor::Namespace* LinkMonitor::FindNamespaceByNsid(int nsid) const {
  const auto found = std::find_if(namespaces_.begin(), namespaces_.end(),
                                  [nsid](const auto& netns) { return netns->nsid == nsid; });
  return found != namespaces_.end() ? found->get() : nullptr;
}

}  // namespace tapswitch
