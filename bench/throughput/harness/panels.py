"""What the picture of a report shows, as data: panels, in each of which 'better' has one sense,
with a bar for each workload. The figures are those of the table. No I/O."""

from dataclasses import dataclass

from harness.goals import Verdict
from harness.intervals import Interval


@dataclass(frozen=True)
class Mark:
    """One peer's ratio to the reference, and its own figure."""
    peer: str
    ratio: Interval
    value: float
    verdict: Verdict | None


@dataclass(frozen=True)
class Bar:
    name: str
    title: str
    unit: str
    reference_value: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Panel:
    title: str
    less_is_better: bool
    bars: tuple[Bar, ...]

    def ratios(self):
        """All that must be within its axis."""
        for bar in self.bars:
            for mark in bar.marks:
                yield from mark.ratio.values
                if mark.verdict:
                    yield mark.verdict.goal.limit


def panels(report):
    """Those that have something to show."""
    rates, times, costs = [], [], []
    for rows in _by_series(report):
        series = rows[0].series
        (times if series.less_is_better else rates).append(
            _bar(report, rows, series.name, series.unit, of_cost=False))
        costs.append(_bar(report, rows, series.cost_name or series.name, series.cost_unit,
                          of_cost=True))
    found = [Panel("Rates", False, tuple(filter(None, rates))),
             Panel("Times", True, tuple(filter(None, times))),
             Panel("Processor time of the whole machine", True, tuple(filter(None, costs)))]
    return [panel for panel in found if panel.bars]


def _by_series(report):
    names = dict.fromkeys(row.series.name for row in report.rows)
    return [[row for row in report.rows if row.series.name == name] for name in names]


def _bar(report, rows, name, unit, of_cost):
    """None where there is nothing to compare."""
    def figure(row):
        return row.cost if of_cost else row.median

    def ratio(row):
        return row.cost_ratio if of_cost else row.ratio

    reference = [row for row in rows if row.peer == report.reference]
    marks = tuple(Mark(row.peer, ratio(row), figure(row), report.verdict(row, of_cost))
                  for row in rows if row.peer != report.reference and ratio(row))
    if not reference or not marks:
        return None
    return Bar(name, rows[0].series.title, unit, figure(reference[0]), marks)
