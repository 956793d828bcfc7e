"""The insides of nodes: sysctls, addresses, routes, files."""

import errno
import pathlib

from tapswitch_lab import links, namespaces
from tapswitch_lab.errors import LabError, problem
from tapswitch_lab.netlink import IFF_UP, Netlink, NetlinkError

QUIET = (("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1"))
NO_DETECTION = (("ipv6/conf/all/accept_dad", "0"), ("ipv6/conf/default/accept_dad", "0"))
NO_SOLICITATION = (("ipv6/conf/all/accept_ra", "0"), ("ipv6/conf/default/accept_ra", "0"),
                   ("ipv6/conf/default/router_solicitations", "0"))
FORWARD = (("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"))


def sysctls_of(node):
    """What is set before the namespace has any interface: nobody sends what nobody asked for."""
    found = []
    if node.wants_ipv6:
        found += NO_DETECTION
        if not any(interface.slaac for interface in node.interfaces.values()):
            found += NO_SOLICITATION
    if node.forward:
        found += FORWARD
    return found if node.wants_ipv6 else [*found, *QUIET]


def make_namespaces(lab, mark):
    """Makes the namespaces of all nodes that have one of their own."""
    namespaces.prepare_folder()
    for node in lab.namespaces:
        if node.namespace:
            namespaces.make(node.namespace, mark, sysctls_of(node))


def rename_interfaces(lab):
    """Gives interfaces that a switch has made the names that the hosts know them by."""
    for node in lab.of_kind("namespace", "vm"):
        made = [end for end in node.interfaces.values() if end.link.kind in ("tap", "pair")]
        if made:
            with links.at(node) as netlink:
                there = netlink.links()
                for end in made:
                    index = there[end.peer.name]["index"]
                    netlink.set_link(index, name=end.name)
                    netlink.set_link(index, IFF_UP, mac=end.mac)


def make_bridges(lab):
    """Makes the Linux bridges, and puts their interfaces into them."""
    for node in lab.of_kind("bridge"):
        with links.at(node) as netlink:
            netlink.add_bridge("br0")
            bridge = netlink.index_of("br0")
            there = netlink.links()
            for end in node.interfaces.values():
                netlink.set_link(there[end.name]["index"], master=bridge)


def configure(lab):
    """Gives hosts their addresses and routes, and all nodes their own sysctls."""
    for node in lab.of_kind("namespace", "container", "host"):
        if node.interfaces:
            with links.at(node) as netlink:
                _add_addresses(node, netlink)
    for node in lab.of_kind("namespace", "container"):
        if node.routes or node.gateways:
            with links.at(node) as netlink:
                _add_routes(node, netlink)
    for node in lab.namespaces:
        if node.sysctls:
            with namespaces.inside(node.namespace):
                _set_sysctls(node)


def _add_addresses(node, netlink):
    there = netlink.links()
    for end in node.interfaces.values():
        for address in end.addresses:
            try:
                netlink.add_address(there[end.name]["index"], address)
            except NetlinkError as error:
                raise LabError(f"{end}: {error.args[1]}") from None


def _add_routes(node, netlink):
    there = netlink.links()
    dynamic = any(end.dhcp or end.slaac for end in node.interfaces.values())
    for number, text in enumerate(node.routes):
        words = text.split()
        gateway = words[words.index("via") + 1] if "via" in words else None
        device = words[words.index("dev") + 1] if "dev" in words else None
        path = ("nodes", node.name, "routes", number)
        if device and device not in there:
            raise problem(path, f"'{node.name}' has no interface '{device}'")
        index = there[device]["index"] if device else 0
        _add_route(node, netlink, path, (words[0], gateway, index), False)
    for text in node.gateways:
        _add_route(node, netlink, ("nodes", node.name, "gateway"), ("default", text, 0), dynamic)


def _add_route(node, netlink, path, route, may_fail):
    try:
        netlink.add_route(*route)
    except (NetlinkError, ValueError) as error:
        if may_fail:
            return
        why = "is it in a network of this node?" if error.errno == errno.ENETUNREACH else ""
        raise problem(path, f"{node.name}: {error.args[-1]} {why}".rstrip()) from None


def _set_sysctls(node):
    for key, value in node.sysctls.items():
        file = pathlib.Path("/proc/sys", key if "/" in key else key.replace(".", "/"))
        try:
            file.write_text(value, encoding="utf-8")
        except OSError as error:
            raise problem(("nodes", node.name, "sysctls", key, "#key"),
                          f"{node.name}: sysctl {key}: {error.strerror}") from None


def write_files(lab, state):
    """Writes the files of nodes to where their commands find them."""
    for node in lab.nodes.values():
        if node.commands or node.files:
            folder = state.node_folder(node)
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in node.files.items():
                (folder / name).write_text(text, encoding="utf-8")


def links_here():
    """The interfaces of the caller's namespace."""
    with Netlink() as netlink:
        return netlink.links()
