"""Switches with very many ports, all of them in one namespace: none of them has an address, so none
of them says anything, and there is no namespace for each to be made."""

import time

from harness.lab import BenchError, Host, Process, wait_until
from harness.peers import Bridge, Tapswitch

GROUP = "77"  # of interfaces (ip-link(8)), to delete all of them at once


class Crowd:
    """The interfaces p1 to pN of `peer`, in `namespace`."""

    def __init__(self, lab, purpose, ports):
        self.lab = lab
        self.namespace = lab.namespace(purpose)
        self.hosts = [Host(self.namespace, number) for number in range(1, ports + 1)]

    def remove_at_once(self):
        """A thousand interfaces one by one, as their holder closes them, take a quarter of a
        minute: the kernel waits for all processors after each. To be called when all of them are
        there."""
        self.namespace.batch(*(f"link set {host.interface} group {GROUP}" for host in self.hosts))
        self.lab.callback(self.namespace.batch, f"link del group {GROUP}")


class CrowdedTapswitch(Tapswitch):
    """Its TAPs are in its own namespace, and already up."""

    def __init__(self, lab, ports, build, flags=(), options=""):
        self.crowd = Crowd(lab, self.name, ports)
        super().__init__(lab, self.crowd.hosts, build)
        self.flags = flags
        self.options = options
        self.start_up = None  # seconds from the start of the program to "ready"

    def start(self):
        self.bridge = self.lab.unique_name()
        program = str(self.build / "switch" / "tapswitchd")
        self.daemon = self.lab.process(*self.crowd.namespace.exec(
            program, f"--name={self.bridge}", *self.flags,
            *(host.interface + self.options for host in self.hosts)))
        self.start_up = _seconds_to_ready(self.daemon, program)
        self.crowd.remove_at_once()


def _seconds_to_ready(daemon: Process, program):
    """setpriv and ip come first in the same process; what they take is not the switch's."""
    started = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if daemon.popen.poll() is not None:
            raise BenchError(f"{program} ended at its start: {daemon.text().strip()}")
        if started is None and daemon.runs(program):
            started = time.monotonic()
        if started is not None and "ready" in daemon.text():
            return time.monotonic() - started
        time.sleep(0.0005)
    raise BenchError(f"{program} was not ready within a minute")


class CrowdedBridge(Bridge):
    """Both ends of its veth pairs are in its own namespace."""

    def __init__(self, lab, ports, build):
        self.crowd = Crowd(lab, self.name, ports)
        super().__init__(lab, self.crowd.hosts, build)

    def start(self):
        self.make_bridge(self.crowd.namespace)
        lines = []
        for host in self.hosts:
            port = f"port{host.number}"
            lines += [f"link add {port} type veth peer name {host.interface}",
                      f"link set {port} up", f"link set {port} master br0",
                      f"link set {host.interface} up"]
        self.crowd.namespace.batch(*lines)
        self.crowd.remove_at_once()
        last = f"/sys/class/net/port{len(self.hosts)}/brport/state"
        wait_until(lambda: self.crowd.namespace.inside("cat", last).strip() == "3",
                   "the last port of the bridge")
