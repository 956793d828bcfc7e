"""What a workload is, and what several of them need."""

import sys
import time


class Workload:
    """What is measured: loads the hosts of a peer and returns samples."""

    name = ""
    title = ""  # a few words, for the picture
    about = ""  # one line, for the list
    hosts = 2
    series = ()

    def __init__(self, build, seconds):
        self.build = build
        self.seconds = seconds
        self.note = lambda text: print(text, file=sys.stderr)  # what is to be said while it runs

    def expected_seconds(self):
        """How long run() takes, roughly."""
        return self.seconds + 0.2

    def run(self, hosts):
        """Returns {series name: Sample}."""
        raise NotImplementedError


def busy_cores(before, after):
    return (after.busy - before.busy) / (after.at - before.at)


def drained(sink):
    """Frames that arrived, once what was under way has."""
    count = -1
    while count != (now := sink.counters()["rx_packets"]):
        count = now
        time.sleep(0.05)
    return count
