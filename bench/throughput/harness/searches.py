"""Workloads that look for a limit: the highest rate, or the largest number, without a loss."""

import json
import time

from harness.frames import STATION_ONE, teach
from harness.results import Sample, Series
from harness.workload import Workload, drained


class LearningCapacity(Workload):
    """RFC 2889, 5.7: how many addresses the switch can be taught so that no frame to one of them is
    flooded. Counted at a third host. Doubled until it fails; the largest that did not is
    reported."""

    name = "addresses"
    title = "addresses learned"
    about = "addresses learned without one being flooded, up to 65,536 (RFC 2889, by doubling)"
    hosts = 3
    series = (Series("addresses", "addresses", title=title),)
    least, most = 1024, 65_536

    def expected_seconds(self):
        return 3 * 2 * self.most / 50_000 + 2

    def run(self, hosts):
        source, sink, bystander = hosts
        known, addresses = 0, self.least
        while addresses <= self.most and self._all_known(source, sink, bystander, addresses):
            known, addresses = addresses, 2 * addresses
        return {self.name: Sample(known)}

    def _all_known(self, source, sink, bystander, addresses):
        teach(self.build, sink, addresses - 8)  # the hosts have addresses, too
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
    learned. Each try teaches 8,000 addresses that were never used before, then sends a frame to
    each of them; one that a third host sees was flooded, so its address was not learned. A rate
    that fails is tried once more."""

    name = "learn-rate"
    title = "new addresses"
    about = "highest rate of new addresses of which none is missed (RFC 2889, by bisection)"
    hosts = 3
    series = (Series("learn-rate", "Maddress/s", title=title),)
    addresses = 8_000
    others = 4  # frames that the bystander may get for other reasons: ARP asks again now and then

    def __init__(self, build, seconds):
        super().__init__(build, seconds)
        self._first = int(NEW_STATION_ONE.replace(":", ""), 16)

    def expected_seconds(self):
        return 10

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
            arrived = drained(sink) - arrived
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
        generator = host.process(str(self.build / "bench" / "l2gen"), "--sequential",
                                 "--seconds=60", f"--count={self.addresses}", *options,
                                 host.interface)
        try:
            return json.loads(generator.wait(60))
        finally:
            generator.stop()


NEW_STATION_ONE = "02:79:00:00:00:00"


class NoLoss(Workload):
    """RFC 2544, 26.1, by bisection: the highest rate of frames of one size at which at most 0.1 %
    are lost. A TAP's queue is 3 ms long at such rates, so this measures the scheduler, too; a rate
    that fails is tried a second time."""

    size = 0
    accepted_loss = 0.001

    def expected_seconds(self):
        return 12 * (self.seconds / 4 + 0.2)

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
            str(self.build / "bench" / "l2gen"), f"--size={self.size}",
            f"--seconds={self.seconds / 4}", f"--rate={rate}", f"--destination={sink.mac}",
            source.interface)
        try:
            result = json.loads(generator.wait(self.seconds + 10))
        finally:
            generator.stop()
        arrived = drained(sink) - before
        return result["offered"] / result["seconds"], 1 - arrived / result["offered"]


def _no_loss(size):
    name, title = f"noloss-{size}", f"{size}-byte frames, 0.1 % lost"
    return type(f"NoLoss{size}", (NoLoss,), {
        "name": name, "title": title, "size": size,
        "about": f"highest rate of {size}-byte frames with at most 0.1 % lost (RFC 2544, by "
                 "bisection)",
        "series": (Series(name, "Mframe/s", title=title),)})


# The sizes of RFC 2544, 9.1, without their FCS.
NO_LOSS = tuple(_no_loss(size) for size in (64, 128, 256, 512, 1024, 1280, 1514))
