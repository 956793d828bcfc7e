"""Workloads of layer-2 frames, which nobody's protocol takes: how many pass, of how many
stations."""

import json
import time

from harness.lab import BenchError
from harness.machine import CpuTimes
from harness.results import Sample, Series
from harness.workload import Workload, busy_cores, drained


class Frames(Workload):
    """Frames of one size from h1 to h2, as many as go; no protocol of h2's stack takes them."""

    size = 0
    settle = 0.2  # seconds of load before the window
    generator_options = ()

    @property
    def series(self):
        return (Series(self.name, "Mframe/s", cost_unit="us/frame", title=self.title),)

    def expected_seconds(self):
        return self.seconds + 2 * self.settle + 0.2

    def run(self, hosts):
        source, sink = hosts
        total_before = sink.counters()
        generator = source.process(
            str(self.build / "bench" / "l2gen"), f"--size={self.size}",
            f"--seconds={self.seconds + 2 * self.settle}",
            f"--destination={self.destination(sink)}", *self.generator_options, source.interface)
        try:
            time.sleep(self.settle)
            before, received_before = CpuTimes.now(), sink.counters()
            time.sleep(self.seconds)
            after, received_after = CpuTimes.now(), sink.counters()
            offered = json.loads(generator.wait(self.seconds + 10))["offered"]
        finally:
            generator.stop()
        delivered = drained(sink) - total_before["rx_packets"]
        frames = received_after["rx_packets"] - received_before["rx_packets"]
        rate = frames / (after.at - before.at)
        if frames == 0:
            raise BenchError(f"{self.name}: no frame arrived")
        return {self.name: Sample(rate / 1e6, loss=1 - delivered / offered,
                                  cores=busy_cores(before, after),
                                  cost=(after.busy - before.busy) / frames * 1e6)}

    def destination(self, sink):
        return sink.mac


class Frames64(Frames):
    name = "l2-64"
    title = "64-byte frames"
    about = "64-byte frames (FCS not counted), one direction"
    size = 64


class Frames1514(Frames):
    name = "l2-1514"
    title = "1514-byte frames"
    about = "1514-byte frames, one direction"
    size = 1514


class ManyAddresses(Frames):
    """To 10,000 stations behind h2, in random order, all of which have spoken before. A third host
    sees what is flooded, which is an address forgotten or never learned."""

    name = "l2-64-10k"
    title = "to 10,000 addresses"
    about = "64-byte frames to 10,000 known addresses in random order"
    hosts = 3
    size = 64
    addresses = 10_000

    def expected_seconds(self):
        return super().expected_seconds() + 0.6

    def run(self, hosts):
        source, sink, bystander = hosts
        teach(self.build, sink, self.addresses)
        before = bystander.counters()["rx_packets"]
        self.generator_options = (f"--destinations={self.addresses}",)
        samples = super().run((source, sink))
        flooded = bystander.counters()["rx_packets"] - before
        if flooded > 10:
            self.note(f"{self.name}: {flooded} frames were flooded")
        return samples

    def destination(self, sink):
        return STATION_ONE


STATION_ONE = "02:77:00:00:00:00"


def teach(build, host, addresses, rate=50_000):
    """Frames from that many stations behind `host`, each twice, to nobody."""
    generator = host.process(
        str(build / "bench" / "l2gen"), f"--source={STATION_ONE}", f"--sources={addresses}",
        "--sequential", f"--count={2 * addresses}", f"--rate={rate}", "--seconds=60",
        "--destination=02:76:00:00:00:00", host.interface)
    try:
        generator.wait(60)
    finally:
        generator.stop()
    time.sleep(0.1)


class LearningRate(Frames):
    """RFC 2889, 5.8, under overload: each frame comes from a station that has not been heard for
    8,192 frames, and which is new in the first round."""

    name = "learn-64"
    title = "from 8,192 addresses"
    about = "64-byte frames, each from the next of 8,192 addresses"
    size = 64
    generator_options = ("--source=02:78:00:00:00:00", "--sources=8192", "--sequential")


class Broadcast(Workload):
    """64-byte frames to everybody; counted is each copy that arrives."""

    receivers = 0

    @property
    def hosts(self):
        return self.receivers + 1

    @property
    def series(self):
        return (Series(self.name, "Mcopy/s", cost_unit="us/copy", title=self.title),)

    def expected_seconds(self):
        return self.seconds + 0.6 + 0.1 * self.receivers

    def run(self, hosts):
        source, *sinks = hosts

        def copies():
            return sum(sink.counters()["rx_packets"] for sink in sinks)

        start = copies()
        generator = source.process(
            str(self.build / "bench" / "l2gen"), "--size=64", f"--seconds={self.seconds + 0.4}",
            "--destination=ff:ff:ff:ff:ff:ff", source.interface)
        try:
            time.sleep(0.2)
            before, received_before = CpuTimes.now(), copies()
            time.sleep(self.seconds)
            after, received_after = CpuTimes.now(), copies()
            offered = json.loads(generator.wait(self.seconds + 10))["offered"]
        finally:
            generator.stop()
        for sink in sinks:
            drained(sink)
        received = received_after - received_before
        return {self.name: Sample(received / (after.at - before.at) / 1e6,
                                  loss=1 - (copies() - start) / (offered * len(sinks)),
                                  cores=busy_cores(before, after),
                                  cost=(after.busy - before.busy) / max(received, 1) * 1e6)}


class Broadcast8(Broadcast):
    name = "bcast-8"
    title = "broadcasts to 8 hosts"
    about = "64-byte broadcasts to 8 receivers, copies that arrived"
    receivers = 8


class Broadcast64(Broadcast):
    name = "bcast-64"
    title = "broadcasts to 64 hosts"
    about = "64-byte broadcasts to 64 receivers, copies that arrived"
    receivers = 64
