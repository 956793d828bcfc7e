"""The wires of a lab: made, taken down and up, impaired. Most of them are veth pairs."""

import contextlib
import errno
import json
import os
import pathlib
import subprocess

from tapswitch_lab import carriers, kept, namespaces, switches
from tapswitch_lab.errors import LabError
from tapswitch_lab.netlink import IFF_LOWER_UP, IFF_UP, Netlink, NetlinkError

LONGEST_TEMPORARY = 15


def namespace_path(node):
    """The file of the network namespace that a node is."""
    if node.namespace:
        return namespaces.path_of(node.namespace)
    if node.kind == "container":
        return container_path(node)
    return pathlib.Path("/proc/self/ns/net")


def container_path(node):
    """The file of the network namespace of a container."""
    if node.netns:
        return namespaces.path_of(node.netns)
    return pathlib.Path(f"/proc/{node.pid or docker_pid(node)}/ns/net")


def docker_pid(node):
    """The pid of the running container that docker knows by that name."""
    try:
        done = subprocess.run(["docker", "inspect", node.docker], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        raise LabError(f"docker is missing, which knows the container '{node.docker}'") from None
    if done.returncode != 0:
        raise LabError(f"there is no container '{node.docker}': docker run --detach --name "
                       f"{node.docker} ...")
    pid = json.loads(done.stdout)[0].get("State", {}).get("Pid", 0)
    if not pid:
        raise LabError(f"the container '{node.docker}' does not run: docker start {node.docker}")
    return pid


@contextlib.contextmanager
def descriptor_of(node):
    """The namespace of a node, open."""
    descriptor = os.open(namespace_path(node), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def at(node):
    """A netlink socket in the namespace of the node, while the caller is in there."""
    with namespaces.inside(str(namespace_path(node))), Netlink() as netlink:
        yield netlink


def make(lab):
    """Makes the pairs of all links of the kind veth, with both ends up."""
    with Netlink() as netlink:
        for link in lab.links:
            if link.kind == "veth":
                _make_pair(netlink, link)
    for node in lab.nodes.values():
        ends = [end for end in node.interfaces.values()
                if end.link.kind == "veth" and end is end.link.b]
        if ends:
            with at(node) as netlink:
                there = netlink.links()
                for end in ends:
                    netlink.set_link(there[end.name]["index"], IFF_UP)


def _make_pair(netlink, link):
    mtu = link.mtu
    with descriptor_of(link.a.node) as first, descriptor_of(link.b.node) as second:
        try:
            netlink.add_veth((link.a.name, first, link.a.mac, link.a.mtu or mtu),
                             (link.b.name, second, link.b.mac, link.b.mtu or mtu))
        except NetlinkError as error:
            if error.errno == errno.EEXIST:
                raise LabError(f"link {link}: one of its interfaces exists already; name another "
                               "one, or delete it") from None
            raise LabError(f"link {link}: {error.args[1]}") from None


def is_own(end):
    """Whether the interface goes with a namespace of the lab."""
    return bool(end.node.namespace)


def remove_foreign(lab):
    """Removes the ends in namespaces that are not the lab's.

    They would outlive it, at least for the moment that the kernel takes to end a namespace.
    """
    for link in lab.links:
        for end in link.ends:
            if link.kind != "veth" or is_own(end):
                continue
            with contextlib.suppress(OSError, LabError), at(end.node) as netlink:
                if netlink.links().get(end.name, {}).get("mac") == end.mac:
                    netlink.delete_link(end.name)


def change_state(state, link, is_up):
    """Takes a link down or up; the other end sees it as a lost carrier."""
    if link.kind == "link":
        _change_port(state, link.b, is_up)
        return
    _change_wire(state, link, is_up)
    carriers.tell(state, link, is_up)


def _change_wire(state, link, is_up):
    end = (link.switch_ends or [link.a])[0]
    if link.kind != "veth":
        word = "on" if is_up else "off"
        switches.tapctl(state, end.node, "link", "carrier", "dev", end.name, word)
        return
    with at(end.node) as netlink:
        index = netlink.index_of(end.name)
        if not index:
            raise LabError(f"{end} is gone; make the lab anew")
        netlink.set_link(index, IFF_UP if is_up else 0, 0 if is_up else IFF_UP)


def _change_port(state, end, is_up):
    """A link without a device has no carrier: the end that connects is removed, or added again."""
    there = _has_port(state, end)
    if is_up and not there:
        kept.put_back(state, end)
    elif there and not is_up:
        kept.take_away(state, end)


def _has_port(state, end):
    return any(port["ifname"] == end.name
               for port in switches.ask(state, end.node, "port", "show"))


def is_up(state, link, seen):
    """Whether neither end was taken down. `seen` is a dictionary for a number of such questions."""
    if link.kind == "link":
        return _has_port(state, link.b)
    wanted = IFF_UP if link.kind == "veth" else IFF_UP | IFF_LOWER_UP
    for end in link.ends:
        if link.kind != "veth" and end.node.kind == "switch":
            continue
        if end.node not in seen:
            seen[end.node] = _interfaces(end.node)
        if seen[end.node].get(end.name, {"flags": 0})["flags"] & wanted != wanted:
            return False
    # A machine was told by its switch, and nothing but that knows.
    return not any(_is_cut(state, end, seen) for end in link.switch_ends
                   if end.peer.node.kind == "vm")


def _is_cut(state, port, seen):
    """Whether the switch has the other end of the port see no carrier."""
    if (port.node, "cut") not in seen:
        seen[port.node, "cut"] = {each["ifname"] for each in
                                  switches.ask(state, port.node, "port", "show")
                                  if not each.get("carrier", True)}
    return port.name in seen[port.node, "cut"]


def flap(state, link, words):
    """Takes a link down and up again, by the words of 'tapctl link carrier dev NAME flap'."""
    if not link.switch_ends:
        raise LabError(f"no end of {link} is a switch, which would flap it")
    port = link.switch_ends[0]
    switches.tapctl(state, port.node, "link", "carrier", "dev", port.name, "flap", *words)


def _interfaces(node):
    """The interfaces of a node; none if it is gone."""
    try:
        with at(node) as netlink:
            return netlink.links()
    except OSError:
        return {}


def impair_now(state, link, words):
    """Impairs a running link by words of the user, in both directions; 'none' ends all of it.

    With 'to NODE' in front only what that node receives is impaired. The first switch of the link
    does it, so that another one does nothing to the same frames.
    """
    ports = link.switch_ends
    if not ports:
        raise LabError(f"no end of {link} is a switch, which would impair it")
    receivers = link.ends
    if words[:1] == ["to"] and len(words) > 1:
        receivers = [end for end in link.ends if end.node.name == words[1]]
        if not receivers:
            raise LabError(f"'{words[1]}' is no end of {link}")
        words = words[2:]
    if not words:
        raise LabError("say what: impair delay 20ms loss 1%, or impair none")
    for receiver in receivers:
        for port in ports:
            direction = "ingress" if receiver is port else "egress"
            place = ("dev", port.name, direction)
            if port is ports[0] and words != ["none"]:
                switches.tapctl(state, port.node, "impair", "set", *place, *words)
            else:
                switches.tapctl(state, port.node, "impair", "del", *place, check=False)
