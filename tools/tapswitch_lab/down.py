"""Removes all that the record of a lab names, and then the record."""

import os
import signal

from tapswitch_lab import links, namespaces, processes, switches
from tapswitch_lab.errors import LabError, Problems

STOP_SECONDS = 3


def take_down(state, warn):
    """Undoes what `up` did, however far it came, and whatever was killed since."""
    if not state.exists:
        state.remove()  # an `up` was killed before it made anything
        return
    state.read()
    try:
        lab = state.lab()
    except Problems as problems:
        raise LabError(f"{state.folder}/plan.json is damaged: {problems}") from None
    own = [node.namespace for node in lab.namespaces
           if node.namespace and namespaces.is_marked(node.namespace, state.mark)]
    _stop_inhabitants(lab, state, own)
    switches.stop(lab.of_kind("switch"), state, warn)
    for pid, _ in namespaces.processes_in(own):
        if pid != os.getpid():
            processes.send(pid, signal.SIGKILL)
    links.remove_foreign(lab)
    for name in own:
        namespaces.delete(name)
    state.remove()


def _stop_inhabitants(lab, state, own):
    """Ends what runs in the namespaces, and what was recorded elsewhere; but for switches.

    They come last, by themselves, and with them their helpers: only so they end in an orderly way.
    """
    machines = {processes.recorded_pid(state.folder / node.record) for node in lab.of_kind("vm")}
    for pid in machines - {None}:
        processes.send(pid, signal.SIGKILL)  # a virtual machine has nothing to lose
    pids = {pid for pid, _ in namespaces.processes_in(own)}
    pids |= {processes.recorded_pid(record) for record in state.folder.glob("*.pid")}
    pids = {pid for pid in pids - {None, os.getpid()} if not processes.is_switch(pid)}
    processes.stop_all(pids, STOP_SECONDS)


def down(state, warn):
    """Takes a lab down. One that does not exist is no error. Whether there was one."""
    if not state.folder.exists():
        return False
    with state.locked():
        existed = state.exists
        take_down(state, warn)
    return existed
