"""Durations, rates and shares, as files and tapctl write them."""

import re

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
BITS = {"bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}


def seconds(text):
    """The seconds of a duration such as 1.5s."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()
    return float(number) * SECONDS[unit]


def bits_a_second(text):
    """The rate of a text such as 10mbit."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text.lower()).groups()
    return float(number) * BITS[unit]


def as_rate(bits):
    """A rate for people."""
    for unit in ("Gbit/s", "Mbit/s", "kbit/s"):
        size = BITS[unit[0].lower() + "bit"]
        if bits >= size:
            return f"{bits / size:.2f} {unit}"
    return f"{bits:.0f} bit/s"


def as_duration(value):
    """A time for people."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.0f} ms"
