"""What is measured: each workload loads the hosts of a peer and returns samples.

To add one, write a class with `series` and `run`, and append it to WORKLOADS.
"""

import json
import math
import re
import signal
import statistics
import sys
import time
from dataclasses import dataclass

from harness.lab import BenchError, wait_until
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


def _drained(sink):
    """Frames that arrived, once what was under way has."""
    count = -1
    while count != (now := sink.counters()["rx_packets"]):
        count = now
        time.sleep(0.05)
    return count


class Frames(Workload):
    """Frames of one size from h1 to h2, as many as go; no protocol of h2's stack takes them."""

    size = 0
    settle = 0.2  # seconds of load before the window
    generator_options = ()

    @property
    def series(self):
        return (Series(self.name, "Mframe/s", cost_unit="us/frame"),)

    def run(self, hosts):
        source, sink = hosts
        total_before = sink.counters()
        generator = source.process(
            str(self.build / "bench" / "l2gen"), f"--size={self.size}",
            f"--seconds={self.seconds + 2 * self.settle}", f"--destination={self.destination(sink)}",
            *self.generator_options, source.interface)
        try:
            time.sleep(self.settle)
            before, received_before = CpuTimes.now(), sink.counters()
            time.sleep(self.seconds)
            after, received_after = CpuTimes.now(), sink.counters()
            offered = json.loads(generator.wait(self.seconds + 10))["offered"]
        finally:
            generator.stop()
        delivered = _drained(sink) - total_before["rx_packets"]
        frames = received_after["rx_packets"] - received_before["rx_packets"]
        rate = frames / (after.at - before.at)
        if frames == 0:
            raise BenchError(f"{self.name}: no frame arrived")
        return {self.name: Sample(rate / 1e6, loss=1 - delivered / offered,
                                  cores=_cores(before, after),
                                  cost=(after.busy - before.busy) / frames * 1e6)}

    def destination(self, sink):
        return sink.mac


class Frames64(Frames):
    name = "l2-64"
    about = "64-byte frames (FCS not counted), one direction"
    size = 64


class Frames1514(Frames):
    name = "l2-1514"
    about = "1514-byte frames, one direction"
    size = 1514


class ManyAddresses(Frames):
    """To 10,000 stations behind h2, in random order, all of which have spoken before. A third host
    sees what is flooded, which is an address forgotten or never learned."""

    name = "l2-64-10k"
    about = "64-byte frames to 10,000 known addresses in random order"
    hosts = 3
    size = 64
    addresses = 10_000

    def run(self, hosts):
        source, sink, bystander = hosts
        _teach(self.build, sink, self.addresses)
        before = bystander.counters()["rx_packets"]
        self.generator_options = (f"--destinations={self.addresses}",)
        samples = super().run((source, sink))
        flooded = bystander.counters()["rx_packets"] - before
        if flooded > 10:
            print(f"  {self.name}: {flooded} frames were flooded", file=sys.stderr)
        return samples

    def destination(self, sink):
        return STATION_ONE


STATION_ONE = "02:77:00:00:00:00"


def _teach(build, host, addresses, rate=50_000):
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


class LearningCapacity(Workload):
    """RFC 2889, 5.7: how many addresses the switch can be taught so that no frame to one of them is
    flooded. Counted at a third host. Doubled until it fails; the largest that did not is reported."""

    name = "addresses"
    about = "addresses learned without one being flooded, up to 65,536 (RFC 2889, by doubling)"
    hosts = 3
    series = (Series("addresses", "addresses"),)
    least, most = 1024, 65_536

    def run(self, hosts):
        source, sink, bystander = hosts
        known, addresses = 0, self.least
        while addresses <= self.most and self._all_known(source, sink, bystander, addresses):
            known, addresses = addresses, 2 * addresses
        return {self.name: Sample(known)}

    def _all_known(self, source, sink, bystander, addresses):
        _teach(self.build, sink, addresses - 8)  # the hosts have addresses, too
        before = bystander.counters()["rx_packets"]
        generator = source.process(
            str(self.build / "bench" / "l2gen"), f"--destinations={addresses - 8}", "--sequential",
            f"--count={addresses - 8}", "--rate=50000", "--seconds=60",
            f"--destination={STATION_ONE}", source.interface)
        try:
            generator.wait(60)
        finally:
            generator.stop()
        time.sleep(0.1)
        return bystander.counters()["rx_packets"] == before


class LearningRate(Frames):
    """RFC 2889, 5.8, under overload: each frame comes from a station that has not been heard for
    8,192 frames, and which is new in the first round."""

    name = "learn-64"
    about = "64-byte frames, each from the next of 8,192 addresses"
    size = 64
    generator_options = ("--source=02:78:00:00:00:00", "--sources=8192", "--sequential")


def _highest_rate(passes, ceiling, steps=7):
    """By bisection, below a rate that is too high. One that fails is tried once more."""
    good, bad = 0.0, ceiling
    for _ in range(steps):
        rate = (good + bad) / 2
        if passes(rate) or passes(rate):
            good = rate
        else:
            bad = rate
    return good


class LearningRateSearch(Workload):
    """RFC 2889, 5.8, by bisection: the highest rate of new addresses at which all of them are
    learned. Each try teaches 8,000 addresses that were never used before, then sends a frame to each
    of them; one that a third host sees was flooded, so its address was not learned. A rate that fails
    is tried once more."""

    name = "learn-rate"
    about = "highest rate of new addresses of which none is missed (RFC 2889, by bisection)"
    hosts = 3
    series = (Series("learn-rate", "Maddress/s"),)
    addresses = 8_000
    others = 4  # frames that the bystander may get for other reasons: ARP asks again now and then

    def __init__(self, build, seconds):
        super().__init__(build, seconds)
        self._first = int(NEW_STATION_ONE.replace(":", ""), 16)

    def run(self, hosts):
        ceiling = self._teach_new(hosts[0], hosts[1], 0)
        rate = _highest_rate(lambda rate: self._passes(hosts, rate), ceiling)
        return {self.name: Sample(rate / 1e6)}

    def _passes(self, hosts, rate):
        source, sink, bystander = hosts
        if self._teach_new(source, sink, rate) < 0.95 * rate:
            return False
        time.sleep(0.05)
        for _ in range(3):
            flooded, arrived = bystander.counters()["rx_packets"], sink.counters()["rx_packets"]
            self._generate(source, f"--destination={self._station()}", "--rate=20000",
                           f"--destinations={self.addresses}")
            arrived = _drained(sink) - arrived
            flooded = bystander.counters()["rx_packets"] - flooded
            if flooded > self.others:
                return False
            if arrived >= self.addresses:
                return True
        return False  # a frame that is lost says nothing of its address

    def _teach_new(self, source, sink, rate):
        """Returns the rate at which that was offered."""
        self._first += self.addresses
        result = self._generate(sink, f"--source={self._station()}", f"--rate={rate}",
                                f"--sources={self.addresses}", f"--destination={source.mac}")
        return result["offered"] / result["seconds"]

    def _station(self):
        return ":".join(f"{octet:02x}" for octet in self._first.to_bytes(6, "big"))

    def _generate(self, host, *options):
        generator = host.process(str(self.build / "bench" / "l2gen"), "--sequential", "--seconds=60",
                                 f"--count={self.addresses}", *options, host.interface)
        try:
            return json.loads(generator.wait(60))
        finally:
            generator.stop()


NEW_STATION_ONE = "02:79:00:00:00:00"


class NoLoss(Workload):
    """RFC 2544, 26.1, by bisection: the highest rate of 64-byte frames at which at most 0.1 % are
    lost. A TAP's queue is 3 ms long at such rates, so this measures the scheduler, too; a rate that
    fails is tried a second time."""

    name = "noloss-64"
    about = "highest rate of 64-byte frames with at most 0.1 % lost (RFC 2544, by bisection)"
    series = (Series("noloss-64", "Mframe/s"),)
    accepted_loss = 0.001

    def run(self, hosts):
        ceiling = self._offered(hosts, 0)[0]
        rate = _highest_rate(lambda rate: self._passes(hosts, rate), ceiling)
        return {self.name: Sample(rate / 1e6, loss=self.accepted_loss)}

    def _passes(self, hosts, rate):
        offered, lost = self._offered(hosts, rate)
        return lost <= self.accepted_loss and offered > 0.95 * rate

    def _offered(self, hosts, rate):
        """Offered rate, and the fraction lost."""
        source, sink = hosts
        before = sink.counters()["rx_packets"]
        generator = source.process(
            str(self.build / "bench" / "l2gen"), "--size=64", f"--seconds={self.seconds / 4}",
            f"--rate={rate}", f"--destination={sink.mac}", source.interface)
        try:
            result = json.loads(generator.wait(self.seconds + 10))
        finally:
            generator.stop()
        arrived = _drained(sink) - before
        return result["offered"] / result["seconds"], 1 - arrived / result["offered"]


class Broadcast(Workload):
    """64-byte frames to everybody; counted is each copy that arrives."""

    receivers = 0

    @property
    def hosts(self):
        return self.receivers + 1

    @property
    def series(self):
        return (Series(self.name, "Mcopy/s", cost_unit="us/copy"),)

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
            _drained(sink)
        received = received_after - received_before
        return {self.name: Sample(received / (after.at - before.at) / 1e6,
                                  loss=1 - (copies() - start) / (offered * len(sinks)),
                                  cores=_cores(before, after),
                                  cost=(after.busy - before.busy) / max(received, 1) * 1e6)}


class Broadcast8(Broadcast):
    name = "bcast-8"
    about = "64-byte broadcasts to 8 receivers, copies that arrived"
    receivers = 8


class Broadcast64(Broadcast):
    name = "bcast-64"
    about = "64-byte broadcasts to 64 receivers, copies that arrived"
    receivers = 64


class Datagrams(Workload):
    """UDP from one socket to another, as fast as they go, counted by the receiving application."""

    size = 0
    options = ()
    settle = 0.2

    @property
    def series(self):
        return (Series(self.name, "Mdatagram/s", cost_unit="us/datagram"),)

    def run(self, hosts):
        source, sink = hosts
        listener = sink.process(str(self.build / "bench" / "udpgen"), "--sink")
        try:
            listener.wait_for_line("listening")
            generator = source.process(
                str(self.build / "bench" / "udpgen"), f"--destination={sink.address}",
                f"--size={self.size}", f"--seconds={self.seconds + 2 * self.settle}", *self.options)
            try:
                time.sleep(self.settle)
                before, received_before = CpuTimes.now(), self._count(listener)
                time.sleep(self.seconds)
                after, received_after = CpuTimes.now(), self._count(listener)
                offered = json.loads(generator.wait(self.seconds + 10))["offered"]
            finally:
                generator.stop()
            total = -1
            while total != (now := self._count(listener)):
                total = now
                time.sleep(0.05)
        finally:
            listener.stop()
        received = received_after - received_before
        if received == 0:
            raise BenchError(f"{self.name}: no datagram arrived")
        return {self.name: Sample(received / (after.at - before.at) / 1e6,
                                  loss=1 - total / offered, cores=_cores(before, after),
                                  cost=(after.busy - before.busy) / received * 1e6)}

    @staticmethod
    def _count(listener):
        lines = listener.text().count("\n")
        listener.popen.send_signal(signal.SIGUSR1)
        wait_until(lambda: listener.text().count("\n") > lines, "a count from the sink")
        return json.loads(listener.text().splitlines()[-1])["datagrams"]


class Datagrams64(Datagrams):
    name = "udp64"
    about = "18-byte datagrams (64 bytes on a wire), one flow, to a real socket"
    size = 18


class Datagrams1400(Datagrams):
    name = "udp1400"
    about = "1400-byte datagrams, one flow, to a real socket"
    size = 1400


class DatagramsGso(Datagrams):
    name = "udp-gso"
    about = "1400-byte datagrams, handed to the kernel 46 at a time (UDP_SEGMENT)"
    size = 1400
    options = ("--gso",)


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


class TcpFour(Tcp):
    name = "tcp4"
    about = "four TCP connections between two hosts (iperf3 -P 4), sum"
    options = ("-P", "4")


class Mesh(Workload):
    """A TCP connection from each of four hosts to each other one, twelve in all. Counted by the
    receiving interfaces within one window: the sums of iperf3 would be of times that do not quite
    overlap."""

    name = "mesh4"
    about = "4 hosts, 12 TCP connections, bytes at the receiving interfaces"
    hosts = 4
    series = (Series("mesh4", "Gbit/s", cost_unit="s/GB"),)
    settle = 1.0

    def run(self, hosts):
        processes = []
        try:
            for server in hosts:
                for client in hosts:
                    if client is not server:
                        port = str(5200 + client.number)
                        listener = server.process("iperf3", "--server", "--one-off", "--forceflush",
                                                  "--port", port)
                        processes.append(listener)
                        listener.wait_for_line("listening")
            seconds = str(math.ceil(self.seconds + 2 * self.settle))
            for client in hosts:
                for server in hosts:
                    if client is not server:
                        processes.append(client.process(
                            "iperf3", "--client", server.address, "--time", seconds, "--port",
                            str(5200 + client.number)))
            time.sleep(self.settle)
            before, octets_before = CpuTimes.now(), self._octets(hosts)
            time.sleep(self.seconds)
            after, octets_after = CpuTimes.now(), self._octets(hosts)
        finally:
            for process in processes:
                process.stop()
        octets = octets_after - octets_before
        return {self.name: Sample(8 * octets / (after.at - before.at) / 1e9,
                                  cores=_cores(before, after),
                                  cost=(after.busy - before.busy) / (octets / 1e9))}

    @staticmethod
    def _octets(hosts):
        return sum(host.counters()["rx_bytes"] for host in hosts)


class TcpBidirectional(Tcp):
    name = "tcp-bidi"
    about = "one TCP connection each way at once (iperf3 --bidir), sum of both"
    options = ("--bidir",)


class Latency(Workload):
    """Round trips one by one on an idle path: what is measured is mostly wake-ups."""

    name = "latency"
    about = "2,000 pings, one every 2 ms, nothing else going on"
    count = 2000
    interval = 0.002  # seconds

    @property
    def series(self):
        return tuple(Series(f"{self.name}-{percentile}", "us", less_is_better=True)
                     for percentile in ("p50", "p99", "p99.9"))

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
        loss, cores = 1 - len(trips) / self.count, _cores(before, after)
        return {f"{self.name}-{percentile}": Sample(thousandths[index], loss, cores)
                for percentile, index in (("p50", 499), ("p99", 989), ("p99.9", 998))}


class LatencySleeping(Latency):
    """The same with an interval at which ping sleeps, so that the processors go idle in between."""

    name = "latency-sleep"
    about = "pings one every 20 ms, between which everybody sleeps, 1,000 in 2 s of --seconds"
    interval = 0.02

    @property
    def count(self):
        return min(1000, max(20, int(500 * self.seconds)))


class LatencyLoaded(Latency):
    """The same beside a stream of 64-byte frames at half the rate that the peer carried just
    before."""

    name = "latency-half"
    about = "pings beside 64-byte frames at half of what the peer can carry"
    count = 1000

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


class RequestResponse(Workload):
    """Each client sends a request once the last one is answered, so the rate is what a round trip
    takes, with as many of them under way as there are pairs."""

    pairs = 1
    protocol = "udp"

    @property
    def series(self):
        return (Series(self.name, "ktrans/s", cost_unit="us/trans"),)

    def run(self, hosts):
        report, before, after = self._exchange(hosts)
        done = report["transactions"]
        return {self.name: Sample(done / report["seconds"] / 1e3,
                                  loss=report["lost"] / (done + report["lost"]),
                                  cores=_cores(before, after),
                                  cost=(after.busy - before.busy) / done * 1e6)}

    def _exchange(self, hosts, *options):
        """What the client printed, and the processor times before and after."""
        client, server = hosts
        program = str(self.build / "bench" / "rrgen")
        common = (f"--protocol={self.protocol}", f"--pairs={self.pairs}")
        listener = server.process(program, "--server", *common)
        try:
            listener.wait_for_line("listening")
            before = CpuTimes.now()
            generator = client.process(program, f"--destination={server.address}",
                                       f"--seconds={self.seconds}", *common, *options)
            try:
                report = json.loads(generator.wait(self.seconds + 20))
            finally:
                generator.stop()
            after = CpuTimes.now()
        finally:
            listener.stop()
        if report["transactions"] == 0:
            raise BenchError(f"{self.name}: no request was answered")
        return report, before, after


class RequestResponseUdp1(RequestResponse):
    name = "rr1"
    about = "requests and responses of 8 bytes, UDP, one pair"


class RequestResponseUdp16(RequestResponse):
    name = "rr16"
    about = "the same with 16 pairs"
    pairs = 16


class RequestResponseTcp1(RequestResponse):
    name = "rr1-tcp"
    about = "requests and responses of 8 bytes, TCP, one pair"
    protocol = "tcp"


class RequestResponseTcp16(RequestResponse):
    name = "rr16-tcp"
    about = "the same with 16 pairs"
    protocol = "tcp"
    pairs = 16


class PacedRequests(RequestResponse):
    """Requests at fixed moments, between which the client sleeps: what a round trip takes at a
    rate that the path has no trouble with."""

    rate = 0

    @property
    def series(self):
        return tuple(Series(f"{self.name}-{percentile}", "us", less_is_better=True,
                            cost_unit="us/trans") for percentile in ("p50", "p99", "p99.9"))

    def run(self, hosts):
        report, before, after = self._exchange(hosts, f"--rate={self.rate}")
        done = report["transactions"]
        return {f"{self.name}-{percentile}":
                Sample(report[percentile], loss=report["lost"] / (done + report["lost"]),
                       cores=_cores(before, after), cost=(after.busy - before.busy) / done * 1e6)
                for percentile in ("p50", "p99", "p99.9")}


class Paced100(PacedRequests):
    name = "paced-100"
    about = "round trips of UDP, 100 requests a second: what they cost a switch that is nearly idle"
    rate = 100


class Paced2k(PacedRequests):
    name = "paced-2k"
    about = "round trips of UDP, 2,000 requests a second"
    rate = 2000


class Paced20k(PacedRequests):
    name = "paced-20k"
    about = "round trips of UDP, 20,000 requests a second"
    rate = 20_000


WORKLOADS = (TcpOne, TcpFour, TcpBidirectional, Datagrams64, Datagrams1400, DatagramsGso, Frames64,
             Frames1514, NoLoss, Latency, LatencySleeping, LatencyLoaded, ManyAddresses, LearningRate,
             LearningRateSearch, LearningCapacity, Mesh, Broadcast8, Broadcast64, RequestResponseUdp1,
             RequestResponseUdp16, RequestResponseTcp1, RequestResponseTcp16, Paced100, Paced2k,
             Paced20k)
