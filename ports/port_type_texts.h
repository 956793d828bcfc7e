// The types of ports as users are told of them, without what opens one: clients of the switch know
// them, too.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tapswitch {

// The origin of the network interface of a port.
enum class InterfaceOrigin : uint8_t {
  kNone,    // the port has no interface
  kOwn,     // the port creates it, or opens one that waits for it; deleted, it does not return
  kForeign  // others create and delete it; the port works again when one of its name returns
};

struct PortTypeText {
  std::string_view name;  // stands before the ':' of a port's text
  InterfaceOrigin interface;
  // Tells what the port is, and its text with all keys, in whole lines. A line of keys begins with
  // two blanks, has two more before what it explains, and commas between keys. In their values
  // small letters are meant as they are written, and capitals stand for something.
  std::string_view help;
};

inline constexpr PortTypeText kTapText{.name = "tap",
                                       .interface = InterfaceOrigin::kOwn,
                                       .help = R"(a TAP interface that the switch creates or opens:

  [tap:]NAME[,KEY[=VALUE]]...

  netns=NAME|PATH   put the interface into this network namespace
  mtu=N             set its MTU
  txqueuelen=N      frames that may wait for the switch
  user=U, group=G   who else may open it
  persist[=on|off]  keep it when the switch ends
  queues=N          at most so many queues (default: one for each of --workers)
  offload=on|off    whether frames may carry unfinished checksums and uncut segments (default on)
  up=on|off         bring it up (default on)
)"};

inline constexpr PortTypeText kNetdevText{
    .name = "netdev",
    .interface = InterfaceOrigin::kForeign,
    .help =
        "an interface that exists: the TAP that QEMU opened, an end of a veth pair, a NIC, a vxlan "
        R"(device:

  netdev:NAME[,KEY=VALUE]...

  host=shared       the network stack goes on receiving, too (default: excluded)
  netns=NAME|PATH   the interface is in this network namespace
  wait              a port whose interface is missing waits for it, as it does at start
)"};

inline constexpr PortTypeText kVethText{
    .name = "veth",
    .interface = InterfaceOrigin::kOwn,
    .help =
        R"(a pair of veth interfaces that the switch makes, for a station in a network namespace:

  veth:NAME,netns=NAME|PATH[,KEY[=VALUE]]...

  netns=NAME|PATH   where the station's end is; the switch keeps the other, of the same name
  mtu=N             set the MTU of both
  txqueuelen=N      set that of both
  persist[=on|off]  keep them when the switch ends
  up=on|off         bring the station's end up (default on)
)"};

inline constexpr PortTypeText kUnixText{
    .name = "unix",
    .interface = InterfaceOrigin::kNone,
    .help = R"(a Unix socket for virtual machines; it needs no privileges:

  unix:NAME,path=PATH[,KEY[=VALUE]]...

  mode=stream       for QEMU's -netdev stream,server=off,addr.type=unix,addr.path=PATH (default)
  clients=N         make N ports, NAME.1 to NAME.N, for so many connections to one path
  perm=MODE         permissions of the socket, in octal (default 0600)
  user=U, group=G   who it belongs to
  mtu=N             bytes of a frame's payload that its guests take (default 1500)
  mode=dgram        for QEMU's -netdev dgram with remote.path=PATH
  remote=PATH       its local.path; without it frames go to who sent last
  fd=N              instead of paths, an inherited end of a socket pair
)"};

inline constexpr PortTypeText kLinkText{
    .name = "link",
    .interface = InterfaceOrigin::kNone,
    .help =
        R"(a link with a port of another switch on this machine, without an interface between them;
frames pass with all offloads and tags, and it needs no privileges:

  link:NAME[,KEY=VALUE]...

  to=SWITCH[:PORT]  connect to link:PORT (default: NAME) of that switch; otherwise wait for a link
  mtu=N             bytes of a frame's payload; the smaller of both ends counts (default 65521)
)"};

inline constexpr PortTypeText kTunText{
    .name = "tun",
    .interface = InterfaceOrigin::kOwn,
    .help = R"(a layer-3 device, which has no Ethernet addresses, as a station of the switch:

  tun:NAME,address=ADDRESS/LENGTH[,KEY[=VALUE]]...

  address=A/N       an address that it has, and its prefix; once for each (IPv4, IPv6)
  gateway=A         where it sends what is for other prefixes; once for IPv4 and for IPv6
  route=A/N         addresses behind it, which it answers for, too
  mac=MAC           its MAC address (default: one that follows from the names of switch and port)
  attach            NAME is the tun of a program or of WireGuard; otherwise the switch makes it
  netns=NAME|PATH   the interface is, or is put, in this network namespace
  mtu=N             set its MTU
  user=U, group=G   who else may open it
  persist[=on|off]  keep it when the switch ends
)"};

inline constexpr PortTypeText kUdpText{
    .name = "udp",
    .interface = InterfaceOrigin::kNone,
    .help = R"(Ethernet over UDP, a frame a datagram, as GNS3, VPCS, Dynamips and QEMU speak it:

  udp:NAME,local=ADDRESS:PORT,remote=ADDRESS:PORT[,mtu=N]

  local=A:P         where it receives, from the remote only; [ADDRESS]:PORT for IPv6
  remote=A:P        where it sends to
  mtu=N             bytes of a frame's payload that the other side takes (default 1500)
)"};

inline constexpr PortTypeText kVhostText{
    .name = "vhost",
    .interface = InterfaceOrigin::kNone,
    .help =
        R"(vhost-user for virtual machines and DPDK applications: their memory is shared, so frames
pass at the speed of memory, with all offloads; it needs no privileges:

  vhost:NAME,path=PATH[,KEY[=VALUE]]...

  mode=server       the switch listens: QEMU's -chardev socket,path=PATH,server=off (default)
  mode=client       the switch connects: QEMU's -chardev socket,path=PATH,server=on
  queues=N          pairs of rings that a guest can have (default: one for each of --workers)
  perm=MODE         permissions of the socket, in octal (default 0600)
  user=U, group=G   who it belongs to
  mtu=N             bytes of a frame's payload, unless host_mtu= of QEMU says (default 1500)
)"};

// All types, in the order in which users are told of them. A text without a type is of the first.
inline constexpr std::array kPortTypeTexts{
    kTapText, kNetdevText, kVethText, kUnixText, kLinkText, kTunText, kUdpText, kVhostText,
};

}  // namespace tapswitch
