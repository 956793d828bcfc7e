"""What the tests of bench/throughput/harness share: the way to it, and results that are made up."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "bench" / "throughput"))

from harness.results import Results, Sample, Series  # noqa: E402  (the path comes first)

RATE = Series("tcp1", "Gbit/s", cost_unit="s/GB", title="one TCP connection")
TRIP = Series("paced-2k-p50", "us", True, "us/trans", "paced-2k", "2,000 requests a second")
STEADY = (1.0, 1.01, 0.99, 1.02, 0.98, 1.0)  # what each round makes of a figure


def results(factors, series=(RATE, TRIP), rounds=STEADY):
    """Each peer's figures are those of its factor, times what the round makes of all of them."""
    made = Results(list(series), list(factors), next(iter(factors)))
    for one in series:
        for turn in rounds:
            for peer, factor in factors.items():
                cost = 2 * factor * turn if one.cost_unit else None
                made.add(one.name, peer, Sample(20 * factor * turn, 0.0, 1.5, cost))
    return made
