"""What is measured: each workload loads the hosts of a peer and returns samples.

To add one, write a class with `series` and `run`, and append it to WORKLOADS.
"""

import json
import math
import re
import statistics
import time
from dataclasses import dataclass

from harness.lab import BenchError
from harness.machine import CpuTimes


@dataclass(frozen=True)
class Series:
    """A row of the report."""
    name: str
    unit: str
    less_is_better: bool = False
    cost_unit: str = ""


@dataclass(frozen=True)
class Sample:
    """One value of a series. CPU figures are of the whole machine, load generators included."""
    value: float
    loss: float | None = None   # fraction of what was offered
    cores: float | None = None  # CPUs that were busy
    cost: float | None = None   # CPU time per unit of work, in the series' cost_unit


class Workload:
    name = ""
    about = ""  # one line, for the report
    hosts = 2
    series = ()

    def __init__(self, build, seconds):
        self.build = build
        self.seconds = seconds

    def run(self, hosts):
        """Returns {series name: Sample}."""
        raise NotImplementedError


def _cores(before, after):
    return (after.busy - before.busy) / (after.at - before.at)


class Frames(Workload):
    """Frames of one size from h1 to h2, as many as go; no protocol of h2's stack takes them."""

    size = 0
    settle = 0.2  # seconds of load before the window

    @property
    def series(self):
        return (Series(self.name, "Mframe/s", cost_unit="us/frame"),)

    def run(self, hosts):
        source, sink = hosts
        total_before = sink.counters()
        generator = source.process(
            str(self.build / "bench" / "l2gen"), f"--size={self.size}",
            f"--seconds={self.seconds + 2 * self.settle}", f"--destination={sink.mac}",
            source.interface)
        try:
            time.sleep(self.settle)
            before, received_before = CpuTimes.now(), sink.counters()
            time.sleep(self.seconds)
            after, received_after = CpuTimes.now(), sink.counters()
            offered = json.loads(generator.wait(self.seconds + 10))["offered"]
        finally:
            generator.stop()
        delivered = self._drained(sink) - total_before["rx_packets"]
        frames = received_after["rx_packets"] - received_before["rx_packets"]
        rate = frames / (after.at - before.at)
        if frames == 0:
            raise BenchError(f"{self.name}: no frame arrived")
        return {self.name: Sample(rate / 1e6, loss=1 - delivered / offered,
                                  cores=_cores(before, after),
                                  cost=(after.busy - before.busy) / frames * 1e6)}

    @staticmethod
    def _drained(sink):
        """Frames that arrived, once what was under way has."""
        count = -1
        while count != (now := sink.counters()["rx_packets"]):
            count = now
            time.sleep(0.05)
        return count


class Frames64(Frames):
    name = "l2-64"
    about = "64-byte frames (FCS not counted), one direction"
    size = 64


class Frames1514(Frames):
    name = "l2-1514"
    about = "1514-byte frames, one direction"
    size = 1514


class Tcp(Workload):
    """iperf3, read at its receiver. Loss is what was sent again."""

    options = ()

    @property
    def series(self):
        return (Series(self.name, "Gbit/s", cost_unit="s/GB"),)

    def run(self, hosts):
        client, server = hosts
        listener = server.process("iperf3", "--server", "--one-off", "--forceflush")
        try:
            listener.wait_for_line("listening")
            before = CpuTimes.now()
            # Whole seconds: iperf3 reads 0.5 as 0, which is for ever.
            result = client.process("iperf3", "--client", server.address, "--json",
                                    "--time", str(math.ceil(self.seconds)), *self.options)
            try:
                report = json.loads(result.wait(self.seconds + 20))
            finally:
                result.stop()
            after = CpuTimes.now()
        finally:
            listener.stop()
        return {self.name: self._sample(report["end"], before, after)}

    @staticmethod
    def _sample(end, before, after):
        received = [end[key] for key in ("sum_received", "sum_received_bidir_reverse") if key in end]
        sent = [end[key] for key in ("sum_sent", "sum_sent_bidir_reverse") if key in end]
        octets = sum(direction["bytes"] for direction in received)
        again = sum(direction.get("retransmits", 0) for direction in sent) * TCP_SEGMENT
        return Sample(sum(direction["bits_per_second"] for direction in received) / 1e9,
                      loss=again / octets, cores=_cores(before, after),
                      cost=(after.busy - before.busy) / (octets / 1e9))


TCP_SEGMENT = 1448  # bytes of payload at MTU 1500 with timestamps


class TcpOne(Tcp):
    name = "tcp1"
    about = "one TCP connection (iperf3), GSO where the path has it"


class TcpBidirectional(Tcp):
    name = "tcp-bidi"
    about = "one TCP connection each way at once (iperf3 --bidir), sum of both"
    options = ("--bidir",)


class Latency(Workload):
    """Round trips one by one on an idle path: what is measured is mostly wake-ups."""

    name = "latency"
    about = "1,000 pings, one every 2 ms, nothing else going on"
    series = (Series("latency-p50", "us", less_is_better=True),
              Series("latency-p99", "us", less_is_better=True))
    count = 1000

    def run(self, hosts):
        client, server = hosts
        before = CpuTimes.now()
        # Exit status 1 only says that some reply was lost, which is a result.
        ping = client.process("sh", "-c", f"ping -n -i 0.002 -c {self.count} -W 1 "
                              f"{server.address} || test $? = 1")
        try:
            text = ping.wait(60)
        finally:
            ping.stop()
        after = CpuTimes.now()
        trips = [float(value) * 1000 for value in re.findall(r"time=([\d.]+) ms", text)]
        if len(trips) < 2:
            raise BenchError(f"latency: {len(trips)} of {self.count} pings were answered")
        percentiles = statistics.quantiles(trips, n=100, method="inclusive")
        loss, cores = 1 - len(trips) / self.count, _cores(before, after)
        return {"latency-p50": Sample(percentiles[49], loss, cores),
                "latency-p99": Sample(percentiles[98], loss, cores)}


WORKLOADS = (Frames64, Frames1514, TcpOne, TcpBidirectional, Latency)
