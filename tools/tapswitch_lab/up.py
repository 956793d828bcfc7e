"""Makes a lab. Whatever goes wrong on the way, nothing of it is left."""

import pathlib
import signal
import tempfile
import time

from tapswitch_lab import (carriers, commands, down, hosts, links, neighbours, preflight, processes,
                           programs, switches, vms)
from tapswitch_lab.errors import LabError


def up(state, plan, say, warn):
    """Makes the lab of the record `state`, which is to have the values of `plan`."""
    tapswitchd = programs.find_tapswitchd()
    plan = {"version": 1, "name": state.name, "tapswitchd": tapswitchd,
            "tapctl": programs.find_tapctl(tapswitchd), **plan}
    state.plan = plan
    lab = state.lab()
    preflight.require_root()
    with state.locked():
        _clear_interrupted(state, warn)
    with state.locked():
        _refuse_existing(state)
        state.plan = plan
        preflight.check(lab, plan["tapctl"])
        if not plan.get("classic"):
            with tempfile.TemporaryDirectory(prefix="tapswitch-lab-") as folder:
                switches.check(lab, tapswitchd, pathlib.Path(folder))
        _make_or_clear(lab, state, warn)
    say(summary(lab, state))


def _clear_interrupted(state, warn):
    """Removes what an `up` that was killed has left."""
    if state.exists and not state.read().plan.get("made"):
        warn(f"an earlier up of '{state.name}' was interrupted: what it made is removed")
        down.take_down(state, warn)


def _refuse_existing(state):
    if not state.exists:
        return
    is_classic = state.read().plan.get("classic")
    option = "" if is_classic else f" --name {state.name}"
    which = "a lab" if is_classic else f"the lab '{state.name}'"
    raise LabError(f"{which} exists; take it down first: tapswitch-lab down{option}")


def _exit(number, _):
    raise SystemExit(128 + number)


def _make_or_clear(lab, state, warn):
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, _exit) for number in numbers]
    try:
        state.write(made=0)
        _make(lab, state)
        state.write(made=time.time())
    except BaseException:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        down.take_down(state, warn)
        raise
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)


def _make(lab, state):
    hosts.make_namespaces(lab, state.mark)
    links.make(lab)
    hosts.make_bridges(lab)
    hosts.write_files(lab, state)
    _start_switches(lab, state)
    hosts.rename_interfaces(lab)
    hosts.configure(lab)
    for link in lab.links:
        if link.state == "down":
            links.change_state(state, link, False)
    for node in lab.of_kind("ovs"):
        neighbours.start(node, state)
    machines = {}
    for node in lab.of_kind("vm"):
        machines[node] = vms.start(node, state)
    for node, pid in machines.items():
        carriers.introduce(state, node, pid)
    _run_commands(lab, state)


def _start_switches(lab, state):
    nodes = lab.of_kind("switch")
    pids = [switches.start(node, state.plan["tapswitchd"], state) for node in nodes]
    for node, pid in zip(nodes, pids):
        switches.wait_until_ready(node, pid, state)


def _run_commands(lab, state):
    """Servers first, then those that need them."""
    late = [node for node in lab.nodes.values()
            if any(end.dhcp or end.slaac for end in node.interfaces.values())]
    machines = lab.of_kind("vm")
    for node in lab.nodes.values():
        if node not in late and node not in machines:
            commands.carry_out(node, state)
    commands.get_leases(lab, state)
    for node in late:
        commands.carry_out(node, state)
    for node in machines:
        vms.wait_until_booted(node, state)
        commands.carry_out(node, state)


def is_slow(state):
    """Whether the kernel carries nothing of what passes between the lab's veth ports."""
    node = state.lab().of_kind("switch")[0]
    try:
        shown = switches.ask(state, node, "kernel", "show")
    except LabError:
        return False  # without tapctl nobody knows
    return any(one["kernel_forwarding"] == "off" for one in shown)


def summary(lab, state):
    """A line that says what is up."""
    if state.plan.get("classic"):
        pid = processes.recorded_pid(state.folder / "bridge")
        return f"{len(lab.nodes) - 1} hosts and tapswitchd (pid {pid}) are up"
    count = len(lab.of_kind("switch"))
    return (f"'{lab.name}' is up: {_count(count, 'switch', 'es')}, "
            f"{_count(len(lab.nodes) - count, 'other node')}, {_count(len(lab.links), 'link')}")


def _count(number, noun, plural="s"):
    return f"{number} {noun}{plural if number != 1 else ''}"
