"""The picture of a report, as SVG: ratios to the reference on a logarithmic axis, with their
intervals, and beside them the figures. No I/O."""

import math
import textwrap

from harness.goals import INCONCLUSIVE, MET, MISSED
from harness.panels import panels
from harness.report import number, span
from harness.svg import Canvas

WIDTH = 800
LEFT = 20
AXIS_LEFT, AXIS_RIGHT = 182, 466
RATIO, INTERVAL = 474, 521          # where these columns begin
VALUE, REFERENCE, UNIT = 645, 697, 704  # the first two end there
LANE = 20            # height of a mark
JUDGED_LANE = 31     # with a verdict below its ratio
LEAST_BAR = 30       # a bar has two lines at its left
PLAIN_NAMES = {"bridge": "the Linux bridge", "ovs": "Open vSwitch", "vde": "VDE"}

GREY, FAINT, GRID, GROUND = "#5f6368", "#8b8f94", "#e3e5e8", "#edf6ee"
PEERS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#56b4e9", "#332288", "#999933", "#222222")
WORDS = {MET: "#1a7f37", MISSED: "#c62828", INCONCLUSIVE: "#8a6100"}
# Mantissas of the axis' labels, from close to far apart.
TICKS = ((1, 1.1, 1.2, 1.3, 1.5, 1.7, 2, 2.5, 3, 4, 5, 6, 7, 8, 9), (1, 1.5, 2, 3, 5, 7), (1, 2, 5),
         (1, 3), (1,))
CLOSEST_TICKS = 27  # pixels
# Of the report's facts, those at the foot, with what stands before and after.
FACTS = (("processor", "", ""), ("processors", "", " processors"), ("kernel", "Linux ", ""),
         ("rounds", "", " rounds"), ("seconds", "", " s each"), ("commit", "commit ", ""),
         ("date", "", ""))


class Axis:
    """Logarithmic, with 1 and all of `ratios` that are above 0 within it."""

    def __init__(self, ratios):
        ratios = [1.0, *(ratio for ratio in ratios if ratio > 0)]
        low, high = min(ratios), max(ratios)
        room = max(0.06 * math.log(high / low), 0.08)
        self._low = math.log(min(low, 0.8)) - room
        self._high = math.log(max(high, 1.25)) + room

    def x(self, ratio):
        share = (math.log(ratio) - self._low) / (self._high - self._low)
        return AXIS_LEFT + share * (AXIS_RIGHT - AXIS_LEFT)

    def ticks(self):
        for mantissas in TICKS:
            ticks = self._ticks(mantissas)
            gaps = [self.x(right) - self.x(left) for left, right in zip(ticks, ticks[1:])]
            if all(gap >= CLOSEST_TICKS for gap in gaps):
                return ticks
        return [1.0]

    def _ticks(self, mantissas):
        first, last = (math.floor(end / math.log(10)) for end in (self._low, self._high))
        all_ticks = [mantissa * 10.0 ** power for power in range(first, last + 1)
                     for mantissa in mantissas]
        return [tick for tick in all_ticks if self._low <= math.log(tick) <= self._high]


def plain(peer):
    return PLAIN_NAMES.get(peer, peer)


def svg(report):
    """The text of the file."""
    canvas = Canvas(WIDTH)
    peers = list(dict.fromkeys(row.peer for row in report.rows if row.peer != report.reference))
    colors = {peer: PEERS[index % len(PEERS)] for index, peer in enumerate(peers)}
    title = f"{', '.join(map(plain, peers))} against {plain(report.reference)}"
    y = _heading(canvas, report, title, colors)
    for panel in panels(report):
        y = _panel(canvas, y, panel, report.reference, colors)
    return canvas.document(_footer(canvas, y, report), title)


def _heading(canvas, report, title, colors):
    y = 30
    for line in textwrap.wrap(title, 80):
        canvas.text(LEFT, y, line, size=17, bold=True)
        y += 22
    canvas.text(LEFT, y, "Dot: median over the rounds of the ratio to "
                f"{plain(report.reference)} in the same round; points: the rounds.", size=11.5,
                color=GREY)
    y += 16
    canvas.text(LEFT, y, "Bar: 95 % interval of that median (bootstrap over the rounds). Figures: "
                "medians.", size=11.5, color=GREY)
    if report.verdicts:
        y += 19
        _goal(canvas, LEFT + 6, y - 4, at_least=True)
        canvas.text(LEFT + 18, y, "goal, at least", size=11.5, color=GREY)
        _goal(canvas, LEFT + 126, y - 4, at_least=False)
        canvas.text(LEFT + 134, y, "goal, at most", size=11.5, color=GREY)
    if len(colors) > 1:
        y = _legend(canvas, y + 20, colors)
    return y + 14


def _legend(canvas, y, colors):
    x = LEFT
    for peer, color in colors.items():
        width = 26 + 7.6 * len(plain(peer))
        if x + width > WIDTH - LEFT:
            x, y = LEFT, y + 18
        canvas.dot(x + 6, y - 4, 5, color)
        canvas.text(x + 16, y, plain(peer))
        x += width
    return y


def _panel(canvas, top, panel, reference, colors):
    """Returns where the next one may begin."""
    axis = Axis(panel.ratios())
    heights = [_height(bar) for bar in panel.bars]
    upper, lower = top + 50, top + 50 + sum(heights)
    _panel_head(canvas, top, panel, reference, colors)
    _ground(canvas, axis, upper, lower, panel.less_is_better)
    y = upper
    for bar, height in zip(panel.bars, heights):
        _bar(canvas, axis, y, height, bar, colors)
        y += height
    return lower + 28


def _height(bar):
    return max(LEAST_BAR, sum(map(_lane, bar.marks))) + 5


def _lane(mark):
    return JUDGED_LANE if mark.verdict else LANE


def _panel_head(canvas, top, panel, reference, colors):
    sense = "lower is better" if panel.less_is_better else "higher is better"
    canvas.line(LEFT, top + 6, WIDTH - LEFT, top + 6, GRID)
    canvas.text(LEFT, top + 26, f"{panel.title}: {sense}", size=14, bold=True)
    y = top + 44
    arrow = "\u2190 better" if panel.less_is_better else "better \u2192"
    at, anchor = (AXIS_LEFT, "start") if panel.less_is_better else (AXIS_RIGHT, "end")
    canvas.text(at, y, arrow, size=11, anchor=anchor, color=WORDS[MET], bold=True)
    own = plain(next(iter(colors))) if len(colors) == 1 else "figure"
    for x, anchor, text in ((RATIO, "start", f"x {reference}, 95 %"),
                            (VALUE, "end", own if len(own) < 10 else "figure"),
                            (REFERENCE, "end", reference if len(reference) < 8 else "ref."),
                            (UNIT, "start", "unit")):
        canvas.text(x, y, text, size=11, anchor=anchor, color=GREY)


def _ground(canvas, axis, upper, lower, less_is_better):
    """The better side, and the lines of the axis."""
    one = axis.x(1)
    if less_is_better:
        canvas.rectangle(AXIS_LEFT, upper, one - AXIS_LEFT, lower - upper, GROUND)
    else:
        canvas.rectangle(one, upper, AXIS_RIGHT - one, lower - upper, GROUND)
    for tick in axis.ticks():
        is_one = math.isclose(tick, 1)
        canvas.line(axis.x(tick), upper, axis.x(tick), lower + 4, "#333333" if is_one else GRID,
                    1.4 if is_one else 1.0)
        canvas.text(axis.x(tick), lower + 17, f"{tick:g}x", size=11, anchor="middle",
                    color="#222222" if is_one else GREY, bold=is_one)


def _bar(canvas, axis, y, height, bar, colors):
    middle = y + height / 2
    canvas.line(LEFT, y + height, WIDTH - LEFT, y + height, GRID, 0.7)
    canvas.text(LEFT, middle - 2, bar.name, size=12.5, bold=True)
    canvas.text(LEFT, middle + 12, bar.title, size=11, color=GREY)
    mark_y = middle - sum(map(_lane, bar.marks)) / 2
    for mark in bar.marks:
        y = mark_y + _lane(mark) / 2
        _mark(canvas, axis, y, mark, colors[mark.peer])
        _figures(canvas, y, mark, colors[mark.peer])
        mark_y += _lane(mark)
    text_y = _text_y(middle, bar.marks[0]) if len(bar.marks) == 1 else middle + 4
    canvas.text(REFERENCE, text_y, number(bar.reference_value), anchor="end", color=GREY)
    canvas.text(UNIT, text_y, bar.unit, size=11, color=GREY)


def _text_y(y, mark):
    """The line of a mark's figures; a verdict stands below."""
    return y - 2 if mark.verdict else y + 4


def _mark(canvas, axis, y, mark, color):
    for ratio in mark.ratio.values:
        if ratio > 0:
            canvas.point(axis.x(ratio), y + 9, 1.7, color)
    if mark.ratio.low > 0:
        low, high = axis.x(mark.ratio.low), axis.x(mark.ratio.high)
        canvas.line(low, y, high, y, color, 2.4)
        for end in (low, high):
            canvas.line(end, y - 4, end, y + 4, color, 1.6)
    if mark.verdict:
        _goal(canvas, axis.x(mark.verdict.goal.limit), y, mark.verdict.goal.at_least)
    if mark.ratio.median > 0:
        canvas.dot(axis.x(mark.ratio.median), y, 4.7, color)


def _figures(canvas, y, mark, color):
    text_y = _text_y(y, mark)
    canvas.text(RATIO, text_y, number(mark.ratio.median), bold=True)
    canvas.text(INTERVAL, text_y, span(mark.ratio.low, mark.ratio.high), size=11, color=GREY)
    canvas.text(VALUE, text_y, number(mark.value), anchor="end", bold=True, color=color)
    if mark.verdict:
        canvas.text(RATIO, y + 12, f"goal {mark.verdict.goal}: {mark.verdict.word}", size=11,
                    color=WORDS[mark.verdict.word])


def _goal(canvas, x, y, at_least):
    """A flag that shows the way to go."""
    tip = 7 if at_least else -7
    canvas.line(x, y - 9, x, y + 9, "#222222", 1.4)
    canvas.polygon([(x, y - 9), (x + tip, y - 5.5), (x, y - 2)], "#222222", "#222222")


def _footer(canvas, y, report):
    """Returns the height of the picture."""
    parts = [before + str(report.facts[name]) + after for name, before, after in FACTS
             if name in report.facts]
    lines = [(line, GREY) for line in textwrap.wrap("; ".join(parts), 118)]
    for warning in report.warnings:
        lines += [(line, WORDS[MISSED]) for line in textwrap.wrap(f"Warning: {warning}.", 118)]
    y += 12
    for line, color in lines:
        canvas.text(LEFT, y, line, size=11, color=color)
        y += 15
    return y + 4
