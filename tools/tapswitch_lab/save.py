"""The lab that is running, as the values of a file, and what differs from another file."""

import copy
import difflib
import re

from tapswitch_lab import impaired, kept, links, native, status, switches
from tapswitch_lab.errors import LabError
from tapswitch_lab.schema import check

LIVE = ("namespace", "container", "host")  # their addresses can be looked at

_VLANS = re.compile(r"(vlan (?P<access>\d+) pvid untagged ?)?"
                    r"(vlan (?P<trunk>[\d,-]+)(?! pvid| untagged|[\d,-]) ?)?")


def running(state):
    """The values of a file that makes the lab as it is now."""
    lab = state.lab()
    values = {"name": lab.name, "nodes": {}, "links": []}
    given = state.plan.get("values")
    recorded = native.with_defaults(check(given)) if given else {}
    saved = {node.name: _saved(state, node) for node in lab.of_kind("switch")}
    impairments = {name: impaired.now(lines) for name, lines in saved.items()}
    seen, taken = {}, set()
    for link in lab.links:
        made, said = _link(link, saved, impairments)
        taken |= said
        values["links"].append(made)
        if not links.is_up(state, link, seen):
            made["state"] = "down"
    for node in lab.nodes.values():
        if node.kind != "host" or node.name in recorded:
            lines = _not_said(saved.get(node.name, []), node, taken)
            values["nodes"][node.name] = _node(node, recorded.get(node.name, {}), lines)
    if lab.checks:
        values["checks"] = copy.deepcopy(lab.checks)
    return values


def shown(state):
    """The lab with addresses, VLANs, impairments and states of links as they are now.

    It is not made of the saved values, as what people did by hand may break rules of a file.
    """
    lab, values = state.lab(), running(state)
    impairments = {node.name: switches.impaired_now(state, node) for node in lab.of_kind("switch")}
    for link, made in zip(lab.links, values["links"]):
        link.state = made.get("state", "up")
        link.vlan, link.vlans = made.get("vlan", 0), made.get("vlans", [])
        link.a.impair = link.b.impair = ""
        link.impair = status.impairment_text(link, impairments)
    for name, made in values["nodes"].items():
        for end in lab.nodes[name].interfaces.values():
            words = made.get("interfaces", {}).get(end.name, {})
            end.addresses = list(words.get("addresses", []))
    return lab


def _saved(state, node):
    """What the switch saves, with its ports that are away; if it does not run, what it began with.
    """
    lines = switches.saved(state, node)
    if not lines:
        return [line for line, _ in switches.startup_lines(node)]
    for end in node.interfaces.values():
        lines = kept.merged(lines, kept.lines(state, end))
    return lines


def _not_said(lines, node, taken):
    """The lines of the switch but for impairments that its links have the words for."""
    found = []
    for line in lines:
        place = impaired.place_of(line) if impaired.is_setting(line) else None
        if place is None or (node.name, *place) not in taken:
            found.append(impaired.without_default_seed(line))
    return found


def _node(node, recorded, lines):
    made = {"kind": node.kind}
    for key in ("forward", "ipv6", "sysctls", "files", "commands", "flags", "pid", "netns",
                "docker", "qemu"):
        value = recorded.get(key, getattr(node, key, None))
        if value:
            made[key] = value
    if node.kind == "switch":
        made.update(_settings(node, lines))
    now, routes = _addresses(node) if node.kind in LIVE else ({}, [])
    interfaces = {}
    for end in node.interfaces.values():
        given = recorded.get("interfaces", {}).get(end.name, {})
        interfaces[end.name] = {**_fixed(end, given), **now.get(end.name, _as_recorded(end))}
    interfaces = {name: words for name, words in interfaces.items() if words}
    if interfaces:
        made["interfaces"] = interfaces
    return {**made, "routes": routes} if routes and node.kind != "host" else made


def _fixed(end, given):
    """What was set of an interface when it was made."""
    fixed = {key: given[key] for key in ("mac", "mtu") if key in given}
    return {**fixed, "mac": end.mac} if end.node.kind == "vm" else fixed


def _as_recorded(end):
    """The addresses of an interface that cannot be looked at."""
    words = {key: True for key in ("dhcp", "slaac") if getattr(end, key)}
    return {**words, "addresses": list(end.addresses)} if end.addresses else words


def _settings(node, lines):
    """Settings that are no port's, and ports that are no link's."""
    names = set(node.interfaces)
    ports, settings = [], []
    for line in lines:
        words = line.split()
        if _is_carrier_of(line, node):
            continue  # the state of its link
        if words[:2] != ["port", "add"]:
            settings.append(line)
        elif switches.name_of_port(words[2]) not in names:
            ports.append(line.removeprefix("port add "))
    made = {"settings": settings} if settings else {}
    return {**made, "ports": ports} if ports else made


def _is_carrier_of(line, node):
    """Whether the line says if one of the lab's links has a carrier, and which guest is told."""
    words = line.split()
    return words[:3] == ["link", "carrier", "dev"] and words[3] in node.interfaces


def _addresses(node):
    """({interface: its address and addresses now}, routes); nothing if the node is gone."""
    interfaces = {}
    try:
        with links.at(node) as netlink:
            there, addresses, routes = netlink.links(), netlink.addresses(), netlink.routes()
    except (OSError, LabError):
        return {}, []
    names = {found["index"]: name for name, found in there.items()}
    for end in node.interfaces.values():
        index = there.get(end.name, {}).get("index", -1)
        words = {"mac": there[end.name]["mac"]} if index > 0 else {}
        dynamic = [key for key in ("dhcp", "slaac") if getattr(end, key)]
        words.update({key: True for key in dynamic})
        now = [text for found, text in addresses if found == index
               and not ("dhcp" in dynamic and ":" not in text)
               and not ("slaac" in dynamic and ":" in text)]
        if now:
            words["addresses"] = now
        interfaces[end.name] = words
    leased = {end.name for end in node.interfaces.values() if end.dhcp}
    return interfaces, [_route(route, names) for route in routes
                        if names.get(route[2]) not in leased]


def _route(route, names):
    destination, gateway, index = route
    way = f"via {gateway}" if gateway else f"dev {names.get(index, '')}"
    return f"{destination} {way}"


def _link(link, saved, impairments):
    """Its words in the file, and which impairments of its switches they say."""
    made = {"endpoints": []}
    if link.name:
        made["name"] = link.name
    if link.kind in ("tap", "link"):
        made["type"] = link.kind
    elif link.kind == "pair":
        made["type"] = "veth"
    words = {end: _port_settings(end, saved[end.node.name]) for end in link.switch_ends}
    if words:
        _lift_vlans(made, words)
    else:  # an Open vSwitch has them as they were at the beginning
        made.update({key: getattr(link, key) for key in ("vlan", "vlans") if getattr(link, key)})
    both, sent, taken = impaired.lift(link, impairments)
    for end in link.ends:
        entry = {"node": end.node.name, "interface": end.name}
        if words.get(end):
            entry["port"] = words[end]
        if end in sent:
            entry["impair"] = sent[end]
        made["endpoints"].append(entry)
    if both:
        made["impair"] = both
    if link.mtu:
        made["mtu"] = link.mtu
    return made, taken


def _lift_vlans(made, words):
    """Writes VLANs that all switches of the link agree on as the link's own."""
    vlans = {_VLANS.match(text)[0].strip() for text in words.values()}
    if len(vlans) != 1:
        return
    found = _VLANS.match(vlans.pop())
    if found["access"]:
        made["vlan"] = int(found["access"])
    if found["trunk"]:
        made["vlans"] = [vid for part in found["trunk"].split(",") for vid in _range(part)]
    for end, text in words.items():
        words[end] = text[_VLANS.match(text).end():].strip()


def _range(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _port_settings(end, lines):
    for line in lines:
        words = line.split(None, 3)
        if words[:2] == ["port", "add"] and switches.name_of_port(words[2]) == end.name:
            return words[3] if len(words) > 3 else ""
    return switches.port_words(end)  # somebody has removed it


def text(values):
    """The values as YAML."""
    from tapswitch_lab.document import yaml_library
    yaml = yaml_library()

    class Dumper(yaml.SafeDumper):
        """Writes long lines as they are, and texts of several lines as blocks."""

    def represent(dumper, value):
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, represent)
    Dumper.ignore_aliases = lambda *_: True
    return yaml.dump(values, Dumper=Dumper, sort_keys=False, width=1000, default_flow_style=None,
                     allow_unicode=True)


def difference(path, values, state):
    """How what is running differs from what the file means: a line each, or nothing."""
    wanted, there = native.build(values, state.name), native.build(running(state), state.name)
    lines = [f"{line}\n" for line in difflib.unified_diff(
        normal(wanted), normal(there), path, f"lab {state.name}", lineterm="", n=0)]
    for node in state.lab().of_kind("switch"):
        if node.name in wanted.nodes and wanted.nodes[node.name].kind == "switch":
            said = _switch_difference(wanted.nodes[node.name], node, state)
            lines += [f"{node.name}: tapctl {line}\n" for line in said]
    return "".join(lines)


def _switch_difference(wanted, running_node, state):
    """The commands that would make the running switch what the file says."""
    lines = [line for line, _ in switches.startup_lines(wanted)]
    # States of links are compared elsewhere.
    lines += [line for line in switches.saved(state, running_node)
              if _is_carrier_of(line, running_node) and _is_carrier_of(line, wanted)]
    text = "".join(f"{line}\n" for line in lines)
    return switches.tapctl(state, running_node, "apply", "-", "--dry-run", text=text).splitlines()


def normal(lab):
    """The lab but for settings of switches, as lines that are the same however it is written."""
    lines = []
    for node in sorted(lab.nodes.values(), key=lambda node: node.name):
        lines.append(f"node {node.name} {node.kind}")
        for end in node.interfaces.values():
            words = sorted(end.addresses) + ["dhcp"] * end.dhcp + ["slaac"] * end.slaac
            if words:
                lines.append(f"  {end} {' '.join(words)}")
        routes = [f"default via {gateway}" for gateway in node.gateways] + list(node.routes)
        lines += [f"  {node.name} route {route}" for route in sorted(routes)]
    for link in sorted(lab.links, key=lambda link: str(link.a)):
        lines.append(f"link {link.a} {link.b} {link.state}")
    return lines
