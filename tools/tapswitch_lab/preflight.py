"""What has to be so on the machine before a lab can be made. Nothing is changed here."""

import os
import pathlib

from tapswitch_lab import links, namespaces, programs, switches
from tapswitch_lab.errors import LabError, problem
from tapswitch_lab.netlink import Netlink


def require_root():
    """Raises LabError unless this is root."""
    if os.geteuid() != 0:
        raise LabError("namespaces need root: sudo tapswitch-lab ...")


def check(lab, tapctl):
    """Raises LabError or Problems if the lab cannot be made here."""
    for link in lab.links:
        if switches.impairments(link) and not switches.can_impair(tapctl):
            raise problem((*link.place, "impair"),
                          f"{tapctl} has no command impair: a newer tapswitch is needed")
    if not pathlib.Path("/dev/net/tun").is_char_device():
        raise LabError("/dev/net/tun is missing; load it: modprobe tun")
    for node in lab.of_kind("switch"):
        socket = switches.control_socket(node)
        if socket.exists():
            raise LabError(f"{socket} exists: stop the tapswitchd --name={node.bridge} that is not "
                           "the lab's, or remove it")
    for node in lab.namespaces:
        if node.namespace and namespaces.exists(node.namespace):
            raise LabError(f"namespace {node.namespace} exists and is not the lab's; if nobody "
                           f"needs it: ip netns delete {node.namespace}")
    for node in lab.of_kind("container", "host"):
        _check_foreign(node)
    _check_programs(lab)


def _check_foreign(node):
    there = _interfaces_of_foreign(node)
    for end in node.interfaces.values():
        if end.name in there:
            raise problem(end.place, f"'{node.name}' has an interface '{end.name}' already; name "
                                     f"another one: {node.name}:eth7")


def _interfaces_of_foreign(node):
    """The interfaces of a node that the lab does not make. Raises Problems if it is not there."""
    key = next((key for key in ("pid", "netns", "docker") if getattr(node, key)), "kind")
    path = ("nodes", node.name, key)
    file = ""
    try:
        file = links.namespace_path(node)
        with namespaces.inside(str(file)), Netlink() as netlink:
            return netlink.links()
    except LabError as error:
        raise problem(path, f"'{node.name}': {error}") from None
    except OSError as error:
        raise problem(path, f"'{node.name}': there is no namespace {file}: "
                            f"{error.strerror}") from None


def _check_programs(lab):
    for node in lab.of_kind("vm"):
        programs.require("qemu-system-x86_64", "qemu-system-x86")
        if not node.qemu:
            programs.require_guest()
    if lab.of_kind("ovs"):
        programs.require("ovs-vswitchd", "openvswitch-switch")
        programs.require("ovsdb-tool", "openvswitch-switch")
    if any(end.dhcp for node in lab.nodes.values() for end in node.interfaces.values()):
        programs.dhcp_client()
