"""Ways into a running lab: commands in its nodes, consoles, captures of its links."""

import os
import shutil
import signal
import subprocess
import sys

from tapswitch_lab import commands, consoles, links, lookup, namespaces, pcapng, programs, vms
from tapswitch_lab.errors import LabError

NOT_FOUND, NOT_EXECUTABLE = 127, 126


def find_node(word, name, state):
    """The lab and the node that NODE or LAB/NODE means."""
    lab, slash, node = word.rpartition("/")
    chosen = state.choose(lab if slash else name)
    model = chosen.lab()
    if node not in model.nodes or model.nodes[node].kind == "switch" and chosen.plan.get("classic"):
        known = [each.name for each in model.nodes.values()
                 if each.kind != "switch" or not chosen.plan.get("classic")]
        raise LabError(f"no host '{node}'; there are: {' '.join(known)}")
    return chosen, model.nodes[node]


def execute(state, node, command):
    """Becomes the command in the node. Returns only if it cannot: 126 or 127, as a shell."""
    if node.namespace and not namespaces.is_marked(node.namespace, state.mark):
        raise LabError(f"namespace {node.namespace} is gone; make the lab anew: tapswitch-lab down")
    if node.kind == "vm":
        return _execute_in_vm(state, node, command)
    around = commands.environment(node, state)
    program = shutil.which(command[0], path=around.get("PATH"))
    if program is None:
        there = os.path.exists(command[0]) and "/" in command[0]
        print(f"lab: {command[0]}: {'is no program' if there else 'command not found'}",
              file=sys.stderr)
        return NOT_EXECUTABLE if there else NOT_FOUND
    words = commands.in_node(node, command)
    sys.stdout.flush()
    os.execvpe(words[0], words, around)
    return NOT_FOUND


def _execute_in_vm(state, node, command):
    if vms.pid_of(node, state) is None:
        raise LabError(f"the QEMU of {node.name} has ended; see {state.folder / node.log}")
    if node.qemu:
        raise LabError(f"{node.name} has QEMU options of its own: nobody in it takes "
                       "commands")
    guest = programs.find_guest()
    quoted = " ".join(shell_word(word) for word in command)
    os.execve(guest, [guest, "exec", node.name, quoted], vms.guest_environment(state))
    return NOT_FOUND


def shell_word(word):
    """The word, so that a shell takes it as one."""
    return "'" + word.replace("'", "'\\''") + "'"


def console(word, name, state):
    """The serial console of a virtual machine, or a shell in another node. Returns its status."""
    state, node = find_node(word, name, state)
    if node.kind != "vm":
        print(f"lab: a shell in {node.name}; exit ends it", file=sys.stderr, flush=True)
        return execute(state, node, [os.environ.get("SHELL") or "sh"])
    if vms.pid_of(node, state) is None:
        raise LabError(f"the QEMU of {node.name} has ended; see {state.folder / node.log}")
    return consoles.attach(node, state)


def capture(state, text, file, words):
    """Becomes a capture of a link: to a file, to standard output, or to Wireshark."""
    link = lookup.link_of(state.lab(), text)
    if not link.switch_ends:
        return _capture_by_tcpdump(link, file, words)
    # The end that was named, if it is a switch's.
    ends = [end for end in link.switch_ends if text == str(end)] or link.switch_ends
    end = ends[0]
    command = [state.plan["tapctl"], "-B", end.node.bridge, "capture", end.name]
    if file:
        command += ["-w", file]
    return _show(command + words, file)


def _capture_by_tcpdump(link, file, words):
    """A link without a switch; tcpdump writes no pcapng itself."""
    words = _as_tcpdump_has_them(words)
    tcpdump = programs.require("tcpdump", "tcpdump")
    end = next((end for end in link.ends if end.node.namespace), link.a)
    command = ["nsenter", f"--net={links.namespace_path(end.node)}", tcpdump, "-i", end.name,
               "--immediate-mode", "-U", "-w", "-", *words]
    if file is None and sys.stdout.isatty():
        return _show(command, file)
    return _convert(command, sys.stdout.fileno() if file in (None, "-") else file, end.name)


def _as_tcpdump_has_them(words):
    """The words of 'tapctl capture' behind the file's."""
    numbers = []
    while len(words) > 1 and words[0] in ("-c", "-s"):
        numbers, words = [*numbers, *words[:2]], words[2:]
    if words and words[0] != "filter":
        raise LabError(f"'{words[0]}' is nothing for a link without a switch: say filter "
                       "EXPRESSION")
    return numbers + words[1:]


def _convert(command, output, name):
    """Carries out the command, and writes its pcap as pcapng until it ends, or this is ended."""
    with open(output, "wb", closefd=isinstance(output, str)) as target:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as source:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda *_: source.terminate())
            try:
                pcapng.convert(source.stdout, target, name)
            finally:
                source.terminate()
    return 0 if source.returncode in (0, -signal.SIGTERM) else 1


def _show(command, file):
    sys.stdout.flush()
    if file or not sys.stdout.isatty():
        os.execvp(command[0], command)
    wireshark = shutil.which("wireshark")
    if not wireshark:
        raise LabError("there is no wireshark here: say -w FILE, or: | wireshark -k -i -")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as source:
        subprocess.run([wireshark, "-k", "-i", "-"], stdin=source.stdout, check=False)
        source.terminate()
    return 0
