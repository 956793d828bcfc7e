"""Measuring: all peers, workload by workload, round by round."""

import subprocess
import time

from harness import machine
from harness.lab import BenchError, Lab, wait_until
from harness.progress import Progress, clock

LOOK = 0.25  # seconds for which the machine is looked at before each measurement
# Of a namespace with its interface, of the peers that join them, of the pings through them.
SET_UP_SECONDS = 0.2  # for each host of each peer


def set_up(lab, peer_class, count, build):
    """A running peer whose hosts reach each other."""
    hosts = lab.hosts(count)
    peer = peer_class(lab, hosts, build)
    peer.start()
    for host in hosts:
        host.configure()
    first, *others = hosts
    for host in others:
        def answers(host=host):
            return subprocess.run(first.namespace.exec("ping", "-c1", "-W1", host.address),
                                  capture_output=True, check=False).returncode == 0
        wait_until(answers, f"a ping from h{first.number} to h{host.number} through {peer.name}")
    return peer


class Patience:
    """Time, of the whole run, that may be spent on other processes: to wait for them to be quiet,
    and to measure again what they disturbed."""

    def __init__(self, limit, seconds):
        self.limit = limit  # CPUs that they may use beside a measurement
        self.left = seconds
        self.measured = 0
        self.disturbed = []  # CPUs that they used beside measurements that count

    def wait(self):
        start = time.monotonic()
        machine.wait_until_quiet(self.limit, max(self.left, LOOK))
        self.spend(time.monotonic() - start - LOOK)

    def spend(self, seconds):
        self.left = max(0.0, self.left - seconds)

    def count(self, cores):
        self.measured += 1
        if cores > self.limit:
            self.disturbed.append(cores)

    def disturbances(self):
        if not self.disturbed:
            return ()
        return (f"other processes used up to {max(self.disturbed):.1f} CPUs beside "
                f"{len(self.disturbed)} of {self.measured} measurements",)


class Session:
    """One run of workloads over peers; fills `results`."""

    def __init__(self, build, workloads, peers, rounds, patience, repeats):
        self.build = build
        self.workloads = workloads
        self.peers = peers
        self.rounds = rounds
        self.patience = patience
        self.repeats = repeats
        self.progress = None

    def steps(self):
        """How many measurements there are."""
        return self.rounds * sum(len(self._taking_part(one.hosts)) for one in self.workloads)

    def expected_seconds(self):
        """On a machine that is quiet."""
        measuring = sum((one.expected_seconds() + LOOK) * len(self._taking_part(one.hosts))
                        for one in self.workloads)
        return self.rounds * (measuring + sum(map(self._set_up_seconds, self._host_counts())))

    def announcement(self):
        extra = f", {clock(self.patience.left)} more at most if other processes disturb it"
        return (f"{len(self.workloads)} workloads, {len(self.peers)} peers, {self.rounds} rounds: "
                f"{self.steps()} measurements, which take about {clock(self.expected_seconds())}"
                + (extra if self.patience.left else ""))

    def run(self, results):
        self.progress = Progress(self.steps(), self.expected_seconds())
        for workload in self.workloads:
            workload.note = self.progress.note
        try:
            for number in range(self.rounds):
                self._run_round(number, results)
        finally:
            self.progress.finish()

    def _host_counts(self):
        return sorted({workload.hosts for workload in self.workloads})

    def _taking_part(self, hosts):
        return [one for one in self.peers if one.max_hosts >= hosts]

    def _set_up_seconds(self, hosts):
        return SET_UP_SECONDS * hosts * len(self._taking_part(hosts))

    def _run_round(self, number, results):
        """Peers are started afresh, so that what one start happened to get does not last, and run
        in turn for each workload, each round in another order."""
        shift = number % len(self.peers)
        order = self.peers[shift:] + self.peers[:shift]
        for count in self._host_counts():
            with Lab() as lab:
                peers = [set_up(lab, one, count, self.build)
                         for one in order if one.max_hosts >= count]
                self.progress.end(self._set_up_seconds(count))
                for workload in self.workloads:
                    if workload.hosts == count:
                        self._run_workload(workload, peers, number, results)

    def _run_workload(self, workload, peers, number, results):
        for peer in peers:
            self.progress.begin(f"round {number + 1}: {workload.name} of {peer.name}")
            try:
                samples = self._measure(workload, peer)
            except BenchError as error:
                raise BenchError(f"{workload.name} of {peer.name}: {error}") from error
            for name, sample in samples.items():
                results.add(name, peer.name, sample)
            self.progress.end(workload.expected_seconds() + LOOK)

    def _measure(self, workload, peer):
        """Runs the workload when the machine is quiet, again when it did not stay so, and returns
        the samples of the least disturbed time."""
        least, best = None, {}
        for _ in range(self.repeats + 1):
            self.patience.wait()
            start, load = time.monotonic(), machine.ForeignLoad()
            samples = workload.run(peer.hosts)
            cores = load.cores()
            if least is None:
                least, best = cores, samples
            else:
                self.patience.spend(time.monotonic() - start)
                if cores < least:
                    least, best = cores, samples
            if cores <= self.patience.limit or not self.patience.left:
                break
        self.patience.count(least)
        return best
