"""Workloads of requests, each of which is answered."""

import json
import math
import time
from typing import NamedTuple

from harness.lab import BenchError
from harness.machine import CpuTimes
from harness.results import Sample, Series
from harness.workload import Workload, busy_cores

PERCENTILES = ("p50", "p99", "p99.9")  # as rrgen prints them


def _lost(report):
    """The fraction of requests without an answer."""
    return report["lost"] / (report["transactions"] + report["lost"])


class RequestResponse(Workload):
    """Each client sends a request once the last one is answered, so the rate is what a round trip
    takes, with as many of them under way as there are pairs."""

    pairs = 1
    protocol = "udp"

    @property
    def series(self):
        return (Series(self.name, "ktrans/s", cost_unit="us/trans", title=self.title),)

    def run(self, hosts):
        report, before, after = self._exchange(hosts)
        done = report["transactions"]
        return {self.name: Sample(done / report["seconds"] / 1e3, loss=_lost(report),
                                  cores=busy_cores(before, after),
                                  cost=(after.busy - before.busy) / done * 1e6)}

    def _exchange(self, hosts, *options, read=CpuTimes.now):
        """What the client printed, and what read() returned before and after."""
        client, server = hosts
        program = str(self.build / "bench" / "rrgen")
        common = (f"--protocol={self.protocol}", f"--pairs={self.pairs}")
        listener = server.process(program, "--server", *common)
        try:
            listener.wait_for_line("listening")
            before = read()
            generator = client.process(program, f"--destination={server.address}",
                                       f"--seconds={self.seconds}", *common, *options)
            try:
                report = json.loads(generator.wait(self.seconds + 20))
            finally:
                generator.stop()
            after = read()
        finally:
            listener.stop()
        if report["transactions"] == 0:
            raise BenchError(f"{self.name}: no request was answered")
        return report, before, after


class RequestResponseUdp1(RequestResponse):
    name = "rr1"
    title = "UDP requests, 1 pair"
    about = "requests and responses of 8 bytes, UDP, one pair"


class RequestResponseUdp16(RequestResponse):
    name = "rr16"
    title = "UDP requests, 16 pairs"
    about = "the same with 16 pairs"
    pairs = 16


class RequestResponseTcp1(RequestResponse):
    name = "rr1-tcp"
    title = "TCP requests, 1 pair"
    about = "requests and responses of 8 bytes, TCP, one pair"
    protocol = "tcp"


class RequestResponseTcp16(RequestResponse):
    name = "rr16-tcp"
    title = "TCP requests, 16 pairs"
    about = "the same with 16 pairs"
    protocol = "tcp"
    pairs = 16


class PacedRequests(RequestResponse):
    """Requests at fixed moments, between which the client sleeps: what a round trip takes at a
    rate that the path has no trouble with."""

    rate = 0

    @property
    def series(self):
        median, *others = (f"{self.name}-{percentile}" for percentile in PERCENTILES)
        return (Series(median, "us", True, "us/trans", cost_name=self.name, title=self.title),
                *(Series(name, "us", True, title=self.title) for name in others))

    def run(self, hosts):
        report, before, after = self._exchange(hosts, f"--rate={self.rate}")
        cores = busy_cores(before, after)
        cost = (after.busy - before.busy) / report["transactions"] * 1e6
        return {one.name: Sample(report[percentile], _lost(report), cores,
                                 cost if one.cost_unit else None)
                for one, percentile in zip(self.series, PERCENTILES)}


class Paced100(PacedRequests):
    name = "paced-100"
    title = "100 requests a second"
    about = "round trips of UDP, 100 requests a second: what they cost a switch that is nearly idle"
    rate = 100


class Paced2k(PacedRequests):
    name = "paced-2k"
    title = "2,000 requests a second"
    about = "round trips of UDP, 2,000 requests a second"
    rate = 2000


class Paced20k(PacedRequests):
    name = "paced-20k"
    title = "20,000 requests a second"
    about = "round trips of UDP, 20,000 requests a second"
    rate = 20_000


class Mixed(RequestResponse):
    """Requests one after the other beside a TCP connection that takes all it gets, between the same
    two hosts, so that both share each queue. The octets are those that the receiving interface
    counted meanwhile."""

    name = "mixed"
    about = "one TCP connection as fast as it goes, beside requests and responses (UDP, one pair)"
    series = (Series("mixed-bulk", "Gbit/s", title="TCP beside UDP requests"),
              Series("mixed-rr", "ktrans/s", title="UDP requests beside TCP"),
              Series("mixed-p99", "us", less_is_better=True, title="UDP requests beside TCP"))
    settle = 0.5  # seconds for which the connection has run before the first request

    def expected_seconds(self):
        return self.seconds + self.settle + 0.4

    def run(self, hosts):
        client, server = hosts
        listener = server.process("iperf3", "--server", "--one-off", "--forceflush")
        try:
            listener.wait_for_line("listening")
            # It has to outlast the requests, and is stopped then.
            seconds = str(math.ceil(self.seconds + self.settle) + 20)
            bulk = client.process("iperf3", "--client", server.address, "--time", seconds)
            try:
                time.sleep(self.settle)
                report, before, after = self._exchange(hosts, read=lambda: _Reading.of(server))
                if bulk.popen.poll() is not None:
                    raise BenchError(f"{self.name}: iperf3 ended early: {bulk.text().strip()}")
            finally:
                bulk.stop()
        finally:
            listener.stop()
        return self._samples(report, before, after)

    def _samples(self, report, before, after):
        octets = after.octets - before.octets
        if octets == 0:
            raise BenchError(f"{self.name}: nothing arrived of the TCP connection")
        seconds = after.cpu.at - before.cpu.at
        lost, cores = _lost(report), busy_cores(before.cpu, after.cpu)
        rate = report["transactions"] / report["seconds"] / 1e3
        return {"mixed-bulk": Sample(8 * octets / seconds / 1e9, cores=cores),
                "mixed-rr": Sample(rate, lost, cores),
                "mixed-p99": Sample(report["p99"], lost, cores)}


class _Reading(NamedTuple):
    cpu: CpuTimes
    octets: int  # that the host's interface received

    @staticmethod
    def of(host):
        return _Reading(CpuTimes.now(), host.counters()["rx_bytes"])
