"""Ratios are of the same round, intervals hold their median, and goals are judged by intervals."""

import unittest

import harness_fixture as fixture
from harness import goals
from harness.intervals import Interval, interval_of_change, interval_of_median
from harness.results import Results, Sample

MANY = (1, 2, 3, 4, 5, 6)


def interval(low, high, rounds=6):
    return Interval((low + high) / 2, low, high, (low,) * rounds)


class IntervalTest(unittest.TestCase):
    def test_holds_the_median_and_stays_within_the_values(self):
        found = interval_of_median([3.0, 1.0, 2.0, 5.0, 4.0, 2.5, 3.5])
        self.assertEqual(found.median, 3.0)
        self.assertTrue(1.0 <= found.low <= found.median <= found.high <= 5.0)
        self.assertLess(found.low, found.high)

    def test_is_the_same_each_time(self):
        self.assertEqual(interval_of_median(MANY), interval_of_median(MANY))

    def test_has_no_width_where_all_rounds_agree(self):
        found = interval_of_median([2.0] * 6)
        self.assertEqual((found.low, found.high), (2.0, 2.0))

    def test_one_outlier_of_many_does_not_widen_it(self):
        self.assertLess(interval_of_median([1.0] * 20 + [100.0]).high, 2)

    def test_there_is_none_without_values(self):
        self.assertIsNone(interval_of_median([]))
        self.assertIsNone(interval_of_change([], MANY))
        self.assertIsNone(interval_of_change([0.0] * 6, MANY))

    def test_a_change_is_of_the_medians(self):
        found = interval_of_change([1.0, 1.1, 0.9] * 2, [2.0, 2.2, 1.8] * 2)
        self.assertAlmostEqual(found.median, 2.0)
        self.assertTrue(1.6 < found.low <= 2.0 <= found.high < 2.5)

    def test_fewer_than_six_rounds_conclude_nothing(self):
        self.assertFalse(interval_of_median([1.0] * 5).conclusive)
        self.assertTrue(interval_of_median([1.0] * 6).conclusive)


class PairingTest(unittest.TestCase):
    def test_what_slows_a_whole_round_down_cancels_out(self):
        rounds = (1.0, 0.1, 3.0, 0.5, 1.0, 2.0)
        made = fixture.results({"bridge": 1.0, "tapswitch": 0.8}, rounds=rounds)
        found = interval_of_median(made.ratios(fixture.RATE, "tapswitch"))
        self.assertAlmostEqual(found.low, 0.8)
        self.assertAlmostEqual(found.high, 0.8)

    def test_a_round_without_a_figure_of_the_reference_is_left_out(self):
        made = Results([fixture.RATE], ["bridge", "tapswitch"], "bridge")
        for mine, its in ((1.0, 2.0), (1.0, 0.0), (0.0, 2.0)):
            made.add("tcp1", "tapswitch", Sample(mine))
            made.add("tcp1", "bridge", Sample(its))
        made.add("tcp1", "tapswitch", Sample(7.0))  # the run ended before its turn
        self.assertEqual(made.ratios(fixture.RATE, "tapswitch"), [0.5, 0.0])


class GoalTest(unittest.TestCase):
    at_least = goals.Goal("x", 1.0, at_least=True)
    at_most = goals.Goal("x", 1.0, at_least=False)

    def test_is_met_or_missed_where_the_whole_interval_is_on_one_side(self):
        above, below = interval(1.1, 1.3), interval(0.7, 0.9)
        self.assertEqual(self.at_least.judge(above), goals.MET)
        self.assertEqual(self.at_least.judge(below), goals.MISSED)
        self.assertEqual(self.at_most.judge(above), goals.MISSED)
        self.assertEqual(self.at_most.judge(below), goals.MET)

    def test_is_inconclusive_where_the_interval_has_the_limit_within(self):
        for goal in (self.at_least, self.at_most):
            self.assertEqual(goal.judge(interval(0.9, 1.1)), goals.INCONCLUSIVE)

    def test_is_inconclusive_where_only_the_better_end_touches_the_limit(self):
        self.assertEqual(self.at_least.judge(interval(0.9, 1.0)), goals.INCONCLUSIVE)
        self.assertEqual(self.at_most.judge(interval(1.0, 1.1)), goals.INCONCLUSIVE)

    def test_is_inconclusive_after_few_rounds(self):
        self.assertEqual(self.at_least.judge(interval(2.0, 2.1, rounds=5)), goals.INCONCLUSIVE)

    def test_the_limit_itself_is_good_enough(self):
        for goal in (self.at_least, self.at_most):
            self.assertEqual(goal.judge(interval(1.0, 1.0)), goals.MET)

    def test_each_series_of_a_goal_exists(self):
        from harness.workloads import WORKLOADS
        names = {series.name: series for one in WORKLOADS for series in one(None, 1.0).series}
        for goal in (*goals.GOALS, *goals.CARRIED_GOALS, *goals.GUESTS_GOALS):
            self.assertIn(goal.series, names)
            self.assertTrue(names[goal.series].cost_unit or not goal.of_cost)

    def test_is_about_tapswitch_against_the_bridge_alone(self):
        factors = {"bridge": 1.0, "relay": 1.5, "tapswitch": 1.2, "tapswitch-w2": 0.5}
        rows = fixture.results(factors).rows()
        found = {(one.goal.series, one.goal.of_cost, one.peer): one.word
                 for one in goals.verdicts(rows, "bridge")}
        self.assertEqual(found, {
            ("tcp1", False, "tapswitch"): "met", ("tcp1", False, "tapswitch-w2"): "missed",
            ("tcp1", True, "tapswitch"): "met", ("tcp1", True, "tapswitch-w2"): "met",
            ("paced-2k-p50", False, "tapswitch"): "met",
            ("paced-2k-p50", False, "tapswitch-w2"): "met"})
        self.assertEqual(goals.verdicts(rows, "relay"), ())

    def test_what_the_kernel_carries_has_goals_of_its_own(self):
        rows = fixture.results({"bridge": 1.0, "tapswitch": 1.02, "tapswitch-veth": 1.02}).rows()
        found = {one.peer: (one.goal.limit, one.word) for one in goals.verdicts(rows, "bridge")
                 if one.goal.series == "tcp1" and not one.goal.of_cost}
        self.assertEqual(found, {"tapswitch": (1.0, "met"), "tapswitch-veth": (1.03, "missed")})

    def test_guests_have_goals_against_a_bridge_with_guests_alone(self):
        factors = {"bridge": 2.0, "bridge-guests": 1.0, "tapswitch": 1.5, "tapswitch-guests": 1.02,
                   "tapswitch-guests-user": 0.9}
        rows = fixture.results(factors).rows()
        for reference, peer in (("bridge", "tapswitch"), ("bridge-guests", "tapswitch-guests")):
            self.assertEqual({one.peer for one in goals.verdicts(rows, reference)}, {peer})


if __name__ == "__main__":
    unittest.main()
