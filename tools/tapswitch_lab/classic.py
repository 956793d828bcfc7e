"""The lab of `up N`: hosts h1, h2, ... and virtual machines on one switch called lab."""

from tapswitch_lab.errors import LabError
from tapswitch_lab.model import Interface, Lab, Link, Node, give_macs

NAME = "lab"
MAX_HOSTS = 64
MAX_VMS = 8
FIRST_VM_ADDRESS = 100
PORT_TYPES = ("auto", "veth", "tap")


def parse_count(text):
    """The number of hosts."""
    if text.isdecimal() and 1 <= int(text) <= MAX_HOSTS and not text.startswith("0"):
        return int(text)
    raise LabError(f"'{text}' hosts: say how many, 1 to {MAX_HOSTS}: tapswitch-lab up 3; or "
                   "name a file: tapswitch-lab up -f FILE")


def parse_vms(text):
    """The number of virtual machines."""
    if len(text) == 1 and text.isdecimal() and int(text) <= MAX_VMS:
        return int(text)
    raise LabError(f"--vms '{text}': say how many virtual machines, 0 to {MAX_VMS}")


def parse_ports(text):
    """The type of ports."""
    if text not in PORT_TYPES:
        raise LabError(f"--ports '{text}': say auto, veth or tap")
    return text


def lab(count, vms, ports, flags):
    """The model of that lab. `ports` is veth or tap: the switch makes the interfaces."""
    made = Lab(NAME)
    switch = Node(NAME, "switch", namespace="", record="bridge", log="log", bridge=NAME,
                  flags=flags)
    made.nodes[NAME] = switch
    for number in range(1, count + 1):
        _add_host(made, switch, f"h{number}", "namespace", number, ports, f"vnet{number}")
    for number in range(1, vms + 1):
        _add_host(made, switch, f"vm{number}", "vm", FIRST_VM_ADDRESS + number, ports,
                  f"vnetvm{number}")
        made.nodes[f"vm{number}"].interfaces["eth0"].mac = f"52:54:00:83:00:{number:02x}"
    give_macs(made)
    return made


def _add_host(made, switch, name, kind, number, ports, port):
    node = Node(name, kind, namespace=name, record=name, log=f"{name}.log")
    end = Interface(node, "eth0", addresses=[f"10.83.0.{number}/24", f"fd83::{number}/64"])
    other = Interface(switch, port)
    link = Link("", end, other, kind="tap" if ports == "tap" else "pair")
    end.link = other.link = link
    node.interfaces["eth0"] = end
    switch.interfaces[port] = other
    made.nodes[name] = node
    made.links.append(link)
