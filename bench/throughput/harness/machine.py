"""What the machine is, and what its processors were busy with."""

import os
import pathlib
import platform
import re
import subprocess
import time
from dataclasses import dataclass

TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class CpuTimes:
    """CPU seconds of the whole machine since boot, and when that was read."""
    at: float
    busy: float
    stolen: float  # taken by the hypervisor for other guests

    @staticmethod
    def now():
        # proc(5): user nice system idle iowait irq softirq steal. A ring that waits counts as
        # iowait, which is idle; steal is time this machine did not have.
        line = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0]
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
        return CpuTimes(time.monotonic(), (user + nice + system + irq + softirq) * TICK,
                        steal * TICK)


def _process_times():
    """PID -> (parent, CPU seconds of it and of its ended children), without kernel threads."""
    times = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended meanwhile
        parent = int(fields[1])
        if parent != 2:
            times[int(entry.name)] = (parent, sum(map(int, fields[11:15])) * TICK)
    return times


class ForeignLoad:
    """CPU time that others took from a measurement, between its start and cores(): processes that
    are no descendants of this one, and the hypervisor."""

    def __init__(self):
        self._start = CpuTimes.now()
        self._processes = _process_times()

    def cores(self):
        """Mean number of CPUs they kept busy."""
        now = CpuTimes.now()
        processes = _process_times()
        foreign = now.stolen - self._start.stolen
        for pid, (_, seconds) in processes.items():
            if not _is_own(pid, processes):
                foreign += seconds - self._processes.get(pid, (0, 0.0))[1]
        return foreign / (now.at - self._start.at)


def _is_own(pid, times):
    while pid in times:
        if pid == os.getpid():
            return True
        pid = times[pid][0]
    return False


def wait_until_quiet(limit, seconds):
    """Waits until others use less than `limit` CPUs, for `seconds` at most."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        load = ForeignLoad()
        time.sleep(0.25)
        if load.cores() <= limit:
            return


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "not installed"
    return (done.stdout or done.stderr).strip().split("\n", 1)[0]


def facts(repository):
    """What a reader needs to judge the figures."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    memory = pathlib.Path("/proc/meminfo").read_text()
    commit = _first_line("git", "-C", str(repository), "rev-parse", "--short=12", "HEAD")
    if _first_line("git", "-C", str(repository), "status", "--porcelain"):
        commit += " with local changes"
    return {
        "processor": re.search(r"^model name\s*: (.*)$", cpuinfo, re.M).group(1),
        "processors": os.cpu_count(),
        "hypervisor": "yes" if re.search(r"^flags.*\bhypervisor\b", cpuinfo, re.M) else "no",
        "memory_MiB": int(re.search(r"^MemTotal:\s+(\d+)", memory, re.M).group(1)) // 1024,
        "kernel": platform.release(),
        "commit": commit,
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "iperf3": _first_line("iperf3", "--version"),
        "iproute2": _first_line("ip", "-V"),
        "python": platform.python_version(),
    }
