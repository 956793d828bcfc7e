"""A running tapswitchd, looked at from outside: what it uses, and what it answers."""

import json
import pathlib
import re
import socket


class Connection:
    """To the control socket, one request at a time."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def call(self, method, **params):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        return self.file.readline()


def control_socket(peer):
    return f"/run/tapswitch/{peer.bridge}.sock"


def _tasks(pid):
    return pathlib.Path(f"/proc/{pid}/task").iterdir()


def cpu_seconds(pid):
    """Processor time of all its threads, in nanoseconds' resolution; that of /proc/PID/stat is a
    hundredth of a second. What the kernel does within its system calls is in it."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid)) / 1e9


def context_switches(pid):
    count = 0
    for task in _tasks(pid):
        status = (task / "status").read_text()
        count += sum(map(int, re.findall(r"voluntary_ctxt_switches:\s+(\d+)", status)))
    return count


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M).group(1)) / 1024
