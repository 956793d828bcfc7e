"""How long traffic stops when a link is cut, and when it is restored."""

import re
import time

from tapswitch_lab import commands, links
from tapswitch_lab.errors import LabError
from tapswitch_lab.lookup import link_of
from tapswitch_lab.units import seconds

INTERVAL = 0.01
STARTED = 0.5


def gaps(text, moments):
    """The longest time between two replies around each interval of moments (from, to)."""
    times = [float(found) for found in re.findall(r"^\[(\d+\.\d+)\] \d+ bytes from", text,
                                                  re.MULTILINE)]
    longest = []
    for start, end in moments:
        inside = [start] + [moment for moment in times if start <= moment <= end] + [end]
        longest.append(max(later - earlier for earlier, later in zip(inside, inside[1:])))
    return longest


def measure(lab, state, values, address):
    """Seconds without a reply of that address after the link was cut, and after it was restored."""
    source, link = lab.nodes[values["from"]], link_of(lab, values["link"])
    patience = seconds(values["within"]) + 1
    output = state.folder / "cut.log"
    output.unlink(missing_ok=True)
    pid = commands.start(source, state, f"exec ping -n -D -i {INTERVAL} -W 1 {address}", output)
    try:
        _wait_for_reply(output, 30)
        time.sleep(STARTED)
        cut = time.time()
        try:
            links.change_state(state, link, False)
            time.sleep(patience)
        finally:
            restored = time.time()
            links.change_state(state, link, True)
        time.sleep(patience)
        end = time.time()
        time.sleep(0.1)
    finally:
        commands.stop(pid)
    text = output.read_text(encoding="utf-8", errors="replace")
    return gaps(text, [(cut, restored), (restored, end)])


def _wait_for_reply(output, timeout):
    deadline = time.monotonic() + timeout
    while "bytes from" not in (output.read_text(encoding="utf-8") if output.exists() else ""):
        if time.monotonic() > deadline:
            raise LabError("there was no reply before the link was cut")
        time.sleep(0.05)
