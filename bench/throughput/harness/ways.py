"""A picture of frames a second by the way they take through a switch, as SVG. No I/O."""

import math
import statistics
from dataclasses import dataclass

from harness.plot import FAINT, GREY, GRID, PEERS, WIDTH
from harness.report import number
from harness.svg import Canvas

LEFT, AXIS_LEFT, AXIS_RIGHT, FIGURES = 20, 300, 640, 652
LINE = 26
TOP = 92
OURS, OTHERS = PEERS[0], FAINT


@dataclass(frozen=True)
class Way:
    """`rates`: million frames a second, of each round."""
    name: str
    is_ours: bool
    group: str
    rates: tuple[float, ...]

    @property
    def median(self):
        return statistics.median(self.rates)


class Axis:
    """Logarithmic, from a power of ten below the lowest rate to one above the highest."""

    def __init__(self, rates):
        self.first = math.floor(math.log10(min(rates)))
        self.last = max(math.ceil(math.log10(max(rates))), self.first + 1)

    def x(self, rate):
        share = (math.log10(rate) - self.first) / (self.last - self.first)
        return AXIS_LEFT + share * (AXIS_RIGHT - AXIS_LEFT)

    def ticks(self):
        return [mantissa * 10.0 ** power for power in range(self.first, self.last)
                for mantissa in (1, 2, 5)] + [10.0 ** self.last]


def svg(ways, facts):
    """One line for each way, in the order given, below the name of its group. `facts` is at the
    foot."""
    canvas = Canvas(WIDTH)
    canvas.text(LEFT, 30, "64-byte frames in one direction, by the way they take", 17, bold=True)
    canvas.text(LEFT, 52, "Bar: median of the rounds, million frames a second, on a logarithmic "
                "axis. Points: the rounds.", 11.5, color=GREY)
    axis = Axis([rate for way in ways for rate in way.rates])
    groups = list(dict.fromkeys(way.group for way in ways))
    bottom = TOP + LINE * (len(ways) + len(groups))
    for tick in axis.ticks():
        canvas.line(axis.x(tick), TOP - 8, axis.x(tick), bottom, GRID)
        canvas.text(axis.x(tick), TOP - 14, f"{tick:g}", 11, "middle", GREY)
    y = TOP
    for group in groups:
        canvas.text(LEFT, y + 17, group, 12, color=GREY)
        y += LINE
        for way in (one for one in ways if one.group == group):
            _draw(canvas, axis, way, y)
            y += LINE
    canvas.text(LEFT, bottom + 26, facts, 11, color=GREY)
    return canvas.document(bottom + 42, "64-byte frames by the way they take")


def _draw(canvas, axis, way, y):
    canvas.text(LEFT + 14, y + 17, way.name, 12.5, bold=way.is_ours)
    canvas.rectangle(AXIS_LEFT, y + 4, axis.x(way.median) - AXIS_LEFT, LINE - 10,
                     OURS if way.is_ours else OTHERS)
    for rate in way.rates:
        canvas.point(axis.x(rate), y + LINE / 2 - 1, 3, "#222222")
    canvas.text(FIGURES, y + 17, f"{number(way.median)} ({number(min(way.rates))} to "
                f"{number(max(way.rates))})", 12)
