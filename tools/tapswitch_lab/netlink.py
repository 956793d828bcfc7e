"""Interfaces, addresses and routes by rtnetlink, without a process for each of them."""

import errno
import ipaddress
import os
import socket
import struct

REQUEST, ACK, DUMP, CREATE, EXCL = 1, 4, 0x300, 0x400, 0x200
NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, GETROUTE = 24, 26
ERROR, DONE = 2, 3

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_LINKINFO, IFLA_IFALIAS, IFLA_STATS64, IFLA_NET_NS_FD = 18, 20, 23, 28
INFO_KIND, INFO_DATA, VETH_PEER, MACVLAN_MODE, PASSTHRU = 1, 2, 1, 1, 8
IFF_UP, IFF_RUNNING, IFF_ALLMULTI, IFF_LOWER_UP = 1, 0x40, 0x200, 0x10000
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_F_NODAD = 1, 2, 8, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_TABLE = 1, 4, 5, 15
MAIN_TABLE, PROTOCOL_BOOT, PROTOCOL_STATIC, UNICAST, SCOPE_LINK = 254, 3, 4, 1, 253
SCOPE_GLOBAL = 0


class NetlinkError(OSError):
    """The kernel refused a request; `errno` says why."""


def attribute(kind, data):
    """One attribute, padded."""
    if isinstance(data, str):
        data = data.encode() + b"\0"
    elif isinstance(data, int):
        data = struct.pack("=I", data)
    return struct.pack("=HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)


def attributes_of(data):
    """The attributes in `data`, by kind."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & 0x3fff] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def mac_bytes(text):
    """The six bytes of a MAC address."""
    return bytes.fromhex(text.replace(":", ""))


def link_message(index=0, flags=0, change=0):
    """The head of a message about a link."""
    return struct.pack("=BxHiII", 0, 0, index, flags, change)


class Netlink:
    """A socket in the network namespace that the caller is in at this moment."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, 0))
        self._socket.setsockopt(270, 11, 1)  # SOL_NETLINK, NETLINK_EXT_ACK: the kernel says why
        self._sequence = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _send(self, kind, flags, body):
        self._sequence += 1
        header = struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, self._sequence, 0)
        self._socket.send(header + body)

    def _messages(self):
        """Yields kind and body of each message of the answer."""
        while True:
            data = self._socket.recv(1 << 18)
            while len(data) >= 16:
                length, kind, _, sequence, _ = struct.unpack_from("=IHHII", data)
                if sequence == self._sequence:
                    if kind == DONE:
                        return
                    yield kind, data[16:length]
                data = data[(length + 3) & ~3:]

    def request(self, kind, flags, body, what):
        """Asks for a change. Raises NetlinkError, whose text begins with `what`."""
        self._send(kind, ACK | flags, body)
        for answer, data in self._messages():
            if answer == ERROR:
                code = -struct.unpack_from("=i", data)[0]
                if code:
                    raise NetlinkError(code, f"{what}: {os.strerror(code)}")
                return

    def dump(self, kind, body):
        """All objects of a kind, as (body of each)."""
        self._send(kind, DUMP, body)
        found = []
        for answer, data in self._messages():
            if answer == ERROR:
                raise NetlinkError(-struct.unpack_from("=i", data)[0], "dump")
            found.append(data)
        return found

    # --- links ---

    def links(self):
        """The interfaces here: name -> index, mac, mtu, flags, alias, counters."""
        found = {}
        for data in self.dump(GETLINK, link_message()):
            _, _, index, flags, _ = struct.unpack_from("=BxHiII", data)
            known = attributes_of(data[16:])
            counters = struct.unpack_from("=4Q", known.get(IFLA_STATS64, b"\0" * 32))
            found[known[IFLA_IFNAME].rstrip(b"\0").decode()] = {
                "index": index, "flags": flags, "mac": known.get(IFLA_ADDRESS, b"").hex(":"),
                "mtu": struct.unpack("=I", known[IFLA_MTU])[0],
                "alias": known.get(IFLA_IFALIAS, b"").rstrip(b"\0").decode(errors="replace"),
                "rx_packets": counters[0], "tx_packets": counters[1]}
        return found

    def index_of(self, name):
        """The index of that interface, or 0."""
        return self.links().get(name, {}).get("index", 0)

    def add_veth(self, first, second):
        """Makes a pair of (name, descriptor of its namespace, mac, mtu or 0), the first one up.

        The kernel cannot bring up the second one in this request, and each request waits for a lock
        of the whole machine.
        """
        def end(name, namespace, mac, mtu):
            made = attribute(IFLA_IFNAME, name) + attribute(IFLA_NET_NS_FD, namespace)
            made += attribute(IFLA_ADDRESS, mac_bytes(mac))
            return made + (attribute(IFLA_MTU, mtu) if mtu else b"")

        peer = link_message() + end(*second)
        info = attribute(INFO_KIND, "veth")
        info += attribute(INFO_DATA, attribute(VETH_PEER, peer))
        body = link_message(0, IFF_UP, IFF_UP) + end(*first) + attribute(IFLA_LINKINFO, info)
        self.request(NEWLINK, CREATE | EXCL, body, f"link {first[0]} to {second[0]}")

    def add_bridge(self, name):
        """Makes a Linux bridge that is up."""
        info = attribute(IFLA_LINKINFO, attribute(INFO_KIND, "bridge"))
        self.request(NEWLINK, CREATE | EXCL,
                     link_message(0, IFF_UP, IFF_UP) + attribute(IFLA_IFNAME, name) + info,
                     f"bridge {name}")

    def add_macvtap(self, name, lower, index, mac):
        """Makes a macvtap, alone on the interface with the index `lower`, with the given index."""
        mode = attribute(INFO_DATA, attribute(MACVLAN_MODE, PASSTHRU))
        info = attribute(INFO_KIND, "macvtap") + mode
        body = link_message(index) + attribute(IFLA_IFNAME, name) + attribute(IFLA_LINK, lower)
        body += attribute(IFLA_ADDRESS, mac_bytes(mac)) + attribute(IFLA_LINKINFO, info)
        self.request(NEWLINK, CREATE | EXCL, body, f"macvtap {name}")
        self.set_link(index, flags=IFF_UP | IFF_ALLMULTI)

    def set_link(self, index, flags=None, off=0, **changes):
        """Sets flags and turns `off` others; name, alias, mac, mtu, master of an interface."""
        body = link_message(index, flags or 0, (flags or 0) | off)
        kinds = {"name": IFLA_IFNAME, "alias": IFLA_IFALIAS, "mtu": IFLA_MTU,
                 "master": IFLA_MASTER, "mac": IFLA_ADDRESS}
        for word, value in changes.items():
            body += attribute(kinds[word], mac_bytes(value) if word == "mac" else value)
        self.request(NEWLINK, 0, body, f"interface {index}")

    def delete_link(self, name):
        """Deletes an interface; one that is not there is no error."""
        try:
            self.request(DELLINK, 0, link_message() + attribute(IFLA_IFNAME, name), name)
        except NetlinkError as error:
            if error.errno != errno.ENODEV:
                raise

    # --- addresses and routes ---

    def addresses(self):
        """The addresses of global scope here, as (index of the interface, 'ADDRESS/LENGTH')."""
        found = []
        for data in self.dump(GETADDR, struct.pack("=BBBBi", 0, 0, 0, 0, 0)):
            _, length, _, scope, index = struct.unpack_from("=BBBBi", data)
            known = attributes_of(data[8:])
            raw = known.get(IFA_LOCAL, known.get(IFA_ADDRESS))
            if raw and scope == SCOPE_GLOBAL:
                found.append((index, f"{ipaddress.ip_address(raw)}/{length}"))
        return found

    def add_address(self, index, text):
        """Adds ADDRESS/LENGTH. It can be used at once: nobody else can have it."""
        interface = ipaddress.ip_interface(text)
        family = socket.AF_INET if interface.version == 4 else socket.AF_INET6
        raw = interface.ip.packed
        body = struct.pack("=BBBBi", family, interface.network.prefixlen, 0, 0, index)
        body += attribute(IFA_LOCAL, raw) + attribute(IFA_ADDRESS, raw)
        body += attribute(IFA_FLAGS, IFA_F_NODAD)
        self.request(NEWADDR, CREATE | EXCL, body, f"address {text}")

    def add_route(self, destination, gateway=None, index=0):
        """Adds a route to a network, or to 'default', by a gateway or an interface."""
        address = ipaddress.ip_address(gateway) if gateway else None
        if destination == "default":
            version, length, raw = (address.version if address else 4), 0, b""
        else:
            network = ipaddress.ip_network(destination, strict=False)
            version, length = network.version, network.prefixlen
            raw = network.network_address.packed
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        scope = 0 if address or version == 6 else SCOPE_LINK
        body = struct.pack("=BBBBBBBBI", family, length, 0, 0, MAIN_TABLE, PROTOCOL_BOOT, scope,
                           UNICAST, 0)
        body += attribute(RTA_DST, raw) if raw else b""
        body += attribute(RTA_GATEWAY, address.packed) if address else b""
        body += attribute(RTA_OIF, index) if index else b""
        self.request(NEWROUTE, CREATE | EXCL, body, f"route {destination} via {gateway or index}")

    def routes(self):
        """Routes that somebody added by hand: (destination, gateway or None, interface's index)."""
        found = []
        for data in self.dump(GETROUTE, struct.pack("=BBBBBBBBI", *([0] * 9))):
            _, length, _, _, table, protocol, _, kind, _ = struct.unpack_from("=BBBBBBBBI", data)
            known = attributes_of(data[12:])
            if (table, kind) != (MAIN_TABLE, UNICAST) or protocol not in (
                    PROTOCOL_BOOT, PROTOCOL_STATIC):
                continue
            destination = known.get(RTA_DST)
            gateway = known.get(RTA_GATEWAY)
            index = struct.unpack("=I", known.get(RTA_OIF, b"\0" * 4))[0]
            network = f"{ipaddress.ip_address(destination)}/{length}" if destination else "default"
            found.append((network, str(ipaddress.ip_address(gateway)) if gateway else None, index))
        return found
