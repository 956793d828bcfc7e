"""What has to hold of a lab beyond the schema, before anything is made of it."""

import ipaddress
import re

from tapswitch_lab.errors import LabError
from tapswitch_lab.lookup import hosts_of, link_of
from tapswitch_lab.model import HOSTS
from tapswitch_lab.schema import did_you_mean

KINDS_OF_KEY = {
    "settings": ("switch",), "flags": ("switch",), "ports": ("switch",),
    "qemu": ("vm",), "pid": ("container",), "netns": ("container",), "docker": ("container",),
    "routes": ("namespace", "container"), "gateways": ("namespace", "container"),
    "sysctls": ("namespace", "switch", "bridge"), "forward": ("namespace",),
    "ipv6": ("namespace",), "files": ("namespace", "switch", "bridge", "ovs"),
    "commands": ("namespace", "vm", "switch", "bridge", "ovs", "container"),
}
WORDS_OF_KEY = {"gateways": "gateway"}
CHECKS = ("ping", "groups", "cut", "run", "tcp")


def check(lab, complain):
    """Calls complain(path, text) for each fault."""
    for node in lab.nodes.values():
        _check_node(node, complain)
    for link in lab.links:
        _check_link(link, complain)
    _check_duplicates(lab, complain)
    for index, given in enumerate(lab.checks):
        _check_check(lab, given, ("checks", index), complain)


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
    networks = []
    for interface in node.interfaces.values():
        networks += _check_interface(node, interface, complain)
    _check_gateways(node, networks, complain)


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


def _check_check(lab, given, path, complain):
    kinds = [kind for kind in CHECKS if kind in given]
    if len(kinds) != 1:
        complain(path, f"a check is one of {', '.join(CHECKS)}")
        return
    kind, values = kinds[0], given[kinds[0]]
    path = (*path, kind)
    if kind == "groups":
        for index, members in enumerate(values["members"]):
            _check_hosts(lab, members, (*path, "members", index), complain)
        return
    for key in ("from", "node"):
        if key in values:
            _check_hosts(lab, values[key], (*path, key), complain, kind == "run")
    if "to" in values:
        _check_hosts(lab, values["to"], (*path, "to"), complain, addresses=True)
    if "link" in values:
        try:
            link_of(lab, values["link"])
        except LabError as error:
            complain((*path, "link"), str(error))
    if "match" in values:
        try:
            re.compile(values["match"])
        except re.error as error:
            complain((*path, "match"), f"no regular expression: {error}")


def _check_hosts(lab, words, path, complain, any_node=False, addresses=False):
    for name in hosts_of(lab, words):
        if addresses and is_address(name):
            continue
        if name not in lab.nodes:
            complain(path, f"there is no node '{name}': {did_you_mean(name, lab.nodes)}")
        elif not any_node and lab.nodes[name].kind not in HOSTS:
            complain(path, f"'{name}' is a {lab.nodes[name].kind}: a check needs hosts")


def is_address(text):
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
