"""What a lab consists of: nodes with interfaces, links between them, checks."""

from __future__ import annotations

import dataclasses
import zlib

HOSTS = ("namespace", "vm", "container", "host")  # they have addresses; the others forward frames
SWITCHES = ("switch", "bridge", "ovs")
OWN_NAMESPACE = ("namespace", "vm", "switch", "bridge", "ovs")

MAX_FILTERED_PORTS = 300  # of all switches together


@dataclasses.dataclass(eq=False, repr=False)
class Interface:
    """One end of a link, at a node. Names are those that the node itself sees."""

    node: Node
    name: str
    link: Link = None
    addresses: list = dataclasses.field(default_factory=list)
    mac: str = ""
    mtu: int = 0
    dhcp: bool = False
    slaac: bool = False
    port: str = ""    # settings of the switch's port, in tapctl's words
    impair: str = ""  # of what this end sends, in tapctl's words
    place: tuple = ()

    def __str__(self):
        return f"{self.node.name}:{self.name}"

    @property
    def peer(self):
        """The other end."""
        return self.link.b if self.link.a is self else self.link.a


@dataclasses.dataclass(eq=False, repr=False)
class Link:
    """A wire between two interfaces."""

    name: str
    a: Interface
    b: Interface
    kind: str = "veth"  # or tap, or link: a port of that type makes it
    vlan: int = 0
    vlans: list = dataclasses.field(default_factory=list)
    mtu: int = 0
    impair: str = ""  # of both directions, in tapctl's words
    port: str = ""
    state: str = "up"
    place: tuple = ()

    def __str__(self):
        return self.name or f"{self.a}--{self.b}"

    @property
    def ends(self):
        """Both ends, in the order of the file."""
        return self.a, self.b

    @property
    def switch_ends(self):
        """The ends that are ports of a tapswitchd."""
        return [end for end in self.ends if end.node.kind == "switch"]


@dataclasses.dataclass(eq=False, repr=False)
class Command:
    """What runs in a node: until it ends, or as a daemon until the lab goes down."""

    text: str
    is_daemon: bool = False
    ready: str = ""
    timeout: float = 30.0


@dataclasses.dataclass(eq=False, repr=False)
class Node:
    """A host, a switch, or something beside them."""

    name: str
    kind: str = "namespace"
    interfaces: dict = dataclasses.field(default_factory=dict)
    gateways: list = dataclasses.field(default_factory=list)
    routes: list = dataclasses.field(default_factory=list)
    sysctls: dict = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)
    commands: list = dataclasses.field(default_factory=list)
    settings: list = dataclasses.field(default_factory=list)
    flags: list = dataclasses.field(default_factory=list)
    ports: list = dataclasses.field(default_factory=list)
    forward: bool = False
    ipv6: bool = False
    pid: int = 0
    netns: str = ""
    docker: str = ""
    qemu: str = ""
    namespace: str = ""  # name of ip-netns(8), for those that the lab makes
    record: str = ""     # file in the lab's folder with the pid of its process
    log: str = ""
    bridge: str = ""     # name of a switch's control socket
    is_shared: bool = False  # whether its ports leave the namespace's own network stack in

    @property
    def addresses(self):
        """All addresses of its interfaces, without their lengths."""
        return [address.partition("/")[0]
                for interface in self.interfaces.values() for address in interface.addresses]

    @property
    def takes_no_commands(self):
        """Whether it is a machine of the user's own, in which nobody waits for commands."""
        return self.kind == "vm" and bool(self.qemu)

    @property
    def wants_ipv6(self):
        """Whether IPv6 has anything to do there; else it is off, so that it sends nothing."""
        return self.ipv6 or any(
            interface.slaac or any(":" in address for address in interface.addresses)
            for interface in self.interfaces.values())


@dataclasses.dataclass(eq=False, repr=False)
class Lab:
    """All of it."""

    name: str
    nodes: dict = dataclasses.field(default_factory=dict)
    links: list = dataclasses.field(default_factory=list)
    checks: list = dataclasses.field(default_factory=list)

    def of_kind(self, *kinds):
        """The nodes of these kinds, in the order of the file."""
        return [node for node in self.nodes.values() if node.kind in kinds]

    @property
    def namespaces(self):
        """The nodes whose namespace the lab makes."""
        return self.of_kind(*OWN_NAMESPACE)


def share_ports(lab):
    """In a large lab the switches' ports leave the network stack of their namespace in.

    It does nothing there: it has neither addresses nor IPv6. To keep it out, and to have the kernel
    carry known conversations, takes a filter a port, and the kernel attaches a hundred a second.
    """
    ports = sum(len(node.interfaces) for node in lab.of_kind("switch"))
    for node in lab.of_kind("switch"):
        node.is_shared = ports > MAX_FILTERED_PORTS


def give_macs(lab):
    """Gives each interface an address that is the same for the same names in each run."""
    taken = {end.mac.lower() for link in lab.links for end in link.ends if end.mac}
    for link in lab.links:
        for end in link.ends:
            number = zlib.crc32(f"{lab.name}/{end}".encode())
            while not end.mac:
                mac = "02:4c:" + number.to_bytes(4, "big").hex(":")
                number = (number + 1) % 2**32
                if mac not in taken:
                    taken.add(mac)
                    end.mac = mac
