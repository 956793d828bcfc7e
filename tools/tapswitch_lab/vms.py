"""Virtual machines: QEMU in a namespace, on macvtaps on the interfaces of its links."""

import os
import pathlib
import re
import shlex
import subprocess
import zlib

from tapswitch_lab import consoles, links, processes, programs, sockets
from tapswitch_lab.errors import LabError
from tapswitch_lab.switches import last_words

FIRST_INDEX = 83_000  # of macvtaps: the same in all namespaces, as it names a device in /dev
LAST_INDEX = 16_000_000
FIRST_FILE = 9


def guest_environment(state):
    """Tells tools/guest of the lab."""
    return {**os.environ, "TAPSWITCH_GUESTS": str(sockets.guests_folder(state))}


def _options(node, state):
    if node.qemu:
        return shlex.split(node.qemu)
    addresses = next(iter(node.interfaces.values())).addresses if node.interfaces else []
    done = subprocess.run([programs.find_guest(), "options", node.name, *addresses],
                          stdout=subprocess.PIPE, env=guest_environment(state), text=True,
                          check=False)
    if done.returncode != 0:
        said = done.stdout.strip().splitlines() or ["see above"]
        raise LabError(f"{node.name} cannot be made: {said[-1].removeprefix('SKIP: ')}")
    return done.stdout.split()


def _free_index(state, node, number):
    """An index that no macvtap of this machine has."""
    if state.plan.get("classic"):
        return FIRST_INDEX + int(re.sub(r"\D", "", node.name))
    span = LAST_INDEX - FIRST_INDEX - 100
    index = FIRST_INDEX + 100 + zlib.crc32(f"{state.name}/{node.name}/{number}".encode()) % span
    while pathlib.Path(f"/dev/tap{index}").exists():
        index += 1
    return index


def tap_name(number):
    """The macvtap on the interface of that number."""
    return f"macvtap{number}"


def start(node, state):
    """Starts the machine; it has not booted yet."""
    command = [programs.require("qemu-system-x86_64", "qemu-system-x86"), "-name", node.name]
    given = _options(node, state)
    command += [*given, *consoles.options(node, state, given), "-qmp",
                f"unix:{sockets.qmp_of(node, state)},server=on,wait=off"]
    sockets.prepare(state)
    files = []
    for number, end in enumerate(node.interfaces.values()):
        index = _free_index(state, node, number)
        with links.at(node) as netlink:
            lower = netlink.index_of(end.name)
            netlink.add_macvtap(tap_name(number), lower, index, end.mac)
        file = FIRST_FILE + number
        files.append((file, f"/dev/tap{index}"))
        command += ["-netdev", f"tap,id=net{number},fd={file}", "-device",
                    f"virtio-net-pci,netdev=net{number},mac={end.mac}"]
    return processes.spawn(state.folder / node.record, command, state.folder / node.log,
                           node.namespace, {"TAPSWITCH_LAB": state.name}, files, umask=0o077)


def wait_until_booted(node, state):
    """Returns when the machine answers; one with options of the user's own is not waited for."""
    if node.qemu:
        return
    done = subprocess.run([programs.find_guest(), "exec", node.name, "true"],
                          env=guest_environment(state), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{node.name} does not boot: {last_words(state.folder / node.log)}")


def pid_of(node, state):
    """The pid of its QEMU, or None."""
    return processes.recorded_pid(state.folder / node.record)
