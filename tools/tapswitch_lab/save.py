"""The lab that is running, as the values of a file, and what differs from another file."""

import copy
import difflib
import re

from tapswitch_lab import links, native, switches
from tapswitch_lab.schema import check

_VLANS = re.compile(r"(vlan (?P<access>\d+) pvid untagged ?)?"
                    r"(vlan (?P<trunk>[\d,-]+)(?! pvid| untagged|[\d,-]) ?)?")


def running(state):
    """The values of a file that makes the lab as it is now."""
    lab = state.lab()
    values = {"name": lab.name, "nodes": {}, "links": []}
    given = state.plan.get("values", {})
    recorded = check(given)["nodes"] if given and "nodes" in given else {}
    saved = {node.name: switches.saved(state, node) for node in lab.of_kind("switch")}
    for node in lab.nodes.values():
        if node.kind == "host" and node.name not in recorded:
            continue
        values["nodes"][node.name] = _node(node, recorded.get(node.name, {}), saved)
    impaired = {node.name: switches.impaired_now(state, node) for node in lab.of_kind("switch")}
    seen = {}
    for link in lab.links:
        values["links"].append(_link(link, saved, impaired))
        if not links.is_up(state, link, seen):
            values["links"][-1]["state"] = "down"
    if lab.checks:
        values["checks"] = copy.deepcopy(lab.checks)
    return values


def _node(node, recorded, saved):
    made = {"kind": node.kind}
    for key in ("forward", "ipv6", "sysctls", "files", "commands", "flags", "pid", "netns",
                "docker", "qemu"):
        value = recorded.get(key, getattr(node, key, None))
        if value:
            made[key] = value
    if node.kind == "switch":
        made.update(_settings(node, saved[node.name]))
    elif node.kind in ("namespace", "container", "host"):
        made.update(_addresses(node))
    else:
        interfaces = {end.name: {"addresses": list(end.addresses)}
                      for end in node.interfaces.values() if end.addresses}
        if interfaces:
            made["interfaces"] = interfaces
    return made


def _settings(node, lines):
    """Settings that are no port's, and ports that are no link's."""
    if not lines:
        return {"settings": list(node.settings)} if node.settings else {}
    names = set(node.interfaces)
    ports, settings = [], []
    for line in lines:
        words = line.split()
        if words[:1] == ["impair"]:
            continue
        if words[:2] != ["port", "add"]:
            settings.append(line)
        elif switches.name_of_port(words[2]) not in names:
            ports.append(line.removeprefix("port add "))
    made = {"settings": settings} if settings else {}
    return {**made, "ports": ports} if ports else made


def _addresses(node):
    """Addresses and routes as they are now; none where the node cannot be looked at."""
    interfaces = {}
    try:
        with links.at(node) as netlink:
            there, addresses, routes = netlink.links(), netlink.addresses(), netlink.routes()
    except OSError:
        return {}
    names = {found["index"]: name for name, found in there.items()}
    for end in node.interfaces.values():
        index = there.get(end.name, {}).get("index", -1)
        kept = {"mac": there[end.name]["mac"]} if index > 0 else {}
        dynamic = [key for key in ("dhcp", "slaac") if getattr(end, key)]
        kept.update({key: True for key in dynamic})
        now = [text for found, text in addresses if found == index
               and not ("dhcp" in dynamic and ":" not in text)
               and not ("slaac" in dynamic and ":" in text)]
        if now:
            kept["addresses"] = now
        interfaces[end.name] = kept
    made = {"interfaces": interfaces} if interfaces else {}
    leased = {end.name for end in node.interfaces.values() if end.dhcp}
    texts = [_route(route, names) for route in routes if names.get(route[2]) not in leased]
    return {**made, "routes": texts} if texts and node.kind != "host" else made


def _route(route, names):
    destination, gateway, index = route
    way = f"via {gateway}" if gateway else f"dev {names.get(index, '')}"
    return f"{destination} {way}"


def _link(link, saved, impaired):
    made = {"endpoints": []}
    if link.name:
        made["name"] = link.name
    if link.kind in ("tap", "link"):
        made["type"] = link.kind
    elif link.kind == "pair":
        made["type"] = "veth"
    words = {end: _port_settings(end, saved[end.node.name]) for end in link.switch_ends}
    _lift_vlans(made, words)
    for end in link.ends:
        entry = {"node": end.node.name, "interface": end.name}
        if words.get(end):
            entry["port"] = words[end]
        made["endpoints"].append(entry)
    for end in link.switch_ends:
        _add_impairments(made, link, end, impaired[end.node.name].get(end.name, {}))
    mtu = link.mtu or link.a.mtu
    if mtu:
        made["mtu"] = mtu
    return made


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


def _add_impairments(made, link, end, found):
    """Egress of a port is what that end sends, ingress what the other end sends."""
    if "ingress" in found and found["ingress"] == found.get("egress"):
        made["impair"] = found["ingress"]
        return
    for direction, words in found.items():
        sender = link.ends.index(end) if direction == "egress" else 1 - link.ends.index(end)
        made["endpoints"][sender]["impair"] = words


def _port_settings(end, lines):
    for line in lines:
        words = line.split(None, 3)
        if words[:2] == ["port", "add"] and switches.name_of_port(words[2]) == end.name:
            return words[3] if len(words) > 3 else ""
    return switches.port_words(end)  # it is not there while the link is down


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
    for node in wanted.of_kind("switch"):
        if node.name in there.nodes:
            lines += [f"{node.name}: tapctl {line}\n" for line in _switch_difference(node, state)]
    return "".join(lines)


def _switch_difference(node, state):
    """The commands that would make the running switch what the file says."""
    text = "".join(f"{line}\n" for line, _ in switches.startup_lines(node))
    said = switches.tapctl(state, node, "apply", "-", "--dry-run", text=text).splitlines()
    return [line for line in said if not line.startswith("impair ")]


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
        lines += sorted(f"  {port} {direction} {switches.without_seed(words)}"
                        for port, direction, words in switches.impairments(link))
    return lines
