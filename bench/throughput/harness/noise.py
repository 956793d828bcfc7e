"""How steady the machine is before a run: the same work, again and again on each processor."""

import dataclasses
import os
import time
from dataclasses import dataclass

from harness.machine import CpuTimes, stolen_percent

SLICE = 0.1        # seconds that the piece of work takes, roughly
SLICES = 6         # on each processor
MOST_PROCESSORS = 8  # of many, every so many: the check is over within some seconds
# Above these a reader is warned.
SPREAD_LIMIT = 10.0  # per cent from the fastest to the slowest slice
STEAL_LIMIT = 2.0    # per cent of the time of all processors
LOAD_LIMIT = 0.25    # runnable tasks, for each processor, over the last minute


@dataclass(frozen=True)
class Noise:
    slices: dict         # by processor: seconds of each slice
    steal_percent: float
    load_average: float  # over the last minute, before the check
    processors: int

    @property
    def spread_percent(self):
        """How much longer the slowest slice took than the fastest, over all processors."""
        taken = [seconds for slices in self.slices.values() for seconds in slices]
        return 100 * (max(taken) / min(taken) - 1)

    def warnings(self):
        if self.spread_percent > SPREAD_LIMIT:
            yield (f"the same work took up to {self.spread_percent:.0f} % longer from one time to "
                   f"the next (above {SPREAD_LIMIT:g} %): look at the intervals, or find a quieter "
                   "machine")
        if self.steal_percent > STEAL_LIMIT:
            yield (f"the hypervisor gave {self.steal_percent:.1f} % of the processors' time to "
                   f"others (above {STEAL_LIMIT:g} %)")
        if self.load_average > LOAD_LIMIT * self.processors:
            yield (f"the load average was {self.load_average:.1f} on {self.processors} processors: "
                   "stop what else runs, or wait a minute")

    def text(self):
        lines = [f"noise: spread {self.spread_percent:.1f} %, steal {self.steal_percent:.1f} %, "
                 f"load average {self.load_average:.2f}"]
        for processor, slices in self.slices.items():
            lines.append(f"  processor {processor}: {1000 * min(slices):.0f} to "
                         f"{1000 * max(slices):.0f} ms for the same work")
        return "\n".join([*lines, *(f"warning: {one}" for one in self.warnings())]) + "\n"

    def as_dict(self):
        return dataclasses.asdict(self) | {"spread_percent": self.spread_percent,
                                           "warnings": list(self.warnings())}


def measure():
    """Runs the check; takes SLICE * SLICES for each processor that is tried."""
    allowed = os.sched_getaffinity(0)
    load_average = os.getloadavg()[0]
    try:
        work = _calibrate()
        before = CpuTimes.now()
        slices = {processor: _slices(processor, work) for processor in _some(sorted(allowed))}
        stolen = stolen_percent(before, CpuTimes.now())
    finally:
        os.sched_setaffinity(0, allowed)
    return Noise(slices, stolen, load_average, len(allowed))


def _some(processors):
    step = -(-len(processors) // MOST_PROCESSORS)
    return processors[::step]


def _slices(processor, work):
    os.sched_setaffinity(0, {processor})
    return [_spin(work) for _ in range(SLICES)]


def _calibrate():
    """How many times round the loop a slice is."""
    work = 100_000
    return int(work * SLICE / min(_spin(work) for _ in range(5)))


def _spin(times):
    start = time.perf_counter()
    for _ in range(times):
        pass
    return time.perf_counter() - start
