"""Two runs, one beside the other. No I/O."""

import statistics
from dataclasses import dataclass

from harness.intervals import Interval, interval_of_change
from harness.report import aligned, number, span
from harness.results import Series

BETTER, WORSE, INCONCLUSIVE = "better", "worse", "inconclusive"
# What must be the same for figures to be comparable.
COMPARABLE = ("processor", "processors", "hypervisor", "memory_MiB", "kernel", "mitigations",
              "seconds")


@dataclass(frozen=True)
class Change:
    """From run A to run B. `change` is that of the ratio to the reference, which cancels out what
    made the machine as a whole faster or slower meanwhile; for the reference itself it is that of
    its figures, which shows just that."""
    series: Series
    peer: str
    medians: tuple[float, float]
    change: Interval
    of_ratio: bool

    @property
    def word(self):
        if not self.change.conclusive or self.change.low <= 1 <= self.change.high:
            return INCONCLUSIVE
        return BETTER if (self.change.low > 1) != self.series.less_is_better else WORSE


def changes(before, after):
    """One for each series and peer that both runs have measured; of the units that both have."""
    known = {_meaning(one) for one in before.results.series}
    found = []
    for series in after.results.series:
        if _meaning(series) in known:
            found += [_change(series, peer, before.results, after.results)
                      for peer in after.results.peers if peer in before.results.peers]
    return [one for one in found if one]


def _meaning(series):
    return series.name, series.unit, series.less_is_better


def _change(series, peer, before, after):
    if not before.values(series, peer) or not after.values(series, peer):
        return None
    of_ratio = before.reference == after.reference and peer != after.reference
    if of_ratio:
        change = interval_of_change(before.ratios(series, peer), after.ratios(series, peer))
    else:
        change = interval_of_change(before.values(series, peer), after.values(series, peer))
    if change is None:
        return None
    medians = tuple(statistics.median(one.values(series, peer)) for one in (before, after))
    return Change(series, peer, medians, change, of_ratio)


def differences(before, after):
    """What else than the code may have made the difference, one sentence each."""
    for name in COMPARABLE:
        earlier, later = before.facts.get(name), after.facts.get(name)
        if earlier != later:
            yield f"{name} was {earlier}, then {later}"
    if before.results.reference != after.results.reference:
        yield (f"ratios are to {before.results.reference}, then to {after.results.reference}: "
               "changes are those of the figures")


def text(before, after):
    header = ["workload", "peer", "A", "B", "unit", "better", "B / A", "95 %", "of", "verdict"]
    rows = [[one.series.name, one.peer, *map(number, one.medians), one.series.unit,
             one.series.better, number(one.change.median), span(one.change.low, one.change.high),
             f"x {after.results.reference}" if one.of_ratio else "figure", one.word]
            for one in changes(before, after)]
    lines = [f"A: commit {before.facts.get('commit')}, {before.facts.get('date')}",
             f"B: commit {after.facts.get('commit')}, {after.facts.get('date')}"]
    lines += [f"Warning: {one}." for one in differences(before, after)]
    return "\n".join(lines) + "\n\n" + aligned([header, *rows], grouped=True)
