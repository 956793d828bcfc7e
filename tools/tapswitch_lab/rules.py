"""What has to hold of a lab beyond the schema, before anything is made of it."""

import ipaddress

from tapswitch_lab import check_rules
from tapswitch_lab.model import HOSTS

KINDS_OF_KEY = {
    "settings": ("switch",), "flags": ("switch",), "ports": ("switch",),
    "qemu": ("vm",), "pid": ("container",), "netns": ("container",), "docker": ("container",),
    "routes": ("namespace", "container"), "gateways": ("namespace", "container"),
    "sysctls": ("namespace", "switch", "bridge"), "forward": ("namespace",),
    "ipv6": ("namespace",), "files": ("namespace", "switch", "bridge", "ovs"),
    "commands": ("namespace", "vm", "switch", "bridge", "ovs", "container"),
}
WORDS_OF_KEY = {"gateways": "gateway"}


def check(lab, complain):
    """Calls complain(path, text) for each fault."""
    for node in lab.nodes.values():
        _check_node(node, complain)
    for link in lab.links:
        _check_link(link, complain)
    _check_duplicates(lab, complain)
    for index, given in enumerate(lab.checks):
        check_rules.check(lab, given, ("checks", index), complain)


def _check_node(node, complain):
    path = ("nodes", node.name)
    for key, kinds in KINDS_OF_KEY.items():
        if getattr(node, key) and node.kind not in kinds:
            word = WORDS_OF_KEY.get(key, key)
            complain((*path, word, "#key"),
                     f"'{word}' is nothing for a node of kind {node.kind}: "
                     f"it is for {', '.join(kinds)}")
    if node.kind == "container" and sum(map(bool, (node.pid, node.netns, node.docker))) != 1:
        complain(path, f"container '{node.name}' needs one of pid, netns and docker")
    if node.kind == "vm":
        _check_commands_of_vm(node, complain)
    networks = []
    for interface in node.interfaces.values():
        networks += _check_interface(node, interface, complain)
    _check_gateways(node, networks, complain)


def _check_commands_of_vm(node, complain):
    path = ("nodes", node.name, "commands")
    if node.commands and node.takes_no_commands:
        complain((*path, "#key"), f"'{node.name}' has QEMU options of its own, so nobody in it "
                                  "takes commands: have its image do that, or leave 'qemu' out")
    for index, command in enumerate(node.commands):
        if command.is_daemon:
            complain((*path, index, "daemon", "#key"),
                     "nothing in a vm is watched: start it in the background, as run: "
                     "'PROGRAM >/dev/null 2>&1 &'")


def _check_interface(node, interface, complain):
    path = ("nodes", node.name, "interfaces", interface.name)
    networks = []
    if interface.name == "lo":
        complain(interface.place, "'lo' is the loopback interface: take another name")
    if interface.addresses and node.kind not in HOSTS:
        complain(path, f"a {node.kind} has no addresses: connect a host to it")
    if (interface.dhcp or interface.slaac) and node.kind != "namespace":
        complain(path, f"dhcp and slaac are for namespaces, and '{node.name}' is a {node.kind}")
    for text in interface.addresses:
        try:
            networks.append(ipaddress.ip_interface(text).network)
        except ValueError as error:
            complain(path, f"'{text}' is no address: {error}")
    return networks


def _check_gateways(node, networks, complain):
    dynamic = any(interface.dhcp or interface.slaac for interface in node.interfaces.values())
    for text in node.gateways:
        path = ("nodes", node.name, "gateway")
        try:
            gateway = ipaddress.ip_address(text)
        except ValueError as error:
            complain(path, f"'{text}' is no address: {error}")
            continue
        if not dynamic and not any(gateway in network for network in networks):
            complain(path, f"the gateway {text} is in no network of '{node.name}'")


def _check_link(link, complain):
    switches = link.switch_ends
    if link.a.node is link.b.node:
        complain(link.place, f"both ends are at '{link.a.node.name}'")
    for key, value in (("vlan", link.vlan), ("vlans", link.vlans), ("port", link.port)):
        capable = switches or (key != "port" and "ovs" in (link.a.node.kind, link.b.node.kind))
        if value and not capable:
            complain((*link.place, key), f"'{key}' needs a switch at one of the ends")
    if (link.impair or link.a.impair or link.b.impair) and not switches:
        complain((*link.place, "impair"),
                 "a link is impaired by a switch: connect one of the ends to a switch")
    if link.kind == "link" and len(switches) != 2:
        complain((*link.place, "type"), "type link joins two switches")
    if link.kind == "tap":
        kinds = sorted(end.node.kind for end in link.ends)
        if kinds not in (["namespace", "switch"], ["switch", "vm"]):
            complain((*link.place, "type"), "type tap joins a switch with a namespace or a vm")
    for end in link.ends:
        if end.port and end.node.kind != "switch":
            complain(end.place, f"'port' is for switches, and '{end.node.name}' is none")


def _check_duplicates(lab, complain):
    seen = {}
    for node in lab.nodes.values():
        for interface in node.interfaces.values():
            for address in interface.addresses:
                key = address.partition("/")[0].lower(), interface.link.vlan
                if key in seen:
                    complain(("nodes", node.name, "addresses"),
                             f"{key[0]} is the address of '{seen[key]}' already")
                seen[key] = str(interface)
    names = {}
    for link in lab.links:
        if link.name and link.name in names:
            complain((*link.place, "name"), f"another link is called '{link.name}' already")
        names[link.name] = link
    macs = {}
    for link in lab.links:
        for end in link.ends:
            if end.mac and end.mac.lower() in macs:
                complain(("nodes", end.node.name, "interfaces", end.name, "mac"),
                         f"{end.mac} is the address of '{macs[end.mac.lower()]}' already")
            macs[end.mac.lower()] = str(end)
