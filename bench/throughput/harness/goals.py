"""What the switch is to reach, as ratios to the Linux bridge, and whether it does. No I/O."""

from dataclasses import dataclass

from harness.intervals import Interval

REFERENCE = "bridge"
JUDGED = "tapswitch"  # and its variants, tapswitch-...
MET, MISSED, INCONCLUSIVE = "met", "missed", "inconclusive"


@dataclass(frozen=True)
class Goal:
    series: str
    limit: float
    at_least: bool         # else at most
    of_cost: bool = False  # of the processor time for a unit of work, not of the value

    def __str__(self):
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"

    def judge(self, interval):
        """Met or missed where the whole interval is, and comes of rounds enough."""
        if not interval.conclusive:
            return INCONCLUSIVE
        if interval.low >= self.limit if self.at_least else interval.high <= self.limit:
            return MET
        if interval.high < self.limit if self.at_least else interval.low > self.limit:
            return MISSED
        return INCONCLUSIVE


def _at_least(series, limit):
    return Goal(series, limit, at_least=True)


def _at_most(series, limit, of_cost=False):
    return Goal(series, limit, at_least=False, of_cost=of_cost)


# Through the switch.
GOALS = (
    _at_least("tcp1", 1.0),
    _at_least("tcp-bidi", 0.85),
    _at_least("mesh4", 0.8),
    _at_least("udp64", 2.3),
    _at_least("l2-64", 1.6),
    _at_least("bcast-8", 1.0),
    _at_least("rr1", 1.35),
    _at_least("rr16", 1.0),
    _at_most("paced-2k-p50", 1.7),
    _at_most("paced-20k-p50", 0.75),
    _at_most("tcp1", 1.35, of_cost=True),
    _at_most("udp64", 0.7, of_cost=True),
)

# Where the kernel carries known conversations.
CARRIED_GOALS = (
    _at_least("tcp1", 1.03),
    _at_least("tcp-bidi", 1.03),
    _at_least("mesh4", 1.03),
    _at_least("udp64", 1.35),
    _at_least("l2-64", 1.2),
    _at_least("rr1", 1.05),
    _at_most("paced-2k-p50", 0.98),
    _at_most("tcp1", 0.95, of_cost=True),
    _at_most("l2-64", 0.95, of_cost=True),
)
CARRIED = ("tapswitch-veth", "tapswitch-netdev")

# The same for TAPs that another process holds; as ratios to a Linux bridge with such ones.
GUESTS_REFERENCE = "bridge-guests"
GUESTS_GOALS = (
    _at_least("tcp1", 1.0),
    _at_least("mesh4", 1.03),
    _at_least("l2-64", 1.03),
    _at_most("paced-2k-p50", 1.0),
)
GUESTS = ("tapswitch-guests",)


@dataclass(frozen=True)
class Verdict:
    goal: Goal
    peer: str
    measured: Interval
    word: str


def verdicts(rows, reference):
    """One for each goal of each peer, goals first."""
    found = []
    for goal in dict.fromkeys((*GOALS, *CARRIED_GOALS, *GUESTS_GOALS)):
        for row in rows:
            measured = row.cost_ratio if goal.of_cost else row.ratio
            is_judged = row.series.name == goal.series and goal in goals_of(row.peer, reference)
            if is_judged and measured:
                found.append(Verdict(goal, row.peer, measured, goal.judge(measured)))
    return tuple(found)


def goals_of(peer, reference):
    if reference == GUESTS_REFERENCE:
        return GUESTS_GOALS if peer in GUESTS else ()
    if reference != REFERENCE or peer.startswith(f"{JUDGED}-guests"):
        return ()
    if peer in CARRIED:
        return CARRIED_GOALS
    return GOALS if peer == JUDGED or peer.startswith(f"{JUDGED}-") else ()
