"""Commands of nodes: what runs until it ends, daemons until they are ready, and DHCP clients."""

import pathlib
import subprocess

from tapswitch_lab import links, neighbours, processes, programs, switches, vms
from tapswitch_lab.errors import LabError

DHCP_SECONDS = 30
DHCP_SCRIPT = pathlib.Path(__file__).with_name("dhcp-script")


def environment(node, state):
    """What a command finds: LAB, NODE, NODE_DIR, and which switch tapctl means."""
    found = switches.enter_environment(state, node)
    if node.kind == "ovs":
        found.update(neighbours.environment(node, state))
    found.update(LAB=state.name, NODE=node.name, NODE_DIR=str(state.node_folder(node)))
    return found


def in_node(node, command):
    """The command line that runs `command` within the node."""
    if node.namespace:
        return ["ip", "netns", "exec", node.namespace, *command]
    if node.kind == "container":
        return ["nsenter", f"--net={links.container_path(node)}", *command]
    return list(command)


def run(node, state, text, timeout, output=subprocess.PIPE):
    """Carries out a line of sh in the node. Returns the finished process; its output is text."""
    if node.kind == "vm":
        words, folder = [programs.find_guest(), "exec", node.name, text], None
        around = vms.guest_environment(state)
    else:
        words, around = in_node(node, ["sh", "-c", text]), environment(node, state)
        folder = state.node_folder(node)
        folder = folder if folder.is_dir() else None
    return subprocess.run(words, env=around, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                          stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)


def carry_out(node, state):
    """Carries out the commands of a node, in their order."""
    for number, command in enumerate(node.commands):
        if command.is_daemon:
            _start_daemon(node, state, number, command)
        else:
            _run_to_the_end(node, state, command)


def _run_to_the_end(node, state, command):
    try:
        done = run(node, state, command.text, command.timeout)
    except subprocess.TimeoutExpired:
        raise LabError(f"{node.name}: not done after {command.timeout:g} s: {command.text}; if it "
                       "is to run on, say 'daemon' in place of 'run'") from None
    if done.returncode != 0:
        said = done.stdout.strip().splitlines()
        raise LabError(f"{node.name}: status {done.returncode} of: {command.text}"
                       f"{': ' + said[-1] if said else ''}")


def _start_daemon(node, state, number, command):
    log = state.folder / f"{node.name}.{number}.log"
    record = state.folder / f"{node.name}.{number}.pid"
    around = {**environment(node, state), "PWD": str(state.node_folder(node))}
    text = f"cd {state.node_folder(node)} && exec {command.text}"
    pid = processes.spawn(record, ["sh", "-c", text], log, str(links.namespace_path(node)), around)
    failed = False

    def is_decided():
        nonlocal failed
        failed = failed or bool(processes.exit_status(pid))
        return failed or not command.ready or _succeeds(node, state, command)

    if not processes.wait_until(is_decided, command.timeout, 0.02):
        raise LabError(f"{node.name}: not ready after {command.timeout:g} s: {command.text}: "
                       f"{switches.last_words(log)}")
    if failed:
        raise LabError(f"{node.name}: it ended: {command.text}: {switches.last_words(log)}")


def _succeeds(node, state, command):
    try:
        return run(node, state, command.ready, command.timeout).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def get_leases(lab, state):
    """Has each interface with dhcp get an address, all at the same time."""
    clients = {}
    for node in lab.of_kind("namespace"):
        for end in node.interfaces.values():
            if end.dhcp:
                record = state.folder / f"{node.name}.dhcp-{end.name}.pid"
                log = record.with_suffix(".log")
                command = [*programs.dhcp_client(), "-f", "-t", "10", "-T", "1", "-i", end.name,
                           "-s", str(DHCP_SCRIPT)]
                processes.spawn(record, command, log, node.namespace, environment(node, state))
                clients[end] = log
    for end, log in clients.items():
        if not processes.wait_until(lambda end=end: _has_ipv4(end), DHCP_SECONDS, 0.02):
            raise LabError(f"{end} gets no address by DHCP within {DHCP_SECONDS} s: "
                           f"{switches.last_words(log)}")


def _has_ipv4(end):
    with links.at(end.node) as netlink:
        index = netlink.index_of(end.name)
        return any(found == index and ":" not in text for found, text in netlink.addresses())


def start(node, state, text, log=None):
    """Starts a line of sh in the node, in the background. Returns its pid."""
    record = state.folder / f"{node.name}.check.pid"
    log = log or state.folder / f"{node.name}.check.log"
    return processes.spawn(record, ["sh", "-c", text], log, str(links.namespace_path(node)),
                           environment(node, state))


def stop(pid):
    """Ends what `start` started."""
    processes.stop_all([pid], 2)
    processes.exit_status(pid)
