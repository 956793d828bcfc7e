"""Workloads of one ping after the other."""

import re
import statistics
import time

from harness.lab import BenchError
from harness.machine import CpuTimes
from harness.results import Sample, Series
from harness.workload import Workload, busy_cores


class Latency(Workload):
    """Round trips one by one on an idle path: what is measured is mostly wake-ups."""

    name = "latency"
    title = "ping each 2 ms"
    about = "2,000 pings, one every 2 ms, nothing else going on"
    count = 2000
    interval = 0.002  # seconds

    @property
    def series(self):
        return tuple(Series(f"{self.name}-{percentile}", "us", less_is_better=True,
                            title=self.title)
                     for percentile in ("p50", "p99", "p99.9"))

    def expected_seconds(self):
        return self.count * self.interval + 0.2

    def run(self, hosts):
        client, server = hosts
        before = CpuTimes.now()
        # Exit status 1 only says that some reply was lost, which is a result.
        ping = client.process("sh", "-c", f"ping -n -i {self.interval} -c {self.count} -W 1 "
                              f"{server.address} || test $? = 1")
        try:
            text = ping.wait(90)
        finally:
            ping.stop()
        after = CpuTimes.now()
        trips = [float(value) * 1000 for value in re.findall(r"time=([\d.]+) ms", text)]
        if len(trips) < 2:
            raise BenchError(f"{self.name}: {len(trips)} of {self.count} pings were answered")
        thousandths = statistics.quantiles(trips, n=1000, method="inclusive")
        loss, cores = 1 - len(trips) / self.count, busy_cores(before, after)
        return {f"{self.name}-{percentile}": Sample(thousandths[index], loss, cores)
                for percentile, index in (("p50", 499), ("p99", 989), ("p99.9", 998))}


class LatencySleeping(Latency):
    """The same with an interval at which ping sleeps, so that the processors go idle in between."""

    name = "latency-sleep"
    title = "ping each 20 ms"
    about = "pings one every 20 ms, between which everybody sleeps, 1,000 in 2 s of --seconds"
    interval = 0.02

    @property
    def count(self):
        return min(1000, max(20, int(500 * self.seconds)))


class LatencyLoaded(Latency):
    """The same beside a stream of 64-byte frames at half the rate that the peer carried just
    before."""

    name = "latency-half"
    title = "ping beside half the load"
    about = "pings beside 64-byte frames at half of what the peer can carry"
    count = 1000

    def expected_seconds(self):
        return super().expected_seconds() + 0.9

    def run(self, hosts):
        source, sink = hosts
        rate = self._capacity(source, sink) / 2
        generator = source.process(
            str(self.build / "bench" / "l2gen"), "--size=64", "--seconds=60", f"--rate={rate}",
            f"--destination={sink.mac}", source.interface)
        try:
            return super().run(hosts)
        finally:
            generator.stop()

    def _capacity(self, source, sink):
        generator = source.process(
            str(self.build / "bench" / "l2gen"), "--size=64", "--seconds=0.7",
            f"--destination={sink.mac}", source.interface)
        try:
            time.sleep(0.2)
            before, start = sink.counters()["rx_packets"], time.monotonic()
            time.sleep(0.4)
            rate = (sink.counters()["rx_packets"] - before) / (time.monotonic() - start)
            generator.wait(10)
        finally:
            generator.stop()
        return rate
