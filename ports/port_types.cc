#include "ports/port_types.h"

#include <algorithm>
#include <array>
#include <string>

#include "ports/interface/netdev/netdev_options.h"
#include "ports/interface/tap/tap_options.h"
#include "ports/interface/tap/tap_port.h"
#include "ports/interface/veth/veth_options.h"
#include "ports/interface/veth/veth_pair.h"
#include "ports/layer3/tun_options.h"
#include "ports/layer3/tun_port.h"
#include "ports/link/link_options.h"
#include "ports/link/link_port.h"
#include "ports/socket/udp_options.h"
#include "ports/socket/udp_port.h"
#include "ports/socket/unix_options.h"
#include "ports/socket/unix_port.h"
#include "ports/vhost_user/vhost_options.h"
#include "ports/vhost_user/vhost_port.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

absl::Status CheckTap(const PortSpec& spec) { return ParseTapOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenTap(const PortSpec& spec, std::span<const PortIdentity> identities,
                                   const PortSurroundings& surroundings) {
  const auto options = ParseTapOptions(spec);
  if (!options.ok()) return options.status();
  return OpenTapPort(identities, *options, surroundings.monitor, surroundings.share_link,
                     surroundings.inherited);
}

absl::Status CheckNetdev(const PortSpec& spec) { return ParseNetdevOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenNetdev(const PortSpec& spec,
                                      std::span<const PortIdentity> identities,
                                      const PortSurroundings& surroundings) {
  const auto options = ParseNetdevOptions(spec);
  if (!options.ok()) return options.status();
  return OpenNetdevPort(identities, *options, surroundings.monitor, surroundings.share_link,
                        surroundings.notes, surroundings.missing, surroundings.switchover,
                        surroundings.kernel, nullptr, surroundings.inherited);
}

absl::StatusOr<PortQueues> OnlyQueue(absl::StatusOr<std::unique_ptr<Port>> port) {
  if (!port.ok()) return port.status();
  PortQueues queues;
  queues.push_back(*std::move(port));
  return queues;
}

absl::Status CheckUnix(const PortSpec& spec) { return ParseUnixOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenUnix(const PortSpec& spec, std::span<const PortIdentity> identities,
                                    const PortSurroundings& surroundings) {
  const auto options = ParseUnixOptions(spec);
  if (!options.ok()) return options.status();
  return OnlyQueue(
      OpenUnixPort(identities.front(), *options, surroundings.listeners, surroundings.inherited));
}

absl::Status CheckUdp(const PortSpec& spec) { return ParseUdpOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenUdp(const PortSpec& spec, std::span<const PortIdentity> identities,
                                   const PortSurroundings& surroundings) {
  const auto options = ParseUdpOptions(spec);
  if (!options.ok()) return options.status();
  return OnlyQueue(OpenUdpPort(identities.front(), *options, surroundings.inherited));
}

absl::Status CheckLink(const PortSpec& spec) { return ParseLinkOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenLink(const PortSpec& spec, std::span<const PortIdentity> identities,
                                    const PortSurroundings& surroundings) {
  const auto options = ParseLinkOptions(spec);
  if (!options.ok()) return options.status();
  return OnlyQueue(
      OpenLinkPort(identities.front(), *options, surroundings.link_place, surroundings.inherited));
}

absl::Status CheckTun(const PortSpec& spec) { return ParseTunOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenTun(const PortSpec& spec, std::span<const PortIdentity> identities,
                                   const PortSurroundings& surroundings) {
  const auto options = ParseTunOptions(spec);
  if (!options.ok()) return options.status();
  return OnlyQueue(OpenTunPort(identities.front(), *options,
                               {.bridge = surroundings.link_place.bridge,
                                .monitor = surroundings.monitor,
                                .share_link = surroundings.share_link,
                                .notes = surroundings.notes,
                                .inherited = surroundings.inherited}));
}

absl::Status CheckVhost(const PortSpec& spec) { return ParseVhostOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenVhost(const PortSpec& spec, std::span<const PortIdentity> identities,
                                     const PortSurroundings& surroundings) {
  const auto options = ParseVhostOptions(spec);
  if (!options.ok()) return options.status();
  return OpenVhostPort(identities, *options, surroundings.inherited);
}

absl::Status CheckVeth(const PortSpec& spec) { return ParseVethOptions(spec).status(); }

// A netdev port on an end of a pair of its own.
absl::StatusOr<PortQueues> OpenVeth(const PortSpec& spec, std::span<const PortIdentity> identities,
                                    const PortSurroundings& surroundings) {
  const auto options = ParseVethOptions(spec);
  if (!options.ok()) return options.status();
  PortHandover* const inherited = surroundings.inherited;
  auto pair = inherited != nullptr && inherited->has(PortHandover::QueueName(0))
                  ? VethPair::Inherit(*options, static_cast<int>(inherited->number("ifindex")))
                  : VethPair::Make(*options);
  if (!pair.ok()) return pair.status();
  return OpenNetdevPort(identities, {.name = spec.name, .is_own = true}, surroundings.monitor,
                        surroundings.share_link, surroundings.notes, surroundings.missing, nullptr,
                        surroundings.kernel, *std::move(pair), inherited);
}

constexpr std::string_view kTapHelp = R"(a TAP interface that the switch creates or opens:

  [tap:]NAME[,KEY[=VALUE]]...

  netns=NAME|PATH   put the interface into this network namespace
  mtu=N             set its MTU
  txqueuelen=N      frames that may wait for the switch
  user=U, group=G   who else may open it
  persist           keep it when the switch ends
  queues=N          at most so many queues (default: one for each of --workers)
  offload=on|off    whether frames may carry unfinished checksums and uncut segments (default on)
  up=on|off         bring it up (default on)
)";

constexpr std::string_view kNetdevHelp =
    "an interface that exists: the TAP that QEMU opened, an end of a veth pair, a NIC, a vxlan "
    R"(device:

  netdev:NAME[,KEY=VALUE]...

  host=shared       the network stack goes on receiving, too (default: excluded)
  netns=NAME|PATH   the interface is in this network namespace
  wait              a port whose interface is missing waits for it, as it does at start
)";

constexpr std::string_view kVethHelp =
    R"(a pair of veth interfaces that the switch makes, for a station in a network namespace:

  veth:NAME,netns=NAME|PATH[,KEY[=VALUE]]...

  netns=NAME|PATH   where the station's end is; the switch keeps the other, of the same name
  mtu=N             set the MTU of both
  txqueuelen=N      set that of both
  persist           keep them when the switch ends
  up=on|off         bring the station's end up (default on)
)";

constexpr std::string_view kUnixHelp =
    R"(a Unix socket for virtual machines; it needs no privileges:

  unix:NAME,path=PATH[,KEY[=VALUE]]...

  mode=stream       for QEMU's -netdev stream,server=off,addr.type=unix,addr.path=PATH (default)
  clients=N         make N ports, NAME.1 to NAME.N, for so many connections to one path
  perm=MODE         permissions of the socket, in octal (default 0600)
  user=U, group=G   who it belongs to
  mtu=N             bytes of a frame's payload that its guests take (default 1500)
  mode=dgram        for QEMU's -netdev dgram with remote.path=PATH
  remote=PATH       its local.path; without it frames go to who sent last
  fd=N              instead of paths, an inherited end of a socket pair
)";

constexpr std::string_view kUdpHelp =
    R"(Ethernet over UDP, a frame a datagram, as GNS3, VPCS, Dynamips and QEMU speak it:

  udp:NAME,local=ADDRESS:PORT,remote=ADDRESS:PORT[,mtu=N]

  local=A:P         where it receives, from the remote only; [ADDRESS]:PORT for IPv6
  remote=A:P        where it sends to
  mtu=N             bytes of a frame's payload that the other side takes (default 1500)
)";

constexpr std::string_view kLinkHelp =
    R"(a link with a port of another switch on this machine, without an interface between them; frames
pass with all offloads and tags, and it needs no privileges:

  link:NAME[,KEY=VALUE]...

  to=SWITCH[:PORT]  connect to link:PORT (default: NAME) of that switch; otherwise wait for a link
  mtu=N             bytes of a frame's payload; the smaller of both ends counts (default 65521)
)";

constexpr std::string_view kTunHelp =
    R"(a layer-3 device, which has no Ethernet addresses, as a station of the switch:

  tun:NAME,address=ADDRESS/LENGTH[,KEY[=VALUE]]...

  address=A/N       an address that it has, and its prefix; once for each (IPv4, IPv6)
  gateway=A         where it sends what is for other prefixes; once for IPv4 and for IPv6
  route=A/N         addresses behind it, which it answers for, too
  mac=MAC           its MAC address (default: one that follows from the names of switch and port)
  attach            NAME is the tun of a program or of WireGuard; otherwise the switch makes it
  netns=NAME|PATH   the interface is, or is put, in this network namespace
  mtu=N             set its MTU
  user=U, group=G   who else may open it
  persist           keep it when the switch ends
)";

constexpr std::string_view kVhostHelp =
    R"(vhost-user for virtual machines and DPDK applications: their memory is shared, so frames pass at
the speed of memory, with all offloads; it needs no privileges:

  vhost:NAME,path=PATH[,KEY[=VALUE]]...

  mode=server       the switch listens: QEMU's -chardev socket,path=PATH,server=off (default)
  mode=client       the switch connects: QEMU's -chardev socket,path=PATH,server=on
  queues=N          pairs of rings that a guest can have (default: one for each of --workers)
  perm=MODE         permissions of the socket, in octal (default 0600)
  user=U, group=G   who it belongs to
  mtu=N             bytes of a frame's payload, unless host_mtu= of QEMU says (default 1500)
)";

constexpr std::array kPortTypes{
    PortType{.name = kDefaultPortType,
             .help = kTapHelp,
             .interface = InterfaceOrigin::kOwn,
             .has_several_queues = true,
             .check = CheckTap,
             .expand = nullptr,
             .open = OpenTap},
    PortType{.name = kAttachedPortType,
             .help = kNetdevHelp,
             .interface = InterfaceOrigin::kForeign,
             .has_several_queues = true,
             .check = CheckNetdev,
             .expand = nullptr,
             .open = OpenNetdev},
    PortType{.name = "veth",
             .help = kVethHelp,
             .interface = InterfaceOrigin::kOwn,
             .has_several_queues = true,
             .check = CheckVeth,
             .expand = nullptr,
             .open = OpenVeth},
    PortType{.name = "unix",
             .help = kUnixHelp,
             .interface = InterfaceOrigin::kNone,
             .has_several_queues = false,
             .check = CheckUnix,
             .expand = ExpandClients,
             .open = OpenUnix},
    PortType{.name = "link",
             .help = kLinkHelp,
             .interface = InterfaceOrigin::kNone,
             .has_several_queues = false,
             .check = CheckLink,
             .expand = nullptr,
             .open = OpenLink},
    PortType{.name = "tun",
             .help = kTunHelp,
             .interface = InterfaceOrigin::kOwn,
             .has_several_queues = false,
             .check = CheckTun,
             .expand = nullptr,
             .open = OpenTun},
    PortType{.name = "udp",
             .help = kUdpHelp,
             .interface = InterfaceOrigin::kNone,
             .has_several_queues = false,
             .check = CheckUdp,
             .expand = nullptr,
             .open = OpenUdp},
    PortType{.name = "vhost",
             .help = kVhostHelp,
             .interface = InterfaceOrigin::kNone,
             .has_several_queues = true,
             .check = CheckVhost,
             .expand = nullptr,
             .open = OpenVhost},
};

absl::Status UnknownType(const PortSpec& spec) {
  std::string known;
  for (const PortType& type : kPortTypes) {
    known += fmt::format("{}{}:{}", known.empty() ? "" : " or ", type.name, spec.name);
  }
  return absl::InvalidArgumentError(
      fmt::format("port {0}:{1}: type '{0}' is unknown: use {2}", spec.type, spec.name, known));
}

}  // namespace

std::span<const PortType> PortTypes() { return kPortTypes; }

const PortType* FindPortType(std::string_view name) {
  const auto* const found =
      std::find_if(kPortTypes.begin(), kPortTypes.end(),
                   [&](const PortType& candidate) { return candidate.name == name; });
  return found == kPortTypes.end() ? nullptr : found;
}

InterfaceOrigin InterfaceOriginOf(const PortSpec& spec) {
  const PortType* const type = FindPortType(spec.type);
  return type == nullptr ? InterfaceOrigin::kNone : type->interface;
}

absl::Status CheckPort(const PortSpec& spec) {
  const PortType* const type = FindPortType(spec.type);
  return type == nullptr ? UnknownType(spec) : type->check(spec);
}

absl::StatusOr<std::vector<PortSpec>> ExpandPort(const PortSpec& spec) {
  const PortType* const type = FindPortType(spec.type);
  if (type == nullptr || type->expand == nullptr) return std::vector{spec};
  return type->expand(spec);
}

absl::StatusOr<PortQueues> MakePortQueues(const PortSpec& spec,
                                          std::span<const PortIdentity> identities,
                                          const PortSurroundings& surroundings) {
  const PortType* const type = FindPortType(spec.type);
  if (type == nullptr) return UnknownType(spec);
  if (!type->has_several_queues) identities = identities.first(1);
  return type->open(spec, identities, surroundings);
}

}  // namespace tapswitch
