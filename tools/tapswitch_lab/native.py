"""Makes the model of a lab from the values of its file. Complaints name the place in the file."""

import zlib

from tapswitch_lab import addressing, rules
from tapswitch_lab.errors import Problems
from tapswitch_lab.model import (OWN_NAMESPACE, Command, Interface, Lab, Link, Node, give_macs,
                                 share_ports)
from tapswitch_lab.schema import check, did_you_mean
from tapswitch_lab.units import seconds

MAX_INTERFACE_NAME = 15
COPIED = ("routes", "sysctls", "files", "settings", "flags", "ports", "forward", "ipv6", "pid",
          "netns", "docker", "qemu")


def as_list(value):
    """A single value counts as a list of one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def impair_words(value):
    """The words of 'tapctl impair set' that `value` means."""
    if isinstance(value, dict):
        return " ".join(f"{key} {word}" for key, word in value.items())
    return " ".join((value or "").split())


def short_name(text):
    """The text, or if it is too long for a switch its beginning and a number made of all of it."""
    if len(text) <= MAX_INTERFACE_NAME:
        return text
    return f"{text[:MAX_INTERFACE_NAME - 5]}-{zlib.crc32(text.encode()) % 65536:04x}"


def with_defaults(values):
    """The values of each node, completed by those of its kind."""
    defaults = values.get("defaults", {})
    result = {}
    for name, node in values["nodes"].items():
        given = dict(defaults.get(node.get("kind", "namespace"), {}))
        given.update(node)
        result[name] = given
    return result


class _Builder:
    def __init__(self, name, values):
        self.lab = Lab(name)
        self.values = values
        self.found = []
        self.hints = {}  # node: its settings of the first interface, and where they are

    def complain(self, path, text):
        self.found.append((tuple(path), text))

    def build(self):
        for name, given in with_defaults(self.values).items():
            self.add_node(name, given)
        for index, given in enumerate(self.values.get("links", [])):
            self.add_link(index, given)
        for name, given in with_defaults(self.values).items():
            self.set_interfaces(self.lab.nodes[name], given)
        self.lab.checks = self.values.get("checks", [])
        addressing.share_out(self.lab, as_list(self.values.get("subnets")), self.complain)
        rules.check(self.lab, self.complain)
        if self.found:
            raise Problems(self.found)
        give_macs(self.lab)
        share_ports(self.lab)
        return self.lab

    def add_node(self, name, given):
        node = Node(name, given.get("kind", "namespace"))
        for key in COPIED:
            if key in given:
                setattr(node, key, given[key])
        node.gateways = as_list(given.get("gateway"))
        for index, value in enumerate(given.get("commands", [])):
            node.commands.append(self.command(value, ("nodes", name, "commands", index)))
        full = f"{self.lab.name}-{name}"
        node.bridge = short_name(full)
        node.namespace = full if node.kind in OWN_NAMESPACE else ""
        node.record, node.log = f"{name}.pid", f"{name}.log"
        self.lab.nodes[name] = node

    def command(self, value, path):
        if isinstance(value, str):
            return Command(value)
        if ("run" in value) == ("daemon" in value):
            self.complain(path, "a command has either 'run' (wait until it ends) or 'daemon'")
        return Command(value.get("run") or value.get("daemon", ""), "daemon" in value,
                       value.get("ready", ""), seconds(value.get("timeout", "30s")))

    def add_link(self, index, given):
        path = ("links", index)
        ends = [self.end(value, (*path, "endpoints", number))
                for number, value in enumerate(given["endpoints"])]
        if None in ends:
            return
        link = Link(given.get("name", ""), *ends, place=path,
                    kind=given.get("type", "veth"), vlan=given.get("vlan", 0),
                    vlans=given.get("vlans", []), mtu=given.get("mtu", 0),
                    impair=impair_words(given.get("impair")), port=given.get("port", ""),
                    state=given.get("state", "up"))
        for end, other in zip(ends, reversed(ends)):
            end.link = link
            self.name_interface(end, other)
        self.lab.links.append(link)

    def end(self, value, path):
        if isinstance(value, str):
            node, _, interface = value.partition(":")
            value = {"node": node, "interface": interface}
        name = value["node"]
        if name == "host" and name not in self.lab.nodes:
            self.lab.nodes[name] = Node(name, "host")
        if name not in self.lab.nodes:
            self.complain(path, f"there is no node '{name}': {did_you_mean(name, self.lab.nodes)}")
            return None
        return Interface(self.lab.nodes[name], value.get("interface", ""), place=path,
                         port=value.get("port", ""), impair=impair_words(value.get("impair")))

    def name_interface(self, end, other):
        """Adds it to its node: eth0, eth1, ... of hosts; a port has the neighbour's name."""
        taken = end.node.interfaces
        if end.name in taken:
            self.complain(end.place, f"'{end.node.name}' has '{end.name}' already, in another link")
            return
        number = 0
        forwards = end.node.kind in ("switch", "bridge", "ovs")
        while not end.name or (end.name in taken):
            if forwards:
                suffix = "" if number == 0 else f"-{number + 1}"
                end.name = other.node.name[:MAX_INTERFACE_NAME - len(suffix)] + suffix
            else:
                end.name = f"eth{number}"
            number += 1
        taken[end.name] = end

    def set_interfaces(self, node, given):
        path = ("nodes", node.name)
        first = {key: given[key] for key in ("addresses", "dhcp", "slaac") if key in given}
        if first and not node.interfaces:
            self.complain(path, f"'{node.name}' has settings of an interface, but no link")
        elif first:
            self.set_interface(next(iter(node.interfaces.values())), first)
        for name, values in given.get("interfaces", {}).items():
            if name in node.interfaces:
                self.set_interface(node.interfaces[name], values)
            else:
                self.complain((*path, "interfaces", name, "#key"),
                              f"no link ends at '{node.name}:{name}': "
                              f"{did_you_mean(name, node.interfaces) if node.interfaces else ''}")

    @staticmethod
    def set_interface(interface, values):
        for key in ("mac", "mtu", "dhcp", "slaac"):
            if key in values:
                setattr(interface, key, values[key])
        interface.addresses += as_list(values.get("addresses"))


def build(values, name=None, default=None):
    """The lab of these values, called `name`, else as they say, else `default`. Raises Problems."""
    values = check(values)
    name = name or values.get("name") or default
    check(name, {"$ref": "#/$defs/name"}, ("name",))
    return _Builder(name, values).build()
