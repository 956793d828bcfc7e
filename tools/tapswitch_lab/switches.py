"""The switches of a lab: their ports and settings as a startup file, their processes, tapctl."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from tapswitch_lab import impaired, processes
from tapswitch_lab.errors import LabError, problem

READY_SECONDS = 30
HURRIED_STOP_SECONDS = 1
STOP_SECONDS = 10  # tapswitchd promises to end within that time of a SIGTERM
CONTROL_FOLDER = pathlib.Path("/run/tapswitch")
OWN_SOCKET = "switch.sock"  # of a switch that a node starts by itself, in its folder


def port_of(end):
    """The port, as tapswitchd is told of it."""
    other = end.peer.node
    if end.link.kind == "veth":
        return f"netdev:{end.name}" + (",host=shared" if end.node.is_shared else "")
    if end.link.kind == "link":
        # One end waits, the other connects.
        to = "" if end is end.link.a else f",to={other.bridge}:{end.peer.name}"
        return f"link:{end.name}{to}"
    kind = "tap" if end.link.kind == "tap" else "veth"
    return f"{kind}:{end.name},netns={other.namespace},up=off"


def port_words(end):
    """The settings of the port, in the words of 'tapctl port add'."""
    link = end.link
    words = []
    if link.vlan:
        words.append(f"vlan {link.vlan} pvid untagged")
    if link.vlans:
        words.append(f"vlan {','.join(map(str, link.vlans))}")
    words += [text for text in (link.port, end.port) if text]
    return " ".join(words)


def impairments(link):
    """(port, direction, words of 'tapctl impair set') for each direction that the file impairs."""
    found = []
    if link.impair:
        port = link.switch_ends[0]
        found += [(port, "ingress", link.impair), (port, "egress", link.impair)]
    for end in link.ends:
        # A switch impairs what it sends there, or what it receives from the other end.
        if end.impair and end.node.kind == "switch":
            found.append((end, "egress", end.impair))
        elif end.impair:
            found.append((end.peer, "ingress", end.impair))
    return found


def impaired_now(state, node):
    """{port: {direction: words}} of what the switch impairs now, without seeds nobody gave."""
    return impaired.now(saved(state, node))


def saved(state, node):
    """What tapctl saves, as lines, or nothing if the switch does not run."""
    return tapctl(state, node, "save", check=False).replace("\\\n", " ").splitlines()


def name_of_port(spec):
    """The name in the text of a port, [TYPE:]NAME[,KEY...]."""
    return spec.partition(",")[0].rpartition(":")[2]


def filters_vlans(node):
    """Whether a link of it has VLANs."""
    return any(end.link.vlan or end.link.vlans for end in node.interfaces.values())


def startup_lines(node):
    """The lines of its startup file, each with the place in the lab's file that it comes from."""
    place = ("nodes", node.name)
    early = [(text, (*place, "settings", index)) for index, text in enumerate(node.settings)
             if text.split()[0] == "bridge"]
    late = [(text, (*place, "settings", index)) for index, text in enumerate(node.settings)
            if text.split()[0] != "bridge"]
    lines = [("bridge set vlan_filtering on", place)] if filters_vlans(node) else []
    lines += early
    for end in node.interfaces.values():
        lines.append((f"port add {port_of(end)} {port_words(end)}".rstrip(), end.link.place))
    lines += [(f"port add {text}", (*place, "ports", index))
              for index, text in enumerate(node.ports)]
    for end in node.interfaces.values():
        lines += [(f"impair set dev {port.name} {direction} {words}",
                   (*end.link.place, "impair"))
                  for port, direction, words in impairments(end.link) if port is end]
    return lines + late


def check(lab, tapswitchd, folder):
    """Has tapswitchd read what it will be given. Raises Problems where it would refuse."""
    for node in lab.of_kind("switch"):
        lines = startup_lines(node)
        file = folder / f"{node.name}.startup"
        file.write_text("".join(f"{text}\n" for text, _ in lines), encoding="utf-8")
        done = subprocess.run(
            [tapswitchd, f"--name={node.bridge}", "--check", f"--startup={file}", *node.flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode == 0:
            continue
        said = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "it said nothing"
        said = said.removeprefix("tapswitchd: ")
        where = re.match(re.escape(str(file)) + r":(\d+): (.*)", said)
        if where:
            raise problem(lines[int(where[1]) - 1][1], where[2])
        raise problem(("nodes", node.name), f"tapswitchd refuses '{node.name}': {said}")


def start(node, tapswitchd, state):
    """Starts the switch; it is not ready yet. Returns its pid."""
    file = state.folder / f"{node.record.removesuffix('.pid')}.startup"
    command = [tapswitchd, f"--name={node.bridge}", *node.flags]
    if node.namespace:
        file.write_text("".join(f"{text}\n" for text, _ in startup_lines(node)), encoding="utf-8")
        command.append(f"--startup={file}")
    else:
        command += [port_of(end) for end in node.interfaces.values()]
    (state.folder / node.log).unlink(missing_ok=True)
    return processes.spawn(state.folder / node.record, command, state.folder / node.log,
                           node.namespace, {"TAPSWITCH_LAB": state.name})


def last_words(path):
    """The last line of a log."""
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        lines = ""
    return lines.splitlines()[-1] if lines else "it said nothing"


def wait_until_ready(node, pid, state):
    """Returns when all its ports are there. Raises LabError with its last words else."""
    log = state.folder / node.log
    ended = False

    def is_ready():
        nonlocal ended
        ended = processes.exit_status(pid) is not None
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return ended or re.search(r"\bready\b", text)

    in_time = processes.wait_until(is_ready, READY_SECONDS)
    called = "tapswitchd" if not node.namespace else f"tapswitchd of '{node.name}'"
    if ended:
        raise LabError(f"{called} did not start: {last_words(log)}")
    if not in_time:
        raise LabError(f"{called} is not ready after {READY_SECONDS} s: {last_words(log)}")


def tapctl(state, node, *words, text=None, check=True):
    """Runs tapctl with the switch. Returns what it printed; raises LabError if it refuses."""
    if not shutil.which(state.plan["tapctl"]):
        raise LabError(f"no tapctl found beside {state.plan['tapswitchd']}; set TAPCTL before up")
    done = subprocess.run([state.plan["tapctl"], "-B", node.bridge, *words], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if check and done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise LabError(f"{node.name}: tapctl {' '.join(words)}: {said[0].removeprefix('tapctl: ')}")
    return done.stdout if done.returncode == 0 else ""


def ask(state, node, *words):
    """The JSON that tapctl prints, or an empty list."""
    try:
        return json.loads(tapctl(state, node, "-j", *words, check=False) or "[]")
    except ValueError:
        return []


def can_impair(tapctl_path):
    """Whether that tapctl has the command 'impair'."""
    return shutil.which(tapctl_path) and subprocess.run(
        [tapctl_path, "help", "impair"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode == 0


def control_socket(node):
    """The file by which tapctl reaches it."""
    return CONTROL_FOLDER / f"{node.bridge}.sock"


def remove_socket(node):
    """Removes what a killed switch leaves."""
    for suffix in (".sock", ".log"):
        control_socket(node).with_suffix(suffix).unlink(missing_ok=True)
    for path in CONTROL_FOLDER.glob(f"{node.bridge}.sock:*"):  # where other switches connect
        path.unlink(missing_ok=True)


def stop(nodes, state, warn):
    """Ends the switches, all at once.

    One whose ports are all in namespaces of the lab has nothing to give back: with many ports it
    is killed, as an orderly end takes some 10 ms a port.
    """
    pids = {}
    for node in nodes:
        pid = processes.recorded_pid(state.folder / node.record)
        if pid:
            pids[pid] = node
    seconds = HURRIED_STOP_SECONDS if all(node.namespace for node in nodes) else STOP_SECONDS
    for pid in processes.stop_all(pids, seconds):
        if seconds == STOP_SECONDS:
            warn(f"tapswitchd of '{pids[pid].name}' did not end within {STOP_SECONDS} s of "
                 "SIGTERM: killed")
    for node in nodes:
        pid = processes.recorded_pid(state.folder / node.record)
        if pid:
            raise LabError(f"tapswitchd (pid {pid}) cannot be killed; try again")
        remove_socket(node)


def enter_environment(state, node):
    """What tells, within a node, where the programs are, and tapctl which switch is meant."""
    environment = {**os.environ, "TAPSWITCH_LAB": state.name}
    folders = [os.path.dirname(state.plan[program]) for program in ("tapctl", "tapswitchd")]
    environment["PATH"] = ":".join([*folders, environment.get("PATH", "")])
    own = state.node_folder(node) / OWN_SOCKET
    if node.kind == "switch":
        environment["TAPSWITCH_BRIDGE"] = node.bridge
    elif own.exists():
        environment["TAPSWITCH_BRIDGE"] = str(own)
    return environment

