"""What the machine is, and what its processors were busy with."""

import os
import pathlib
import platform
import re
import subprocess
import time
from dataclasses import dataclass

TICK = 1 / os.sysconf("SC_CLK_TCK")
KTHREADD = 2  # PID of the parent of all kernel threads


@dataclass(frozen=True)
class CpuTimes:
    """CPU seconds of the whole machine since boot, and when that was read."""
    at: float
    busy: float
    stolen: float  # taken from this machine by its hypervisor

    @staticmethod
    def now():
        # proc(5): user nice system idle iowait irq softirq steal. A ring that waits counts as
        # iowait, which is idle; steal is time this machine did not have.
        line = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0]
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
        return CpuTimes(time.monotonic(), (user + nice + system + irq + softirq) * TICK,
                        steal * TICK)


def _foreign_seconds():
    """CPU seconds of all processes but this one, its descendants and kernel threads.

    Children that ended are in their parents' figures, so the difference of two sums over all
    processes counts those too that began or ended in between; per process it would not."""
    times = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended meanwhile
        # proc(5): ppid; utime, stime, cutime, cstime.
        times[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])) * TICK)
    return sum(seconds for pid, (_, seconds) in times.items()
               if not _descends_from({os.getpid(), KTHREADD}, pid, times))


def _descends_from(ancestors, pid, times):
    while pid in times:
        if pid in ancestors:
            return True
        pid = times[pid][0]
    return False


class ForeignLoad:
    """CPU time that processes which do not belong to this run took between start and cores()."""

    def __init__(self):
        self._at = time.monotonic()
        self._before = _foreign_seconds()

    def cores(self):
        """Mean number of CPUs they kept busy."""
        taken = _foreign_seconds() - self._before
        return max(0.0, taken) / (time.monotonic() - self._at)


def wait_until_quiet(limit, seconds):
    """Waits until foreign processes use less than `limit` CPUs, for `seconds` at most. Looking
    takes a quarter of a second."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        load = ForeignLoad()
        time.sleep(0.25)
        if load.cores() <= limit:
            return


def stolen_percent(before, after):
    """Share of the CPU time between the two that the hypervisor gave to others."""
    return 100 * (after.stolen - before.stolen) / ((after.at - before.at) * os.cpu_count())


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "not installed"
    return (done.stdout or done.stderr).strip().split("\n", 1)[0]


def mitigations():
    """What the kernel does against each fault of the processors, by its name."""
    folder = pathlib.Path("/sys/devices/system/cpu/vulnerabilities")
    return {path.name: path.read_text().strip() for path in sorted(folder.glob("*"))}


def _mitigations_in_short():
    on = [name for name, state in mitigations().items() if state.startswith("Mitigation")]
    return " ".join(on) or "none"


def _governor():
    path = pathlib.Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return path.read_text().strip() if path.exists() else "none"


def facts(repository):
    """What a reader needs to judge the figures."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    memory = pathlib.Path("/proc/meminfo").read_text()
    commit = _first_line("git", "-C", str(repository), "rev-parse", "--short=12", "HEAD")
    # Without a lock, which would stay there if this were ended.
    if _first_line("git", "--no-optional-locks", "-C", str(repository), "status", "--porcelain"):
        commit += " with local changes"
    return {
        "processor": re.search(r"^model name\s*: (.*)$", cpuinfo, re.M).group(1),
        "processors": os.cpu_count(),
        "hypervisor": "yes" if re.search(r"^flags.*\bhypervisor\b", cpuinfo, re.M) else "no",
        "memory_MiB": int(re.search(r"^MemTotal:\s+(\d+)", memory, re.M).group(1)) // 1024,
        "kernel": platform.release(),
        "mitigations": _mitigations_in_short(),
        "governor": _governor(),
        "commit": commit,
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "iperf3": _first_line("iperf3", "--version"),
        "iproute2": _first_line("ip", "-V"),
        "python": platform.python_version(),
    }
