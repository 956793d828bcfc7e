"""What a lab looks like now, for people and as JSON."""

import os
import pathlib
import time

from tapswitch_lab import links, namespaces, processes, switches, vms
from tapswitch_lab.netlink import IFF_LOWER_UP, IFF_UP

ROW = "{:<{w}}  {:<12}  {:<17}  {:<26}  {:>10}  {:>10}"


def describe(state):
    """The lab as plain values, with seconds and counts as numbers."""
    lab = state.lab()
    made = state.plan.get("made", 0)
    impaired = {node.name: switches.impaired_now(state, node) for node in lab.of_kind("switch")
                if not state.plan.get("classic")}
    seen = {}
    nodes = [_node(node, state, seen) for node in lab.nodes.values() if node.kind != "switch"]
    return {
        "name": lab.name, "file": state.plan.get("file", ""), "complete": bool(made),
        "up_seconds": round(time.time() - made, 1) if made else 0,
        "switches": [_switch(node, state) for node in lab.of_kind("switch")],
        "nodes": nodes,
        "links": [_link(state, link, impaired, seen) for link in lab.links],
    }


def _switch(node, state):
    pid = processes.recorded_pid(state.folder / node.record)
    return {"name": node.name, "bridge": node.bridge, "namespace": node.namespace,
            "running": pid is not None, "pid": pid or 0, "up_seconds": uptime(pid) if pid else 0,
            "classic": bool(state.plan.get("classic"))}


def uptime(pid):
    """Seconds since a process started."""
    started = processes.start_time(pid) or 0
    now = float(pathlib.Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return int(now - started / os.sysconf("SC_CLK_TCK"))


def _node(node, state, seen):
    made = {"name": node.name, "kind": node.kind, "namespace": node.namespace, "state": "up",
            "interfaces": []}
    if node.kind == "vm" and vms.pid_of(node, state) is None:
        made["state"] = "no QEMU"
    if node.namespace and not namespaces.is_marked(node.namespace, state.mark):
        made["state"] = "no namespace"
        return made
    try:
        with links.at(node) as netlink:
            there, addresses = netlink.links(), netlink.addresses()
    except OSError:
        made["state"] = "no namespace"
        return made
    for number, end in enumerate(node.interfaces.values()):
        name = vms.tap_name(number) if node.kind == "vm" else end.name
        word = made["state"]
        if node.kind == "vm" and word == "up" and not links.is_up(state, end.link, seen):
            word = "no link"
        made["interfaces"].append(_interface(end, there.get(name), addresses, word))
    return made


def _interface(end, found, addresses, node_state):
    if found is None:
        return {"name": end.name, "state": "missing", "mac": "", "addresses": [],
                "rx_packets": 0, "tx_packets": 0}
    flags = found["flags"]
    word = "up" if flags & IFF_LOWER_UP else "no link" if flags & IFF_UP else "down"
    there = [text for index, text in addresses if index == found["index"]]
    if end.node.kind == "vm":
        there, word = end.addresses, node_state if node_state != "up" else word
    return {"name": end.name, "state": word, "mac": found["mac"], "addresses": there,
            "rx_packets": found["rx_packets"], "tx_packets": found["tx_packets"]}


def _link(state, link, impaired, seen):
    made = {"link": str(link), "a": str(link.a), "b": str(link.b),
            "state": "up" if links.is_up(state, link, seen) else "down"}
    if link.vlan:
        made["vlan"] = link.vlan
    if link.vlans:
        made["vlans"] = link.vlans
    words = impairment_text(link, impaired)
    if words:
        made["impair"] = words
    return made


def impairment_text(link, impaired):
    """What is impaired now, as words; of one direction alone with the node that it is sent to."""
    texts = []
    for end in link.switch_ends:
        found = impaired.get(end.node.name, {}).get(end.name, {})
        if len(set(found.values())) == 1 and len(found) == 2:
            texts.append(found["egress"])
            continue
        for direction, words in found.items():
            receiver = end.peer if direction == "egress" else end
            texts.append(f"to {receiver.node.name}: {words}")
    return "; ".join(texts)


def render(lab):
    """The screen of `status`."""
    lines = []
    if not lab["complete"]:
        lines.append(f"{lab['name']}: its up was interrupted, or is at work; tapswitch-lab down "
                     f"--name {lab['name']} removes it")
    elif not any(each["classic"] for each in lab["switches"]):
        lines.append(f"{lab['name']}: up {lab['up_seconds']:.0f} s, of {lab['file']}")
    for switch in lab["switches"]:
        lines.append(_render_switch(switch, lab["name"]))
    width = max([4, *(len(name) for name, _ in _rows(lab))])
    lines.append(ROW.format("NODE", "STATE", "MAC", "ADDRESSES", "RECEIVED", "SENT", w=width))
    for name, cells in _rows(lab):
        lines.append(ROW.format(name, *cells, w=width).rstrip())
    text = "".join(f"{line}\n" for line in lines)
    if any("vlan" in link or "vlans" in link or "impair" in link or link["state"] != "up"
           for link in lab["links"]):
        text += render_links(lab)
    return text


def _render_switch(switch, lab):
    called = "bridge" if switch["classic"] else f"switch {switch['name']}"
    if not switch["running"]:
        option = "" if switch["classic"] else f" --name {lab}"
        return (f"{called}: tapswitchd is not running; take the lab down: tapswitch-lab "
                f"down{option}")
    how = "" if switch["classic"] else f" (tapctl -B {switch['bridge']})"
    return f"{called}: tapswitchd, pid {switch['pid']}, up {switch['up_seconds']} s{how}"


def _rows(lab):
    for node in lab["nodes"]:
        if not node["interfaces"]:
            yield node["name"], (node["state"], "", "", "", "")
        for interface in node["interfaces"]:
            several = len(node["interfaces"]) > 1
            yield (f"{node['name']}:{interface['name']}" if several else node["name"],
                   (interface["state"], interface["mac"], " ".join(interface["addresses"]),
                    interface["rx_packets"], interface["tx_packets"]))


def render_links(lab):
    """The table of `link show`."""
    rows = [("LINK", "", "STATE", "VLANS", "IMPAIRED")]
    for link in lab["links"]:
        vlans = ([f"{link['vlan']}u"] if "vlan" in link else []) + [
            str(vid) for vid in link.get("vlans", [])]
        rows.append((link["a"], link["b"], link["state"], " ".join(vlans), link.get("impair", "")))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "".join("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)),
                              row[4]]).rstrip() + "\n" for row in rows)
