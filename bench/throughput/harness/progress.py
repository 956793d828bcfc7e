"""How far a run is, and how long it will still take."""

import sys
import time

# Once so many seconds of the plan are done, the pace counts as much as the plan.
TRUSTED = 20.0


def clock(seconds):
    """As 4:05, or 1:02:03."""
    minutes, seconds = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def seconds_left(planned, done, taken):
    """What is left of a plan of `planned` seconds, of which `done` are done and took `taken`: the
    rest is expected to be as much slower or faster, the surer the more is done."""
    pace = (taken + TRUSTED) / (done + TRUSTED)
    return max(0.0, planned - done) * pace


class Progress:
    """A line on `stream`: written over where it is a terminal, else one for each step."""

    def __init__(self, steps, planned, stream=sys.stderr, now=time.monotonic):
        self.steps = steps
        self.planned = planned
        self._stream = stream
        self._now = now
        self._start = now()
        self._terminal = stream.isatty()
        self._step = 0
        self._done = 0.0

    def begin(self, what):
        """The next step begins."""
        self._step += 1
        taken = self._now() - self._start
        left = seconds_left(self.planned, self._done, taken)
        self._write(f"{self._step}/{self.steps}  {clock(taken)} gone, {clock(left)} left  {what}")

    def end(self, planned):
        """That step is over; `planned` is what the plan had for it, in seconds."""
        self._done += planned

    def note(self, text):
        """A line of its own, which stays."""
        self._clear()
        print(f"  {text}", file=self._stream, flush=True)

    def finish(self):
        self._clear()

    def _write(self, line):
        if self._terminal:
            self._stream.write(f"\r\x1b[K{line}")
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def _clear(self):
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
