"""Workloads that applications send: TCP by iperf3, and datagrams."""

import json
import math
import signal
import time

from harness.lab import BenchError, wait_until
from harness.machine import CpuTimes
from harness.results import Sample, Series
from harness.workload import Workload, busy_cores


class Datagrams(Workload):
    """UDP from one socket to another, as fast as they go, counted by the receiving application."""

    size = 0
    options = ()
    settle = 0.2

    @property
    def series(self):
        return (Series(self.name, "Mdatagram/s", cost_unit="us/datagram", title=self.title),)

    def expected_seconds(self):
        return self.seconds + 2 * self.settle + 0.3

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
                                  loss=1 - total / offered, cores=busy_cores(before, after),
                                  cost=(after.busy - before.busy) / received * 1e6)}

    @staticmethod
    def _count(listener):
        lines = listener.text().count("\n")
        listener.popen.send_signal(signal.SIGUSR1)
        wait_until(lambda: listener.text().count("\n") > lines, "a count from the sink")
        return json.loads(listener.text().splitlines()[-1])["datagrams"]


class Datagrams64(Datagrams):
    name = "udp64"
    title = "datagrams of 18 bytes"
    about = "18-byte datagrams (64 bytes on a wire), one flow, to a real socket"
    size = 18


class Datagrams1400(Datagrams):
    name = "udp1400"
    title = "datagrams of 1400 bytes"
    about = "1400-byte datagrams, one flow, to a real socket"
    size = 1400


class DatagramsGso(Datagrams):
    name = "udp-gso"
    title = "UDP_SEGMENT, 1400 bytes"
    about = "1400-byte datagrams, handed to the kernel 46 at a time (UDP_SEGMENT)"
    size = 1400
    options = ("--gso",)


class Tcp(Workload):
    """iperf3, read at its receiver. Loss is what was sent again."""

    options = ()

    @property
    def series(self):
        return (Series(self.name, "Gbit/s", cost_unit="s/GB", title=self.title),)

    def expected_seconds(self):
        return math.ceil(self.seconds) + 0.3

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
        both_ways = ("", "_bidir_reverse")
        received = [end[f"sum_received{way}"] for way in both_ways if f"sum_received{way}" in end]
        sent = [end[f"sum_sent{way}"] for way in both_ways if f"sum_sent{way}" in end]
        octets = sum(direction["bytes"] for direction in received)
        again = sum(direction.get("retransmits", 0) for direction in sent) * TCP_SEGMENT
        return Sample(sum(direction["bits_per_second"] for direction in received) / 1e9,
                      loss=again / octets, cores=busy_cores(before, after),
                      cost=(after.busy - before.busy) / (octets / 1e9))


TCP_SEGMENT = 1448  # bytes of payload at MTU 1500 with timestamps


class TcpOne(Tcp):
    name = "tcp1"
    title = "one TCP connection"
    about = "one TCP connection (iperf3), GSO where the path has it"


class TcpFour(Tcp):
    name = "tcp4"
    title = "4 TCP connections"
    about = "four TCP connections between two hosts (iperf3 -P 4), sum"
    options = ("-P", "4")


class Mesh(Workload):
    """A TCP connection from each of four hosts to each other one, twelve in all. Counted by the
    receiving interfaces within one window: the sums of iperf3 would be of times that do not quite
    overlap."""

    name = "mesh4"
    title = "4 hosts, 12 TCP"
    about = "4 hosts, 12 TCP connections, bytes at the receiving interfaces"
    hosts = 4
    series = (Series("mesh4", "Gbit/s", cost_unit="s/GB", title=title),)
    settle = 1.0

    def expected_seconds(self):
        return self.seconds + self.settle + 1.5

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
                                  cores=busy_cores(before, after),
                                  cost=(after.busy - before.busy) / (octets / 1e9))}

    @staticmethod
    def _octets(hosts):
        return sum(host.counters()["rx_bytes"] for host in hosts)


class TcpBidirectional(Tcp):
    name = "tcp-bidi"
    title = "one TCP each way"
    about = "one TCP connection each way at once (iperf3 --bidir), sum of both"
    options = ("--bidir",)
