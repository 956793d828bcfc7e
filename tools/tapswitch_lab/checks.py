"""Carries out the checks of a lab's file, and reports them, also as JUnit."""

import concurrent.futures
import json
import re
import subprocess
import time
from xml.sax.saxutils import escape, quoteattr

from tapswitch_lab import commands, convergence
from tapswitch_lab.errors import LabError
from tapswitch_lab.lookup import hosts_of, is_address
from tapswitch_lab.units import as_rate, bits_a_second, seconds

AT_ONCE = 32
REPLY_SECONDS = 3   # how long a reply may take
SILENCE_SECONDS = 1
DEFAULT_WITHIN = "5s"


def addresses_of(node, state):
    """The addresses of a node now: those of its file, and those that it got by DHCP or SLAAC."""
    found = list(node.addresses)
    if any(end.dhcp or end.slaac for end in node.interfaces.values()):
        done = commands.run(node, state, "ip -j address show scope global", REPLY_SECONDS)
        for interface in json.loads(done.stdout or "[]"):
            for entry in interface.get("addr_info", []):
                if "local" in entry and entry["local"] not in found:
                    found.append(entry["local"])
    return found


def address_of(node, state):
    """One address of the node. Raises LabError if it has none, as before a lease."""
    found = addresses_of(node, state)
    if not found:
        raise LabError(f"{node.name} has no address")
    return found[0]


def ping(lab, state, source, address, wait):
    """Whether there is a reply."""
    node = lab.nodes[source]
    text = f"ping -n -q -c 1 -W {wait:g} {address}"
    try:
        return commands.run(node, state, text, wait + 30).returncode == 0
    except Exception:  # pylint: disable=broad-except  a node that is gone gives no reply
        return False


class Pinger:
    """Pings of many pairs at the same time."""

    def __init__(self, lab, state):
        self.lab = lab
        self.state = state
        self._known = {}

    def targets(self, name):
        """The addresses that a host, or an address, means."""
        if is_address(name):
            return [name]
        if name not in self._known:
            self._known[name] = addresses_of(self.lab.nodes[name], self.state)
        return self._known[name]

    def reaches(self, source, name, wait):
        """Whether `source` gets a reply from all addresses of `name` that it can have a way to."""
        targets = self.targets(name)
        return bool(targets) and all(
            ping(self.lab, self.state, source, address, wait) for address in targets[:4])

    def wrong(self, wanted, within):
        """Of {(source, target): whether it shall reach}, those pairs where it is otherwise.

        Replies are waited for that long; silence has to be from the beginning.
        """
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            silent = [pair for pair, reply in wanted.items() if not reply]
            heard = pool.map(lambda pair: self.reaches(*pair, SILENCE_SECONDS), silent)
            found = [pair for pair, reply in zip(silent, heard) if reply]
            waiting = [pair for pair, reply in wanted.items() if reply]
            deadline = time.monotonic() + within
            while waiting:
                heard = pool.map(lambda pair: self.reaches(*pair, REPLY_SECONDS), waiting)
                waiting = [pair for pair, reply in zip(waiting, heard) if not reply]
                if time.monotonic() > deadline:
                    break
        return found + waiting


def _judge(wrong, wanted):
    """What is wrong, as a text, or nothing."""
    texts = [f"{source} -> {target}: {'no reply' if wanted[source, target] else 'a reply'}"
             for source, target in wrong]
    return "; ".join(texts[:20])


def check_ping(lab, state, values):
    """Pairs of two lists."""
    reply = values.get("expect", "reply") == "reply"
    targets = values["to"]
    wanted = {(source, target): reply for source in hosts_of(lab, values["from"])
              for target in hosts_of(lab, targets) if source != target}
    wrong = Pinger(lab, state).wrong(wanted, seconds(values.get("within", DEFAULT_WITHIN)))
    return _judge(wrong, wanted), f"{len(wanted)} pairs"


def check_groups(lab, state, values):
    """The matrix of all members: reachable where two share a group."""
    groups = [set(hosts_of(lab, members)) for members in values["members"]]
    every = sorted(set().union(*groups))
    wanted = {(source, target): any(source in group and target in group for group in groups)
              for source in every for target in every if source != target}
    wrong = Pinger(lab, state).wrong(wanted, seconds(values.get("within", DEFAULT_WITHIN)))
    return _judge(wrong, wanted), f"{len(wanted)} pairs"


def check_run(lab, state, values):
    """A command, its status and its output."""
    deadline = time.monotonic() + seconds(values.get("within", "0s"))
    while True:
        done = commands.run(lab.nodes[values["node"]], state, values["command"], 300)
        complaint = ""
        if done.returncode != values.get("status", 0):
            complaint = f"status {done.returncode}: {done.stdout.strip()[-500:]}"
        elif not re.search(values.get("match", ""), done.stdout, re.MULTILINE):
            complaint = f"'{values['match']}' does not match: {done.stdout.strip()[-500:]}"
        if not complaint or time.monotonic() > deadline:
            return complaint, ""
        time.sleep(0.1)


def check_cut(lab, state, values):
    """How long traffic stops when a link is cut."""
    target = address_of(lab.nodes[values["to"]], state)
    longest, after = convergence.measure(lab, state, values, target)
    limit = seconds(values["within"])
    text = f"{longest * 1000:.0f} ms without a reply after the cut, {after * 1000:.0f} ms after it"
    text += " was restored"
    return (text if max(longest, after) > limit else ""), text


def check_tcp(lab, state, values):
    """The throughput of TCP connections, all together."""
    source, target = lab.nodes[values["from"]], lab.nodes[values["to"]]
    length, skipped = values.get("seconds", 3), values.get("skip", 0)
    port = 5201
    server = commands.start(target, state, f"iperf3 --server --one-off --port {port}")
    try:
        address = address_of(target, state)
        text = (f"for i in $(seq 100); do iperf3 --json --connect-timeout 2000 --time {length} "
                f"--omit {skipped} --parallel {values.get('connections', 1)} --port {port} "
                f"--client {address} && break; sleep 0.1; done")
        done = commands.run(source, state, text, length + skipped + 60)
    finally:
        commands.stop(server)
    found = re.search(r'"sum_received":\s*{[^}]*"bits_per_second":\s*([\d.e+]+)', done.stdout)
    if not found:
        return f"iperf3: {done.stdout.strip()[-300:]}", ""
    rate = float(found[1])
    low, high = values.get("at_least"), values.get("at_most")
    bad = (low and rate < bits_a_second(low)) or (high and rate > bits_a_second(high))
    expected = " ".join([f"at least {low}"] * bool(low) + [f"at most {high}"] * bool(high))
    return (f"{as_rate(rate)}, not {expected}" if bad else ""), as_rate(rate)


FUNCTIONS = {"ping": check_ping, "groups": check_groups, "run": check_run, "cut": check_cut,
             "tcp": check_tcp}


def title_of(given):
    """What a check is called."""
    kind = next(key for key in given if key != "name")
    values = given[kind]
    if "name" in given:
        return given["name"]
    if kind == "run":
        return f"{values['node']}: {values['command']}"
    if kind == "groups":
        return "groups: " + " | ".join(" ".join(group) for group in values["members"])
    words = [values["from"], values["to"]]
    words = [" ".join(word) if isinstance(word, list) else word for word in words]
    return f"{kind}: {words[0]} to {words[1]}" + (
        " gets no reply" if values.get("expect") == "none" else "")


def junit(name, results):
    """The results as the XML that CI systems read."""
    failed = sum(bool(complaint) for _, complaint, _, _ in results)
    total = sum(took for _, _, _, took in results)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<testsuite name={quoteattr(name)} tests="{len(results)}" failures="{failed}" '
             f'time="{total:.3f}">']
    for title, complaint, _, took in results:
        lines.append(f'  <testcase classname={quoteattr(name)} name={quoteattr(title)} '
                     f'time="{took:.3f}">')
        if complaint:
            lines.append(f"    <failure message={quoteattr(complaint)}>{escape(complaint)}"
                         "</failure>")
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>", ""])


def carry_out(function, lab, state, values):
    """(complaint, note) of a check; one that cannot be carried out fails, with the reason."""
    try:
        return function(lab, state, values)
    except subprocess.TimeoutExpired as error:
        command = error.cmd if isinstance(error.cmd, str) else error.cmd[-1]
        return f"not done after {error.timeout:g} s: {command}", ""
    except (LabError, OSError) as error:
        return str(error), ""


def test(state, junit_file):
    """Carries out all checks; 0 if none failed, else 1."""
    lab = state.lab()
    if not lab.checks:
        raise LabError(f"'{lab.name}' has no checks; see tapswitch-lab(1)")
    results = []
    for given in lab.checks:
        kind = next(key for key in given if key != "name")
        started = time.monotonic()
        complaint, note = carry_out(FUNCTIONS[kind], lab, state, given[kind])
        took = time.monotonic() - started
        results.append((title_of(given), complaint, note, took))
        word = "FAILED" if complaint else "ok"
        said = complaint or note
        said = f": {said}" if said else ""
        print(f"{word:<6}  {title_of(given)}{said}  ({took:.1f} s)", flush=True)
    failed = sum(bool(complaint) for _, complaint, _, _ in results)
    print(f"{len(results) - failed} of {len(results)} checks passed")
    if junit_file:
        from tapswitch_lab.cli import write_file
        write_file(junit_file, junit(lab.name, results))
    return 1 if failed else 0
