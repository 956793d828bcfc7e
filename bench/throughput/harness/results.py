"""What was measured: a sample for each series, peer and round, and the rows that tables, pictures
and goals are made of. No I/O."""

import statistics
from dataclasses import dataclass

from harness.intervals import Interval, interval_of_median


@dataclass(frozen=True)
class Series:
    """A row of the report."""
    name: str
    unit: str
    less_is_better: bool = False
    cost_unit: str = ""
    cost_name: str = ""  # of what the cost is, where that is not the series
    title: str = ""      # a few words for who does not know the name

    @property
    def better(self):
        return "lower" if self.less_is_better else "higher"


@dataclass(frozen=True)
class Sample:
    """One value of a series. CPU figures are of the whole machine, load generators included."""
    value: float
    loss: float | None = None   # fraction of what was offered
    cores: float | None = None  # CPUs that were busy
    cost: float | None = None   # CPU time per unit of work, in the series' cost_unit


@dataclass(frozen=True)
class Row:
    """A series of one peer, over all rounds. Ratios are to the reference in the same round."""
    series: Series
    peer: str
    rounds: int
    median: float
    lowest: float
    highest: float
    ratio: Interval | None
    cost_ratio: Interval | None
    loss: float | None   # medians
    cores: float | None
    cost: float | None


class Results:
    """samples[series name][peer] is a list with one entry per round."""

    def __init__(self, series, peers, reference):
        self.series = series
        self.peers = peers
        self.reference = reference
        self.samples = {one.name: {peer: [] for peer in peers} for one in series}

    def add(self, series_name, peer, sample):
        self.samples[series_name][peer].append(sample)

    def values(self, series, peer, field="value"):
        values = (getattr(sample, field) for sample in self.samples[series.name][peer])
        return [value for value in values if value is not None]

    def ratios(self, series, peer, field="value"):
        """To the reference in the same round: what slows a whole round down cancels out. A round in
        which one of the two has no figure, or the reference has 0, is left out."""
        pairs = zip(self.samples[series.name][peer], self.samples[series.name][self.reference])
        pairs = ((getattr(mine, field), getattr(its, field)) for mine, its in pairs)
        return [mine / its for mine, its in pairs if mine is not None and its]

    def rows(self):
        """A row for each series and peer that was measured."""
        return tuple(self._row(series, peer) for series in self.series for peer in self.peers
                     if self.values(series, peer))

    def _row(self, series, peer):
        values = self.values(series, peer)
        return Row(series, peer, len(values), statistics.median(values), min(values), max(values),
                   interval_of_median(self.ratios(series, peer)),
                   interval_of_median(self.ratios(series, peer, "cost")),
                   *(self._median(series, peer, field) for field in ("loss", "cores", "cost")))

    def _median(self, series, peer, field):
        values = self.values(series, peer, field)
        return statistics.median(values) if values else None
