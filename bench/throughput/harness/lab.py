"""Namespaces, the processes in them, and the promise that all of it goes away again."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time


# Limits of waiting are multiplied by this, where a clock goes fast while files are read.
patience = 1


class BenchError(Exception):
    """What went wrong, in one line for the user."""


def call(*command, timeout=30):
    """Runs a command to its end and returns what it printed; BenchError when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout * patience,
                          check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def wait_until(condition, what, seconds=10.0):
    """Returns the first true value of condition()."""
    deadline = time.monotonic() + seconds * patience
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise BenchError(f"{what} did not come within {seconds:g} s")
        time.sleep(0.01)
    return value


class Process:
    """A long-running program; its output is kept, to wait for a line of it and to quote it."""

    def __init__(self, *command):
        # Not a pipe: nobody reads while a measurement runs, and a full pipe would stop the program.
        self.output = tempfile.TemporaryFile()
        # Should this script be killed outright, the kernel ends the program too.
        # Its input is a pipe that nobody writes to: vde_switch ends at the end of its input.
        self.popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command],
                                      stdin=subprocess.PIPE, stdout=self.output,
                                      stderr=subprocess.STDOUT)
        self.name = command[0]

    @property
    def pid(self):
        return self.popen.pid

    def text(self):
        return os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")

    def runs(self, program):
        """Whether what was started has become `program`, after setpriv and ip."""
        try:
            return os.path.samefile(f"/proc/{self.pid}/exe", program)
        except OSError:
            return False

    def wait_for_line(self, word, seconds=10.0):
        def printed():
            if self.popen.poll() is not None:
                raise BenchError(f"{self.name} ended at its start: {self.text().strip()}")
            return word in self.text()
        wait_until(printed, f"'{word}' from {self.name}", seconds)

    def wait(self, seconds):
        """Waits for a program that ends by itself and returns what it printed."""
        try:
            status = self.popen.wait(seconds * patience)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{self.name} did not end within {seconds:g} s") from error
        if status != 0:
            raise BenchError(f"{self.name}: {self.text().strip()}")
        return self.text()

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self.popen.stdin.close()
        self.output.close()


class Namespace:
    """A network namespace without IPv6: its unasked-for frames would be counted as load."""

    def __init__(self, name):
        self.name = name
        self._holder = None

    def create(self):
        call("ip", "netns", "add", self.name)
        self.inside("sh", "-c", "ip link set lo up; for c in all default; do "
                    "echo 1 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done")
        # /proc/PID/net shows the namespace of PID: counters are read without entering it.
        self._holder = Process("ip", "netns", "exec", self.name, "sleep", "infinity")
        own = os.stat("/proc/self/ns/net").st_ino
        holder = f"/proc/{self._holder.pid}/ns/net"
        wait_until(lambda: os.stat(holder).st_ino != own, f"a process in {self.name}")

    def exec(self, *command):
        """The command that runs `command` inside; it becomes that command, with the same PID."""
        return ("ip", "netns", "exec", self.name, *command)

    def inside(self, *command, timeout=30):
        return call(*self.exec(*command), timeout=timeout)

    def batch(self, *lines):
        """Commands of ip(8), by one process."""
        done = subprocess.run(self.exec("ip", "-batch", "-"), input="\n".join(lines),
                              capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0:
            raise BenchError(f"ip -batch: {done.stderr.strip()}")

    def succeeds(self, *command):
        return subprocess.run(self.exec(*command), capture_output=True, check=False).returncode == 0

    def counters(self, interface):
        """Counters of an interface by the names of /sys/class/net/IFACE/statistics, a few only."""
        lines = pathlib.Path(f"/proc/{self._holder.pid}/net/dev").read_text().splitlines()
        for line in lines:
            name, _, values = line.partition(":")
            if name.strip() == interface:
                number = [int(value) for value in values.split()]
                return {"rx_bytes": number[0], "rx_packets": number[1], "rx_dropped": number[3],
                        "tx_bytes": number[8], "tx_packets": number[9], "tx_dropped": number[11]}
        raise BenchError(f"{interface} is gone from namespace {self.name}")

    def delete(self):
        if self._holder is not None:
            self._holder.stop()
        if pathlib.Path("/run/netns", self.name).exists():
            call("ip", "netns", "del", self.name)


class Host:
    """A namespace with one interface, which a peer brings, and an IPv4 address on it."""

    def __init__(self, namespace, number):
        self.namespace = namespace
        self.number = number
        self.interface = f"p{number}"
        self.address = f"10.90.{number // 250}.{number % 250 + 1}"
        self.mac = ""

    def configure(self):
        """To be called once the interface is in the namespace."""
        self.namespace.inside("ip", "address", "add", f"{self.address}/16", "dev", self.interface)
        self.namespace.inside("ip", "link", "set", self.interface, "up")
        path = f"/sys/class/net/{self.interface}/address"
        self.mac = self.namespace.inside("cat", path).strip()

    def counters(self):
        return self.namespace.counters(self.interface)

    def process(self, *command):
        return Process(*self.namespace.exec(*command))


class Lab(contextlib.ExitStack):
    """Makes namespaces and processes; the end of the `with` block removes them, last made first."""

    PREFIX = "tsb"

    def __init__(self):
        super().__init__()
        self._names = 0

    def unique_name(self):
        """At most 15 characters, as an interface or a bridge may have."""
        self._names += 1
        return f"{self.PREFIX}{os.getpid()}-{self._names}"

    def namespace(self, purpose):
        namespace = Namespace(f"{self.unique_name()}-{purpose}")
        self.callback(namespace.delete)  # first, so that half of a creation is undone too
        namespace.create()
        return namespace

    def __exit__(self, *details):
        # A second Ctrl-C must not cut the clean-up short; the commands it runs inherit this.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return super().__exit__(*details)
        finally:
            signal.signal(signal.SIGINT, before)

    def hosts(self, count):
        return [Host(self.namespace(f"h{number}"), number) for number in range(1, count + 1)]

    def process(self, *command):
        process = Process(*command)
        self.callback(process.stop)
        return process

    def folder(self):
        """A new one, which goes away with the lab."""
        return pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix=self.PREFIX)))


def remove_leftovers():
    """Deletes namespaces of earlier runs that were killed before they could clean up."""
    for path in pathlib.Path("/run/netns").glob(f"{Lab.PREFIX}*"):
        made_here = re.match(rf"{Lab.PREFIX}(\d+)-\d+-", path.name)
        if made_here and not pathlib.Path("/proc", made_here.group(1)).exists():
            call("ip", "netns", "del", path.name)


def end_by_exception_on_signals():
    """SIGTERM and SIGHUP end the script like Ctrl-C: through the `with` blocks that clean up."""
    def end(_number, _frame):
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
