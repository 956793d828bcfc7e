"""Intervals in which a median lies with 95 % confidence, by the percentile bootstrap. No I/O."""

import random
import statistics
from dataclasses import dataclass

RESAMPLES = 2000
SEED = 1           # the same values always give the same interval
CONFIDENCE = 0.95
# With five values not even all of their range covers the median 95 times of 100, only 94.
ENOUGH_ROUNDS = 6


@dataclass(frozen=True)
class Interval:
    """A median, where it may lie, and the values that it is of, one for each round."""
    median: float
    low: float
    high: float
    values: tuple[float, ...]

    @property
    def rounds(self):
        return len(self.values)

    @property
    def conclusive(self):
        """Whether there are rounds enough for the interval to mean anything."""
        return self.rounds >= ENOUGH_ROUNDS


def _central(estimates):
    """Lowest and highest of the central 95 %."""
    estimates = sorted(estimates)
    cut = int(len(estimates) * (1 - CONFIDENCE) / 2)
    return estimates[cut], estimates[-1 - cut]


def _resampled_medians(values, source):
    return [statistics.median(source.choices(values, k=len(values))) for _ in range(RESAMPLES)]


def interval_of_median(values):
    """None without values."""
    if not values:
        return None
    low, high = _central(_resampled_medians(values, random.Random(SEED)))
    return Interval(statistics.median(values), low, high, tuple(values))


def interval_of_change(before, after):
    """The median of `after` as a multiple of that of `before`, which were measured independently of
    each other; the values are those of the shorter one. None without values, or where a median of
    `before` is 0."""
    if not before or not after:
        return None
    source = random.Random(SEED)
    pairs = list(zip(_resampled_medians(before, source), _resampled_medians(after, source)))
    if any(earlier == 0 for earlier, _ in pairs) or statistics.median(before) == 0:
        return None
    low, high = _central(later / earlier for earlier, later in pairs)
    return Interval(statistics.median(after) / statistics.median(before), low, high,
                    tuple(min(before, after, key=len)))
